"""Results of the JSON checks on bytes."""

import pytest

from schemas.decode.json_object import inspect_object
from schemas.outcomes import Code, Rejected


def inspected(data: bytes):
    """Return the findings in an object."""
    return inspect_object(data, lambda value: ())


def code_of(data: bytes) -> Code:
    """Return the code with which these bytes are rejected."""
    with pytest.raises(Rejected) as rejected:
        inspected(data)
    return rejected.value.code
