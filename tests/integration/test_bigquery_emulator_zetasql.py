"""What the emulator's tests expect of numbers is what ZetaSQL, Google's own engine, gives."""

import pytest

from tests.support.number_examples import SUMS, TEXTS, wide_sum
from tests.support.zetasql_engine import ZetaSql

NULL = "<NULL>"


@pytest.fixture(scope="module")
def zetasql() -> ZetaSql:
    return ZetaSql([])


def test_google_writes_numbers_as_expected(zetasql: ZetaSql) -> None:
    found = {expression: zetasql.value(f"IFNULL({expression}, '{NULL}')") for expression, _ in TEXTS}
    assert found == {expression: text or NULL for expression, text in TEXTS}


def test_google_adds_numbers_as_expected(zetasql: ZetaSql) -> None:
    found = [zetasql.value(f"IFNULL({wide_sum(numbers)}, '{NULL}')") for numbers, _ in SUMS]
    assert found == [total or NULL for _, total in SUMS]
