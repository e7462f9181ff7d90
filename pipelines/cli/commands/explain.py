"""The command `explain`: explain an error code or a note, with a message that causes it and how to fix it."""

import argparse
import json
import textwrap

from pipelines.errors import UserError
from pipelines.suggest import did_you_mean
from schemas.docs.contract_page import stages_of
from schemas.docs.error_codes import EXPLANATIONS, NOTES, show
from schemas.faults.field_rules import FieldRule, all_paths, find_rules
from schemas.outcomes import Code, Note

WIDTH = 100


def run(args: argparse.Namespace) -> int:
    """Print one explanation, or the list of codes and notes."""
    print(explain(args.code) if args.code else overview())
    return 0


def explain(given: str) -> str:
    """Return the explanation of a code, a note or the path of a field; raise UserError for what is none of them."""
    if rules := find_rules(given):
        return "\n\n".join(_explain_field(rule, event_types) for rule, event_types in rules)
    name = given.upper()
    if name in Note.__members__:
        return _wrap(f"{name} (a note of a valid event): {NOTES[Note(name)]}.")
    if name not in Code.__members__:
        known = [*Code.__members__, *Note.__members__]
        hint = did_you_mean(given, [*known, *all_paths()]) or f"; there are {', '.join(known)}"
        raise UserError(f"CODE {given}: no such code, and no field of an event type{hint}")
    code = Code(name)
    explained = EXPLANATIONS[code]
    lines = [f"{name} (stage: {stages_of(code)})", _wrap(explained.meaning), ""]
    for example in explained.examples:
        lines += ["Example:", textwrap.indent(show(example) or "(no bytes)", "    "), ""]
    return "\n".join([*lines, _wrap(f"To fix it: {explained.remedy}")])


def _explain_field(rule: FieldRule, event_types: list[str]) -> str:
    lines = [
        f"{rule.path} of {', '.join(event_types)}",
        f"{'required' if rule.required else 'optional'}, JSON type {rule.json_type}",
        _wrap(f"Rule: {rule.rule}."),
    ]
    if rule.example is not None:
        lines.append(f"Example: {json.dumps(rule.example)}")
    return "\n".join(lines)


def overview() -> str:
    """Return every code and note, each with the first sentence of its meaning."""
    lines = [f"{code.value:<20} {_first_sentence(EXPLANATIONS[code].meaning)}" for code in Code]
    lines += ["", "Notes of valid events:"]
    lines += [f"{note.value:<20} {NOTES[note]}" for note in Note]
    return "\n".join(line if len(line) <= WIDTH else f"{line[: WIDTH - 2]} …" for line in lines)


def _first_sentence(text: str) -> str:
    return text.split(". ")[0].split(": ")[0].rstrip(".")


def _wrap(text: str) -> str:
    return textwrap.fill(text, WIDTH)
