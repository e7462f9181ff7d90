"""The documents as data: their code blocks, commands and links; and a copy of the project to run them in."""

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.command import run_command
from tests.support.paths import ROOT

TUTORIAL = "docs/tutorial.md"
PAGES = sorted(
    str(path.relative_to(ROOT))
    for pattern in ("*.md", "docs/*.md", "docs/runbooks/*.md", "docs/decisions/*.md", "tests/*.md", "templates/*/*.md")
    for path in ROOT.glob(pattern)
)
MARKS = {"cloud", "emulator", "long"}
"""Why a shell fence is not run: it needs a project of Google's; the Pub/Sub emulator; minutes, or until it is stopped."""
_FENCE = re.compile(r"^```([^\n`]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_SHELL = re.compile(r"[|&;$<]")


@dataclass(frozen=True)
class Fence:
    """One fenced block of a page: `info` is the text after the back-ticks."""

    page: str
    line: int
    info: tuple[str, ...]
    text: str

    @property
    def language(self) -> str:
        return self.info[0] if self.info else ""

    @property
    def marks(self) -> set[str]:
        return {word for word in self.info[1:] if "=" not in word}

    def value(self, name: str) -> str | None:
        """Return the value of `name=value` in the info string, or None."""
        return next((word.partition("=")[2] for word in self.info[1:] if word.startswith(f"{name}=")), None)

    @property
    def exit_code(self) -> int:
        return int(self.value("exit") or 0)

    def commands(self) -> list[str]:
        """Return the block's command lines without comments."""
        joined = self.text.replace("\\\n", " ")
        return [line for line in joined.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def text_of(page: str) -> str:
    """Return a page's text."""
    return (ROOT / page).read_text(encoding="utf-8")


def fences(page: str) -> list[Fence]:
    """Return the fenced blocks of a page, in order."""
    text = text_of(page)
    return [
        Fence(page, text.count("\n", 0, found.start()) + 1, tuple(found[1].split()), found[2])
        for found in _FENCE.finditer(text)
    ]


def spans(page: str) -> list[str]:
    """Return the text between single back-ticks outside code blocks."""
    return _SPAN.findall(_FENCE.sub("", text_of(page)))


def links(page: str) -> list[str]:
    """Return the targets of a page's links that are not on the web."""
    found = _LINK.findall(_FENCE.sub("", text_of(page)))
    return [target for target in found if not re.match(r"[a-z]+:", target)]


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page: those that GitHub makes of headings, and explicit ones (`<a id="…">`)."""
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    made = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return made | set(re.findall(r'<a id="([^"]+)">', text))


def pipeline_words(command: str) -> list[str] | None:
    """Return the words behind `python -m pipelines` or `event-pipelines`, None for any other command."""
    words = shlex.split(command, comments=True)
    if words:
        words[0] = words[0].removeprefix(".venv/bin/")
    for start in (["python", "-m", "pipelines"], ["event-pipelines"]):
        if words[: len(start)] == start:
            return words[len(start) :]
    return None


def copy_project(folder: Path) -> Path:
    """Copy the project's own files, with this environment as its .venv, and return the folder."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    (folder / ".venv").symlink_to(ROOT / ".venv")
    for name in (
        "requirements.txt",
        "requirements-api.txt",
        "requirements-cloud-sql.txt",
        "requirements-dev.txt",
        "pyproject.toml",
        "setup.py",
    ):  # older than the environment
        os.utime(folder / name, (0, 0))
    return folder


def run_in_shell(text: str, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run text as bash does, on the project copied to the folder."""
    path = f"{folder / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, "PYTHONPATH": str(folder), "COLUMNS": "200", **more}
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=1500,
        check=False,
    )


def run_here(fence: Fence, folder: Path) -> Iterator[tuple[str, int, str]]:
    """Run a block line by line, this project's commands in this process; yield line, exit code, what it printed."""
    for line in fence.commands():
        words = pipeline_words(line)
        if words is None or _SHELL.search(line):
            done = run_in_shell(line, folder)
            yield line, done.returncode, done.stdout + done.stderr
            continue
        into = words[words.index(">") + 1] if ">" in words else None
        code, out, err = run_command(*(words[: words.index(">")] if into else words))
        if into:
            (folder / into).write_text(out)
        yield line, code, out + err
