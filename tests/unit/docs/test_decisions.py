"""Decision notes have one form, numbers without gaps, and every reference to one of them leads somewhere."""

import re
import subprocess

import pytest

from tests.support.paths import ROOT

FOLDER = ROOT / "docs" / "decisions"
NOTES = sorted(FOLDER.glob("[0-9]*.md"))
SUFFIXES = (".py", ".md", ".tf", ".yaml", ".toml")


def test_numbers_have_no_gaps():
    assert [int(note.name[:4]) for note in NOTES] == list(range(1, len(NOTES) + 1))


@pytest.mark.parametrize("note", NOTES, ids=lambda note: note.stem)
def test_a_note_has_the_one_form(note):
    text = note.read_text()
    assert re.match(rf"# {note.name[:4]} .+\n\n(Accepted|Replaced) 20\d\d-\d\d-\d\d", text)
    assert re.findall(r"^## (.+)$", text, re.M) == ["Context", "Decision", "Consequences"]
    assert f"({note.name})" in (FOLDER / "README.md").read_text()


def test_every_reference_names_a_note():
    numbers = {note.name[:4] for note in NOTES}
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    unknown = []
    for name in listed:
        if name.endswith(SUFFIXES) and (ROOT / name).is_file():
            found = re.findall(r"decisions?[ /]\[?(\d{4})\b", (ROOT / name).read_text())
            unknown += [(name, number) for number in found if number not in numbers]
    assert unknown == []
