"""A checker of Google Workflows: steps, jumps, calls and expressions. There is no public parser; the syntax is that of
https://cloud.google.com/workflows/docs/reference/syntax
"""

import ast
import re
from collections.abc import Iterator
from typing import Any

STEP_KEYS = {"assign", "call", "args", "result", "try", "retry", "except", "switch", "next", "raise", "return", "steps"}
CALLS = {"http.post", "http.get", "sys.sleep", "sys.log"}
FUNCTIONS = {
    "sys.get_env", "sys.now", "time.format", "text.replace_all", "text.substring", "json.decode", "map.get", "default",
    "base64.decode", "len", "string",
}  # fmt: skip
VALUES = {"http.default_retry", "http.default_retry_predicate"}
JUMPS = {"end", "break", "continue"}


def problems(workflow: dict[str, Any]) -> list[str]:
    """Return the errors of a workflow."""
    return [problem for name, body in workflow.items() for problem in _subworkflow(name, body, set(workflow))]


def _subworkflow(name: str, body: dict[str, Any], workflows: set[str]) -> Iterator[str]:
    if unknown := body.keys() - {"params", "steps"}:
        yield f"{name}: unknown {unknown}"
    steps = [next(iter(step.items())) for step in body["steps"]]
    names = [label for label, _ in steps]
    if len(set(names)) != len(names):
        yield f"{name}: two steps of one name"
    known = set(body.get("params", [])) | {"sys", "http", "time", "text", "json", "map", "base64"} | workflows
    reached = {names[0]}
    for place, (label, step) in enumerate(steps):
        inner = step.get("try", step)
        if unknown := inner.keys() - STEP_KEYS:
            yield f"{label}: unknown {unknown}"
        if inner is not step and (unknown := step.keys() - STEP_KEYS):
            yield f"{label}: unknown {unknown}"
        if "call" in step and step["call"] not in CALLS:
            yield f"{label}: calls {step['call']}"
        if "call" not in step and step.keys() & {"args", "result"}:
            yield f"{label}: args or result without a call"
        for item in step.get("assign", []):
            known.add(re.split(r"[.\[]", next(iter(item)))[0])
        if "result" in inner:
            known.add(inner["result"])
        if handler := step.get("except"):
            if handler.keys() != {"as", "steps"}:
                yield f"{label}: except needs as and steps, and no more"
            known.add(handler.get("as", ""))
            nested = [next(iter(one.items())) for one in handler.get("steps", [])]
            for inner_label, inner_step in nested:
                if unknown := inner_step.keys() - STEP_KEYS:
                    yield f"{inner_label}: unknown {unknown}"
                if "call" in inner_step and inner_step["call"] not in CALLS:
                    yield f"{inner_label}: calls {inner_step['call']}"
            if not nested or not nested[-1][1].keys() & {"next", "return", "raise"}:
                yield f"{label}: after except it goes on as if nothing had failed"
        yield from (f"{label}: {problem}" for problem in _expressions(step, known))
        jumps = [step["next"]] if "next" in step else []
        jumps += [case["next"] for case in step.get("switch", []) if "next" in case]
        yield from (f"{label}: jumps to {jump}, which is no step" for jump in jumps if jump not in {*names, *JUMPS})
        reached.update(jumps)
        if not step.keys() & {"next", "return", "raise"} and place + 1 < len(names):
            reached.add(names[place + 1])
    yield from (f"{label}: is never reached" for label in names if label not in reached)
    if not any("return" in step or any("return" in case for case in step.get("switch", [])) for _, step in steps):
        yield f"{name}: never returns"


def _expressions(value: Any, known: set[str]) -> Iterator[str]:
    if isinstance(value, dict):
        for part in value.values():
            yield from _expressions(part, known)
    elif isinstance(value, list):
        for part in value:
            yield from _expressions(part, known)
    elif isinstance(value, str) and "${" in value:
        match = re.fullmatch(r"\$\{(.*)\}", value, re.DOTALL)
        if match is None:
            yield f"{value!r}: text around an expression"
            return
        yield from _expression(match[1], known)


def _expression(text: str, known: set[str]) -> Iterator[str]:
    if len(text) > 400:
        yield "an expression of more than 400 characters"
    try:
        tree = ast.parse(text.strip(), mode="eval")  # the two languages have these operators in common
    except SyntaxError:
        yield f"{text!r}: is no expression"
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) not in FUNCTIONS:
            yield f"calls {ast.unparse(node.func)}"
        elif isinstance(node, ast.Name) and node.id not in known and node.id not in FUNCTIONS:
            yield f"{node.id} is not assigned"
        elif (
            isinstance(node, ast.Attribute)
            and ast.unparse(node).startswith("http.")
            and ast.unparse(node) not in VALUES
        ):
            yield f"{ast.unparse(node)} is unknown"
