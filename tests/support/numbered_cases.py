"""A pytest plugin for `make mutants`: every case of a test can be called by its name.

mutmut calls each test by the name that pytest gave it, and pytest finds none whose case is written with backslashes,
brackets or colons, as hostile texts are. So a case is called by its number. Used with `-p tests.support.numbered_cases` alone; it
sets what pytest keeps to itself.
"""

from collections.abc import Generator
from typing import Any

import pytest
from _pytest.nodeid import coerce_node_id


@pytest.hookimpl(wrapper=True)
def pytest_pycollect_makeitem() -> Generator[None, Any, Any]:
    """Write a number for the case of each test."""
    found = yield
    for number, item in enumerate(found if isinstance(found, list) else ()):
        if isinstance(item, pytest.Function) and item.name != item.originalname:
            item.name = f"{item.originalname}[{number}]"
            item._id = coerce_node_id(f"{item.parent.nodeid}::{item.name}")
    return found
