"""The documents' commands run as they are written, in a copy of the project; what needs a cloud at least parses."""

import argparse
import importlib.util
import re
import shutil
from pathlib import Path

import pytest

from pipelines.cli.main import COMMANDS, build_parser, command_parser
from tests.support.command import run_command
from tests.support.documents import (
    MARKS,
    PAGES,
    ROOT,
    TUTORIAL,
    anchors,
    copy_project,
    fences,
    links,
    pipeline_words,
    run_here,
    run_in_shell,
    spans,
    text_of,
)

SHELL = {page: [fence for fence in fences(page) if fence.language == "sh"] for page in PAGES}
RUN = [page for page, found in SHELL.items() if page != TUTORIAL and any(not fence.marks for fence in found)]
TARGETS = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """A copy of the project in which `make demo` has run, small."""
    folder = copy_project(tmp_path_factory.mktemp("documents") / "project")
    demo = folder / "build" / "demo"
    assert run_command("simulate", "--output", demo / "input", "--events", "500", "--seed", "1")[0] == 0
    assert run_command("local", "--input", demo / "input", "--output", demo / "output")[0] == 0
    return folder


@pytest.fixture
def copy(project, tmp_path, monkeypatch) -> Path:
    folder = tmp_path / "project"
    shutil.copytree(project, folder, symlinks=True)
    monkeypatch.chdir(folder)
    monkeypatch.delenv("PUBSUB_EMULATOR_HOST", raising=False)
    return folder


@pytest.mark.parametrize("page", RUN)
def test_the_commands_of_a_page_run_as_written(page, copy):
    for fence in SHELL[page]:
        if fence.marks:
            continue
        ran = list(run_here(fence, copy))
        codes = [code for _, code, _ in ran]
        assert codes == [0] * (len(ran) - 1) + [fence.exit_code], (f"{page}:{fence.line}", ran)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("page", RUN)
def test_a_shell_runs_the_blocks_of_a_page(page, copy):
    for fence in SHELL[page]:
        if not fence.marks:
            done = run_in_shell(fence.text, copy)
            assert done.returncode == fence.exit_code, (f"{page}:{fence.line}", done.stdout, done.stderr)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_readmes_first_command_creates_what_it_promises(tmp_path):
    folder = copy_project(tmp_path / "project")
    done = run_in_shell("make demo", folder, EVENTS="500")
    assert done.returncode == 0, done.stderr
    named = re.findall(r"`(build/demo/output/[^`]+)`", text_of("README.md"))
    assert len(named) == 4
    assert [name for name in named if not (folder / name).exists()] == []


def test_the_readme_begins_with_two_commands_and_ci_runs_all_tests():
    first = SHELL["README.md"][0]
    assert first.commands() == ["make demo", "make test"]
    assert "make test-all" in (ROOT / ".ci" / "run").read_text().splitlines()


@pytest.mark.parametrize("page", PAGES)
def test_a_fenced_block_names_its_language(page):
    for fence in fences(page):
        assert fence.language, f"{page}:{fence.line}: no language"
        assert fence.language not in ("bash", "shell", "console"), f"{page}:{fence.line}: say sh, so that it is run"
        if fence.language == "sh":
            assert fence.marks <= MARKS, f"{page}:{fence.line}"


def parsed(words: list[str]) -> str | None:
    """Parse a command line without running it; return what is wrong with it."""
    names = [word for word in words if not word.startswith("-")]
    try:
        build_parser(names[:1]).parse_args(words[: words.index(">")] if ">" in words else words)
    except SystemExit as stop:
        return None if not stop.code else f"exit {stop.code}"
    return None


@pytest.mark.parametrize("page", PAGES)
def test_every_command_in_a_block_is_known(page, capsys):
    for fence in SHELL[page]:
        for line in fence.commands():
            words = pipeline_words(line)
            if words is not None:
                assert parsed(words) is None, (f"{page}:{fence.line}", line, capsys.readouterr().err)
            made = re.match(r"make (\S+)", line)
            assert made is None or made[1] in TARGETS, f"{page}:{fence.line}: {line}"
            module = re.match(r"(?:\.venv/bin/)?python -m (\S+)", line)
            assert module is None or importlib.util.find_spec(module[1]), f"{page}:{fence.line}: {line}"


def known_options(words: list[str]) -> set[str]:
    """Return the options of a command and of the sub-command that the words name."""
    parser = command_parser(words[0])
    found = set(parser._option_string_actions)
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            chosen = action.choices.get(words[1]) if len(words) > 1 else None
            for sub in [chosen] if chosen else action.choices.values():
                found |= set(sub._option_string_actions)
    return found


@pytest.mark.parametrize("page", [page for page in PAGES if not page.startswith(("docs/decisions", "CHANGELOG"))])
def test_every_command_in_a_sentence_has_the_options_it_names(page):
    for span in spans(page):
        words = span.replace(".venv/bin/", "").replace("event-pipelines ", "").split()
        words = words[3:] if words[:3] == ["python", "-m", "pipelines"] else words
        made = words[1:2] if words[:1] == ["make"] else []
        assert made in ([], *([target] for target in TARGETS), ["X"]), (page, span)
        if words and words[0] in COMMANDS and len(words) > 1:
            options = {word.split("=")[0] for word in words[1:] if word.startswith("--")}
            assert options <= known_options(words), (page, span)


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page):
    for link in links(page):
        name, _, anchor = link.partition("#")
        target = (ROOT / page).parent / name if name else ROOT / page
        assert target.exists(), (page, link)
        assert not anchor or target.suffix != ".md" or anchor in anchors(target), (page, link)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_not_long(page):
    assert len(text_of(page).splitlines()) <= 250
