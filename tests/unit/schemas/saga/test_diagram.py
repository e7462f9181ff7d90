"""The saga's documentation is its transition table: generated, and not older than the code."""

import subprocess
import sys

from schemas.saga.diagram import BEGIN_MARK, END_MARK, document, markdown_table, mermaid
from schemas.saga.transitions import MOVES, Input, State
from tests.support.paths import ROOT


def test_the_document_holds_what_is_generated() -> None:
    text = (ROOT / "docs" / "sagas.md").read_text(encoding="utf-8")
    assert text.count(BEGIN_MARK) == text.count(END_MARK) == 1
    generated = text[text.index(BEGIN_MARK) : text.index(END_MARK) + len(END_MARK)]
    assert generated.strip() == document().strip(), "docs/sagas.md: paste what `python -m schemas.saga.diagram` prints"


def test_the_command_prints_the_document() -> None:
    command = [sys.executable, "-X", "utf8", "-m", "schemas.saga.diagram"]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=60, check=True)
    assert printed.stdout.decode("utf-8") == document()


def test_the_diagram_shows_every_move_between_states_once() -> None:
    edges = [line.split(":")[0].split() for line in mermaid().splitlines() if " --> " in line and ":" in line]
    drawn = {tuple(State.START if end == "[*]" else State(end) for end in edge[::2]) for edge in edges}
    assert len(drawn) == len(edges)
    reachable = {(source, move.target) for source, moves in MOVES.items() for move in moves.values()}
    assert drawn <= {(source, target) for source, target in reachable if source is not target}
    assert {(State.PAYMENT_FAILED, State.RELEASED), (State.START, State.CREATED)} <= drawn


def test_the_table_has_a_row_for_each_input_and_a_column_for_each_state() -> None:
    lines = markdown_table().splitlines()
    assert len(lines) == len(Input) + 2
    assert {line.count("|") for line in lines} == {len(State) + 2}
