"""Casts and sums of numbers in DuckDB's SQL, if DuckDB's result differs in value or text from BigQuery's."""

from __future__ import annotations


def number_as_text(value: str, text: str) -> str:
    """Write a NUMERIC without the zeros that DuckDB fills it up with, and a FLOAT64 without `.0`.

    Args:
        value: SQL of the value, whose type is known to DuckDB only.
        text: SQL of its cast to text.
    """
    decimal = f"regexp_replace(regexp_replace({text}, '([.][0-9]*?)0+$', '\\1'), '[.]$', '')"
    return (
        f"CASE WHEN typeof({value}) LIKE 'DECIMAL%' THEN {decimal} "
        f"WHEN typeof({value}) = 'DOUBLE' THEN regexp_replace({text}, '[.]0$', '') ELSE {text} END"
    )


def sum_as_numeric(value: str, *, safe: bool) -> str:
    """Write `[SAFE_]CAST(SUM(CAST(value AS BIGNUMERIC)) AS NUMERIC)` exactly: DuckDB has no decimal of that width.

    Whole parts and fractions are added separately, so a sum may go out of NUMERIC's range and come back. Out of range in the end
    is NULL when safe, else an error.
    """
    number = f"CAST({value} AS DECIMAL(38, 9))"
    fractions = f"SUM({number} - trunc({number}))"
    whole = f"(SUM(CAST(trunc({number}) AS HUGEINT)) + CAST(trunc({fractions}) AS HUGEINT))"
    rest = f"({fractions} - trunc({fractions}))"
    # whole and rest get the same sign, so that the range of the whole part decides
    carry = f"(CASE WHEN {whole} > 0 AND {rest} < 0 THEN 1 WHEN {whole} < 0 AND {rest} > 0 THEN -1 ELSE 0 END)"
    cast = "TRY_CAST" if safe else "CAST"
    return f"(CAST({cast}({whole} - {carry} AS DECIMAL(29, 0)) AS DECIMAL(38, 9)) + ({rest} + {carry}))"
