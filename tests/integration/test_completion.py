"""completion: bash itself completes commands, options and their values with the script; zsh and fish read theirs."""

import subprocess

import pytest

from pipelines.cli.arguments.completion import SHELLS
from pipelines.cli.commands.completion import script
from pipelines.cli.main import COMMANDS, build_parser
from tests.support.command import run_command
from tests.support.tools import require

COMPLETE = """
source {script}
complete -p event-pipelines | grep -oE -- '-F [^ ]+' | cut -c4- > {script}.function
COMP_WORDS=({words})
COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
COMP_LINE="${{COMP_WORDS[*]}}"
COMP_POINT=${{#COMP_LINE}}
"$(cat {script}.function)" event-pipelines "${{COMP_WORDS[COMP_CWORD]}}" "${{COMP_WORDS[COMP_CWORD-1]}}"
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.fixture(scope="module")
def scripts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("completion")
    for shell in SHELLS:
        (folder / shell).write_text(script(build_parser(COMMANDS), shell))
    return folder


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("event-pipelines re", {"replay", "redrive"}),
        ("event-pipelines simulate --ev", {"--events", "--event_bytes"}),
        ("event-pipelines simulate --format ''", {"messages", "events"}),
        ("event-pipelines explain FIELD_", {"FIELD_TYPE", "FIELD_FORMAT", "FIELD_RANGE"}),
        ("event-pipelines schema payment.", {"payment.processed", "payment.failed"}),
        ("event-pipelines query --view order_c", {"order_current"}),
        ("event-pipelines launch dr", {"drain"}),
    ],
)
def test_bash_completes(scripts, words, offered):
    bash = require("bash", "runs the completion script that it is for")
    text = COMPLETE.format(script=scripts / "bash", words=words)
    done = subprocess.run([bash, "--norc", "-c", text], capture_output=True, text=True, timeout=30)
    assert set(done.stdout.split()) == offered, done.stderr


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_a_shell_reads_its_script(scripts, shell):
    program = require(shell, "reads the completion script that is for it")
    done = subprocess.run([program, "-n", str(scripts / shell)], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")
    assert "dead-letters" in (scripts / shell).read_text()


def test_fish_completes(scripts):
    fish = require("fish", "runs the completion script that is for it")
    text = f"source {scripts / 'fish'}; complete --do-complete 'event-pipelines schema payment.'"
    done = subprocess.run([fish, "--no-config", "-c", text], capture_output=True, text=True, timeout=30)
    assert {line.split("\t")[0] for line in done.stdout.splitlines()} == {"payment.processed", "payment.failed"}


def test_the_command_prints_the_script_of_a_shell():
    code, out, err = run_command("completion", "bash")
    assert (code, err) == (0, "")
    assert "complete -" in out
    code, out, err = run_command("completion", "korn")
    assert (code, out) == (2, "")
    assert "shell: korn is unknown; it takes bash, zsh, fish" in err
