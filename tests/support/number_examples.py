"""Numbers as BigQuery writes and adds them: by the emulator and by ZetaSQL the same."""

TEXTS = [
    ("CAST(NUMERIC '9' AS STRING)", "9"),
    ("CAST(NUMERIC '9.50' AS STRING)", "9.5"),
    ("CAST(NUMERIC '100' AS STRING)", "100"),
    ("CAST(NUMERIC '-0.000000001' AS STRING)", "-0.000000001"),
    ("CAST(NUMERIC '0' AS STRING)", "0"),
    ("CAST(BIGNUMERIC '1.50' AS STRING)", "1.5"),
    ("SAFE_CAST(NUMERIC '20.10' AS STRING)", "20.1"),
    ("(SELECT CAST(SUM(x) AS STRING) FROM UNNEST([NUMERIC '1', NUMERIC '2']) AS x)", "3"),
    ("CAST(9.0 AS STRING)", "9"),
    ("CAST(0.5 AS STRING)", "0.5"),
    ("CAST(100 AS STRING)", "100"),
    ("CAST('9.000' AS STRING)", "9.000"),
    ("CAST(CONCAT('9', '.0') AS STRING)", "9.0"),
    ("CAST(TRUE AS STRING)", "true"),
    ("CAST(DATE '2026-06-10' AS STRING)", "2026-06-10"),
    ("CAST(CAST(NULL AS NUMERIC) AS STRING)", None),
]
"""Expressions of type STRING, and their values."""

LARGEST = "99999999999999999999999999999.999999999"
WIDE = "SAFE_CAST(SUM(CAST(x AS BIGNUMERIC)) AS NUMERIC)"
SUMS = [
    ([LARGEST, LARGEST], None),
    ([LARGEST, "0.000000001"], None),
    ([f"-{LARGEST}", "-0.000000001"], None),
    ([LARGEST, LARGEST, LARGEST, f"-{LARGEST}", f"-{LARGEST}"], LARGEST),
    ([LARGEST], LARGEST),
    ([f"-{LARGEST}"], f"-{LARGEST}"),
    (["99999999999999999999999999999", "1", "-0.5"], "99999999999999999999999999999.5"),
    (["-99999999999999999999999999999", "-1", "0.5"], "-99999999999999999999999999999.5"),
    (["0.1", "0.2"], "0.3"),
    (["1", "-0.000000001"], "0.999999999"),
    (["-1", "0.000000001"], "-0.999999999"),
    (["0.6", "0.6", "-0.2"], "1"),
    ([], None),
]
"""What is added up by WIDE, and the sum as text; None where there is none or NUMERIC cannot hold it."""


def wide_sum(numbers: list[str]) -> str:
    """Return an expression of type STRING: the sum of NUMERIC literals by WIDE."""
    values = ", ".join(f"NUMERIC '{number}'" for number in numbers)
    return f"(SELECT CAST({WIDE} AS STRING) FROM UNNEST(ARRAY<NUMERIC>[{values}]) AS x)"
