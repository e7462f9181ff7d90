"""Text of messages and stores as a terminal may show it: nothing in it moves the cursor, changes order, or hides."""

import unicodedata

_ESCAPED = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
"""Categories that a terminal acts on or cannot show: controls (C0, C1), format and bidi characters, lone surrogates,
private and unassigned code points, separators of lines and paragraphs. https://www.unicode.org/reports/tr36/"""


def escape(text: str) -> str:
    """Return a text in which every character that is no plain text is its Python escape, such as \\x1b or \\u202e."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        char.encode("unicode_escape").decode() if unicodedata.category(char) in _ESCAPED else char for char in text
    )
