"""Sums beyond NUMERIC as BigQuery has them: SAFE_CAST(SUM(CAST(x AS BIGNUMERIC)) AS NUMERIC) in DuckDB, digit by digit.

DuckDB has no decimal of more than 38 digits, and a sum beyond them is an error. The sum is made of whole parts and
fractions instead: the whole parts of a billion of the largest NUMERIC values fit 38 digits.
"""

from __future__ import annotations

from typing import Any

from sqlglot import exp

Generator = Any


def try_cast(self: Generator, node: exp.TryCast) -> str:
    """Return the SQL of a SAFE_CAST; that of a sum of BIGNUMERIC to NUMERIC is NULL beyond NUMERIC."""
    total = node.this
    if node.to.this == exp.DataType.Type.DECIMAL and isinstance(total, exp.Sum) and _is_wide(total.this):
        value = f"CAST({self.sql(total.this, 'this')} AS DECIMAL(38, 9))"
        fractions = f"SUM({value} - TRUNC({value}))"
        whole = f"TRY_CAST(SUM(TRUNC({value})) + FLOOR({fractions}) AS DECIMAL(38, 9))"
        return f"({whole} + ({fractions} - FLOOR({fractions})))"
    return str(self.trycast_sql(node))


def _is_wide(node: Any) -> bool:
    return isinstance(node, exp.Cast) and node.to.this == exp.DataType.Type.BIGDECIMAL
