"""The field types of the contract as strict pydantic types: nothing is coerced, money never passes through a float.

See docs/data-contract.md#event-types.

Values come from a JSON parser that keeps a number's text: an `int`, or a `Decimal` for every other number.
"""

import re
from decimal import Decimal
from math import isinf
from types import NoneType
from typing import Annotated, Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, WithJsonSchema
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

from schemas.timestamps import EARLIEST_EVENT_US, TimeFormatError, TimeRangeError, parse_rfc3339

INT64_MAX = 2**63 - 1
MONEY_INTEGER_DIGITS = 29
MONEY_FRACTION_DIGITS = 9
"""BigQuery's NUMERIC: 29 digits before the point and 9 after it."""

_MONEY = re.compile(r"-?([0-9]+)(?:\.([0-9]+))?").fullmatch
_PLAIN_MONEY = re.compile(r"[0-9]{1,29}(?:\.[0-9]{1,9})?").fullmatch


def _type(expected: str) -> PydanticCustomError:
    return PydanticCustomError("contract_type", "{expected} is required here", {"expected": expected})


def _format(expected: str) -> PydanticCustomError:
    return PydanticCustomError("contract_format", "the text is not {expected}", {"expected": expected})


def _range(rule: str) -> PydanticCustomError:
    return PydanticCustomError("contract_range", "the value is outside its range: {rule}", {"rule": rule})


def parse_money(value: object) -> Decimal:
    """Return the exact amount of a money string or JSON number; negative amounts and overlong ones are rejected."""
    if type(value) is str:
        if _PLAIN_MONEY(value):
            return Decimal(value)
        match = _MONEY(value)
        if match is None:
            raise _format("an amount of money")
        whole, fraction = match.groups()
        if len(whole) > MONEY_INTEGER_DIGITS or (fraction and len(fraction) > MONEY_FRACTION_DIGITS):
            raise _range("at most 29 digits before the point and 9 after it")
        amount = Decimal(value)
    elif type(value) is Decimal:
        _, digits, exponent = value.as_tuple()
        # int() tells mypy what the contract says: NaN and infinities never get here
        if not value and int(exponent) > 0:  # 0e30 is zero, but its exponent is out of NUMERIC's range
            return Decimal(0)
        if -int(exponent) > MONEY_FRACTION_DIGITS or len(digits) + int(exponent) > MONEY_INTEGER_DIGITS:
            raise _range("at most 29 digits before the point and 9 after it")
        amount = value
    elif type(value) is int:
        if abs(value) >= 10**MONEY_INTEGER_DIGITS:
            raise _range("at most 29 digits before the point and 9 after it")
        amount = Decimal(value)
    else:
        raise _type("a string or a number")
    if amount < 0:
        raise _range("not negative")
    return amount


def parse_number(value: object) -> float:
    """Return a JSON number as the nearest double; integers must fit int64, like every integer of the contract."""
    if type(value) is Decimal:
        number = float(value)
        if isinf(number):
            raise _range("a finite double")
        return number
    if type(value) is int:
        if not -INT64_MAX - 1 <= value <= INT64_MAX:
            raise _range("a 64-bit integer")
        return float(value)
    raise _type("a number")


def parse_time(value: object) -> int:
    """Return UTC microseconds of an RFC 3339 text not before the year 2000; decode checks it against publishTime."""
    if type(value) is not str:
        raise _type("a string")
    try:
        micros, _ = parse_rfc3339(value)
    except TimeFormatError:
        raise _format("an RFC 3339 time") from None
    except TimeRangeError:
        raise _range("the years 1 to 9999") from None
    if micros < EARLIEST_EVENT_US:
        raise _range("not before the year 2000")
    return micros


_MONEY_SCHEMA = {
    "anyOf": [
        {"type": "string", "pattern": r"^(?:[0-9]{1,29}(?:\.[0-9]{1,9})?|-0+(?:\.0{1,9})?)$"},
        {"type": "number", "minimum": 0, "exclusiveMaximum": 10**MONEY_INTEGER_DIGITS},
    ]
}

# The word in each type is its kind: columns, examples and the contract's page ask for it by `kinds_of`.
Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:@-]{0,127}$"), "id"]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$"), "currency"]
Quantity = Annotated[int, Field(ge=1, le=INT64_MAX), "quantity"]
Money = Annotated[Decimal, PlainValidator(parse_money), WithJsonSchema(_MONEY_SCHEMA), "money"]
Number = Annotated[float, PlainValidator(parse_number), WithJsonSchema({"type": "number"}), "number"]
Time = Annotated[int, PlainValidator(parse_time), WithJsonSchema({"type": "string", "format": "date-time"}), "time"]
Text = Annotated[str, "text"]
PersonalText = Annotated[str, "text", "personal"]
"""Text that names or reaches a person: `analytics` holds only its keyed hash, or NULL (docs/data-contract.md#outputs)."""

_T = TypeVar("_T")
ListOf = Annotated[list[_T], Field(fail_fast=True)]
"""A list of objects. Validation stops at the first bad one: errors of half a million would fill the memory."""


def kinds_of(field: FieldInfo) -> tuple[str, ...]:
    """Return the words by which a field's type is known: `("text", "personal")`."""
    return tuple(word for word in field.metadata if isinstance(word, str))


def optional(*, example: str | None = None) -> Any:
    """Mark a field that may be absent. It may not be null: null is not a value (docs/data-contract.md#envelope).

    Args:
        example: the value that generated examples and the JSON Schema show, if the kind's own does not help a producer.
    """
    return Field(default=None, examples=[example] if example is not None else None)


class Payload(BaseModel):
    """The `data` of one event type, or an object within it. Unknown fields pass here and are noted by decode."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True, hide_input_in_errors=True)

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Reject `T | None`: it would take null, and the word that says a text is personal would be lost in it."""
        for name, field in cls.model_fields.items():
            if NoneType in get_args(field.annotation):
                raise TypeError(
                    f"{cls.__name__}.{name}: null is no value (docs/data-contract.md#envelope); write `{name}: T = optional()`"
                )
