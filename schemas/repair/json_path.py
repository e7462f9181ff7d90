"""Paths into a JSON value as dead letters write them: `data.items[0].quantity`; `[*]` stands for every index. Pure."""

import re
from collections.abc import Iterator
from typing import Any

Step = str | int
EVERY = -1
_STEPS = re.compile(r"(?:^|\.)([^.\[\]]+)|\[(\d{1,9}|\*)\]")
_MAX_STEPS = 64


def parse_path(text: str) -> tuple[Step, ...]:
    """Return the steps of a path; ValueError if it is none."""
    steps: list[Step] = []
    position = 0
    for match in _STEPS.finditer(text):
        if match.start() != position:
            break
        position = match.end()
        steps.append(match[1] if match[1] is not None else EVERY if match[2] == "*" else int(match[2]))
    if not text or position != len(text) or not isinstance(steps[0], str):
        raise ValueError(f"{text!r} is no path like data.items[0].quantity")
    if len(steps) > _MAX_STEPS:
        raise ValueError(f"a path has at most {_MAX_STEPS} steps")
    return tuple(steps)


def path_matches(pattern: str, path: str) -> bool:
    """Tell whether a path matches a pattern with `[*]`."""
    return pattern == path or re.sub(r"\[\d+\]", "[*]", path) == pattern


def places(value: Any, steps: tuple[Step, ...]) -> Iterator[tuple[Any, Step]]:
    """Yield (container, key) of every place that a path matches, whether or not the last key exists."""
    head, rest = steps[0], steps[1:]
    if head == EVERY and isinstance(value, list):
        for index in range(len(value)):
            yield from places(value, (index, *rest))
        return
    fits = isinstance(value, dict) if isinstance(head, str) else isinstance(value, list) and 0 <= head < len(value)
    if not fits:
        return
    if not rest:
        yield value, head
    elif not isinstance(value, dict) or head in value:
        yield from places(value[head], rest)


def missing_parent(value: Any, steps: tuple[Step, ...]) -> tuple[Step, ...] | None:
    """Return the first part of a path that has nothing at it, the last step aside; None if every place has its parent.

    A list without items has no places, and so nothing is missing in it.
    """
    for number, step in enumerate(steps):
        if step == EVERY and isinstance(value, list):
            found = (missing_parent(item, steps[number + 1 :]) for item in value if number + 1 < len(steps))
            behind = next((rest for rest in found if rest is not None), None)
            return None if behind is None else (*steps[: number + 1], *behind)
        fits = isinstance(value, dict) if isinstance(step, str) else isinstance(value, list) and 0 <= step < len(value)
        if not fits:
            return steps[: number + (isinstance(value, list) and isinstance(step, int))]
        if number + 1 == len(steps):
            return None
        if isinstance(value, dict) and step not in value:
            return steps[: number + 1]
        value = value[step]
    return None


def make_parents(value: Any, steps: tuple[Step, ...]) -> None:
    """Create the objects that are missing on the way to a path's last step; what is there stays as it is."""
    for number, step in enumerate(steps[:-1]):
        if step == EVERY and isinstance(value, list):
            for item in value:
                make_parents(item, steps[number + 1 :])
            return
        if isinstance(value, dict) and isinstance(step, str):
            if value.get(step) is None and isinstance(steps[number + 1], str):
                value[step] = {}
            if step not in value:
                return
        elif not (isinstance(value, list) and isinstance(step, int) and 0 <= step < len(value)):
            return
        value = value[step]


def path_text(steps: tuple[Step, ...]) -> str:
    """Return steps as a path; `the payload` for none."""
    text = "".join(f".{step}" if isinstance(step, str) else "[*]" if step == EVERY else f"[{step}]" for step in steps)
    return text.removeprefix(".") or "the payload"


def holds(container: Any, key: Step) -> bool:
    """Tell whether a place has a value."""
    return isinstance(container, list) or key in container
