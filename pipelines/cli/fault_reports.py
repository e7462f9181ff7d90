"""The verdicts of `validate` in the forms that a producer's CI reads: text, JSON lines, GitHub, SARIF, JUnit.

A report holds codes, paths, rules and positions, and no value of a payload.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from xml.sax.saxutils import quoteattr

import msgspec

from pipelines.cli.arguments.validate import REPORTS
from pipelines.terminal_text import escape
from pipelines.version import pipeline_version
from schemas.docs.error_codes import EXPLANATIONS
from schemas.faults.all_faults import Fault
from schemas.outcomes import Code

SARIF = "https://json.schemastore.org/sarif-2.1.0.json"
PROJECT = "event-pipelines"


class Verdict(msgspec.Struct, frozen=True, omit_defaults=True):
    """The outcome of the message on a line: `valid`, `duplicate` or `dead letter`, and why. It quotes no value.

    `faults` are all faults of a dead letter, the first being `code`; only `--all` looks for them.
    """

    line: int
    outcome: str
    code: str = ""
    path: str = ""
    reason: str = ""
    notes: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()
    file: str = ""

    def __str__(self) -> str:
        place = f"{escape(self.file)}:{self.line}" if self.file else str(self.line)
        parts = [f"{place}: {self.outcome}", self.code, self.path, ", ".join(self.notes)]
        text = " ".join(part for part in parts if part) + (f" ({self.reason})" if self.reason else "")
        return "\n".join([text, *(f"    {fault}" for fault in self.faults)])

    def all_faults(self) -> tuple[Fault, ...]:
        """Return the faults; those of a verdict that was not searched for all are the one it has."""
        return self.faults or ((Fault("", self.code, self.path, self.reason),) if self.code else ())


def text_report(verdicts: Iterable[Verdict]) -> Iterator[str]:
    """Yield a verdict per message."""
    yield from map(str, verdicts)


def json_report(verdicts: Iterable[Verdict]) -> Iterator[str]:
    """Yield one JSON object per message."""
    for verdict in verdicts:
        yield msgspec.json.encode(verdict).decode()


def github_report(verdicts: Iterable[Verdict]) -> Iterator[str]:
    """Yield a workflow command per fault, which GitHub shows beside the line.

    See https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions#setting-an-error-message.
    """
    for verdict in verdicts:
        for fault in verdict.all_faults():
            line = verdict.line + max(fault.line - 1, 0)
            column = f",col={fault.column}" if fault.column else ""
            place = f"file={_property(verdict.file)},line={line}{column},title={fault.code}"
            yield f"::error {place}::{_message(str(fault))}"


def sarif_report(verdicts: Iterable[Verdict]) -> Iterator[str]:
    """Yield one SARIF 2.1.0 log, for code scanning."""
    results, used = [], Counter[str]()
    for verdict in verdicts:
        for fault in verdict.all_faults():
            used[fault.code] += 1
            region = {"startLine": verdict.line + max(fault.line - 1, 0)}
            if fault.column:
                region["startColumn"] = fault.column
            location = {"artifactLocation": {"uri": verdict.file.replace("\\", "/")}, "region": region}
            results.append(
                {
                    "ruleId": fault.code,
                    "level": "error",
                    "message": {"text": str(fault)},
                    "locations": [{"physicalLocation": location}],
                }
            )
    rules = [
        {
            "id": code,
            "shortDescription": {"text": EXPLANATIONS[Code(code)].meaning},
            "help": {"text": EXPLANATIONS[Code(code)].remedy},
        }
        for code in sorted(used)
    ]
    driver = {"name": PROJECT, "semanticVersion": pipeline_version(), "rules": rules}
    log = {"$schema": SARIF, "version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": results}]}
    yield json.dumps(log, indent=2)


def junit_report(verdicts: Iterable[Verdict]) -> Iterator[str]:
    """Yield one JUnit XML document: a test case per message."""
    cases, failed = [], 0
    for verdict in verdicts:
        name = f"classname={quoteattr(verdict.file)} name={quoteattr(f'line {verdict.line}')}"
        faults = verdict.all_faults()
        failed += bool(faults)
        if not faults:
            cases.append(f"    <testcase {name}/>")
            continue
        message = quoteattr("; ".join(str(fault) for fault in faults))
        cases.append(f"    <testcase {name}>")
        cases.append(f'      <failure type="{faults[0].code}" message={message}/>')
        cases.append("    </testcase>")
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield f'<testsuites><testsuite name="{PROJECT} validate" tests="{_cases(cases)}" failures="{failed}">'
    yield from cases
    yield "</testsuite></testsuites>"


def _cases(lines: list[str]) -> int:
    return sum(line.lstrip().startswith("<testcase") for line in lines)


def _message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")


RENDERED: dict[str, Callable[[Iterable[Verdict]], Iterator[str]]] = dict(
    zip(REPORTS, (text_report, json_report, github_report, sarif_report, junit_report), strict=True)
)
