"""What the payload's own checks say of bytes."""

import pytest

from schemas.decode.json_object import inspect_object
from schemas.outcomes import Code, Refused


def inspected(data: bytes):
    """Return what is found in an object."""
    return inspect_object(data, lambda value: ())


def code_of(data: bytes) -> Code:
    """Return the code that refuses these bytes."""
    with pytest.raises(Refused) as refused:
        inspected(data)
    return refused.value.code
