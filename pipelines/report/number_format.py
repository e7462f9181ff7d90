"""Format numbers: thousands separators, durations in a fitting unit, money to the cent."""

from collections.abc import Iterable
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from typing import Any

_UNITS = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"), (1.0, "s"))
NOTHING = "\u2013"
"""Shown if there is no value: an en dash."""

_CENT = Decimal("0.01")


def number(value: int) -> str:
    """Return a count with thousands separators."""
    return f"{value:,}"


def counted(count: int, thing: str) -> str:
    """Return a count with its noun."""
    return f"{count:,} {thing}{'s' * (count != 1)}"


def share(part: int, whole: int) -> str:
    """Return a part in percent; a small share above zero is never shown as 0 %, nor one below all as 100 %."""
    if not whole:
        return NOTHING
    percent = 100 * part / whole
    if 0 < percent < 0.01:
        return "< 0.01 %"
    if 99.99 < percent < 100:
        return "> 99.99 %"
    return f"{percent:.2f} %"


def duration(seconds: float) -> str:
    """Return a duration with three digits at most, in milliseconds to days."""
    sign, size = ("-" if seconds < 0 else ""), abs(seconds)
    for unit, name in _UNITS:
        if size >= unit:
            return f"{sign}{_three(size / unit)} {name}"
    return f"{sign}{_three(size * 1000)} ms"


def money(amount: Decimal | None) -> str:
    """Return an amount to the cent with thousands separators; None is a sum beyond NUMERIC."""
    if amount is None:
        return "beyond NUMERIC"
    with localcontext(prec=60):
        return f"{amount.quantize(_CENT, ROUND_HALF_EVEN):,}"


def add_money(amounts: Iterable[Decimal | None]) -> Decimal | None:
    """Return the exact sum of amounts; None if any of them is beyond NUMERIC."""
    known = list(amounts)
    with localcontext(prec=60):
        return None if None in known else sum((amount for amount in known if amount is not None), Decimal())


def quantity(value: float) -> str:
    """Return a measured value with four digits at most."""
    return f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"


def moment(at: datetime) -> str:
    """Return an instant in UTC, to the second."""
    return f"{at:%Y-%m-%d %H:%M:%S}"


def bucket_words(start: datetime, width: int) -> str:
    """Return the start of a bucket of this width in seconds: only the day if the width is a day or more."""
    return f"{start:%d %b %Y}" if width >= 86_400 else f"{start:%d %b %Y %H:%M}"


def plain(value: Any) -> str:
    """Return the value of an option as text."""
    if value is None or value == "":
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(plain(item) for item in value) or NOTHING
    return str(value)


def _three(value: float) -> str:
    return f"{value:,.0f}" if value >= 99.95 else f"{value:.3g}"
