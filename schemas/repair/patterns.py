"""Patterns and replacements of repair rules: RE2, whose time is linear in the text, and templates checked when loaded.

A pattern of a backtracking engine could take a worker for ever (`(a+)+$`). RE2 has no look-around and no back-references.
See https://github.com/google/re2/wiki/Syntax.
"""

import re
from functools import cache
from typing import Any

import re2

from schemas.message import MAX_BYTES
from schemas.repair.errors import NotRepaired

Template = tuple[str | int, ...]
"""A replacement: texts, and numbers of groups."""
_OPTIONS = re2.Options()
_OPTIONS.log_errors = False
_REFERENCE = re.compile(r"\\(?:(\d{1,2})|g<(\w+)>|(\\)|(n)|(t)|(.?))", re.DOTALL)


@cache
def compile_pattern(pattern: str) -> Any:
    """Return the compiled pattern; ValueError says what RE2 does not accept."""
    try:
        return re2.compile(pattern, _OPTIONS)
    except re2.error as error:
        reason = error.args[0] if error.args else ""
        text = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        raise ValueError(
            f"the pattern is not valid (RE2 syntax, without look-around and back-references): {text}"
        ) from None
    except UnicodeEncodeError:
        raise ValueError("the pattern holds half of a surrogate pair") from None


@cache
def compile_template(pattern: str, replacement: str) -> Template:
    r"""Return the parts of a replacement: `\1`, `\g<1>` and `\g<name>` are groups, `\\`, `\n` and `\t` characters.

    ValueError for a group that the pattern does not have and for any other backslash.
    """
    compiled = compile_pattern(pattern)
    if any("\ud800" <= char <= "\udfff" for char in replacement):
        raise ValueError("the replacement has half of a surrogate pair")
    parts: list[str | int] = []
    at = 0
    for found in _REFERENCE.finditer(replacement):
        parts.append(replacement[at : found.start()])
        at = found.end()
        number, name, backslash, newline, tab, _ = found.groups()
        if name is not None and not name.isdigit():
            group = compiled.groupindex.get(name, -1)
        elif name is not None or number is not None:
            group = int(name or number)
        elif backslash or newline or tab:
            parts.append("\\" if backslash else "\n" if newline else "\t")
            continue
        else:
            raise ValueError(rf"the replacement has {found[0]!r}; write \\ for a backslash")
        if not 0 <= group <= compiled.groups:
            raise ValueError(f"the replacement has {found[0]!r}, but the pattern has {compiled.groups} groups")
        parts.append(group)
    return (*parts, replacement[at:])


def replace_all(pattern: str, replacement: str, text: str) -> str:
    """Return the text with every match replaced; NotRepaired if RE2 cannot read it or the result is over the size limit."""
    template = compile_template(pattern, replacement)
    made = 0

    def expand(match: Any) -> str:
        nonlocal made
        piece = "".join(part if isinstance(part, str) else match.group(part) or "" for part in template)
        made += len(piece)
        if made > MAX_BYTES:
            raise NotRepaired(f"the repaired payload is larger than {MAX_BYTES} bytes")
        return piece

    try:
        result: str = compile_pattern(pattern).sub(expand, text)
    except UnicodeEncodeError:
        raise NotRepaired("a text holds half of a surrogate pair") from None
    return result
