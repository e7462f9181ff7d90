"""Suggest the known word that a misspelled one is nearest to."""

import difflib
from collections.abc import Iterable


def did_you_mean(given: str, known: Iterable[str]) -> str:
    """Return `; did you mean X?`, or an empty text if no known word is near; dashes and case do not count."""
    alike = {_plain(word): word for word in known}
    near = difflib.get_close_matches(_plain(given), alike, 1, 0.6)
    return f"; did you mean {alike[near[0]]}?" if near else ""


def _plain(word: str) -> str:
    return word.lower().strip("-").replace("-", "_")
