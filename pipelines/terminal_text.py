"""Text of messages and stores as a terminal may show it: nothing in it moves the cursor, changes the order, or hides.

Escaped are controls (C0, C1), format and bidirectional characters, lone surrogates, private and unassigned code points,
and separators of lines and paragraphs. https://www.unicode.org/reports/tr36/
"""

import unicodedata

_ESCAPED = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def escape(text: str, keep: str = "") -> str:
    r"""Return a text in which every character that a terminal acts on is its Python escape, such as \x1b or \u202e.

    Args:
        keep: characters that stay as they are.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        char.encode("unicode_escape").decode() if unicodedata.category(char) in _ESCAPED and char not in keep else char
        for char in text
    )


def escape_json(text: str) -> str:
    r"""Return JSON text that means the same, in which every character that a terminal acts on is \uXXXX."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_json_escape(char) if unicodedata.category(char) in _ESCAPED else char for char in text)


def _json_escape(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[index] << 8 | units[index + 1]:04x}" for index in range(0, len(units), 2))
