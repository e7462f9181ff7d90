"""A pytest plugin for `make mutants`: every test can be called by its name.

pytest finds no test by a name that holds a backslash, as escaped texts in ids do, and mutmut calls tests by name. Used
with `-p tests.support.named`; it sets what pytest keeps to itself, and is loaded for nothing else.
"""

from collections.abc import Generator
from typing import Any

import pytest
from _pytest.nodeid import coerce_node_id


@pytest.hookimpl(wrapper=True)
def pytest_pycollect_makeitem() -> Generator[None, Any, Any]:
    """Write a bar for each backslash."""
    found = yield
    for item in found if isinstance(found, list) else ():
        if "\\" in item.name:
            item.name, item._id = item.name.replace("\\", "|"), coerce_node_id(item.nodeid.replace("\\", "|"))
    return found
