"""InsertRows and LoadFiles: Beam's STREAMING_INSERTS and FILE_LOADS behind the same input and outputs as AppendRows.

For where the Storage Write API is not wanted: inserts are simple and slow, at least once; load jobs cost nothing and
have no time limit. Beam takes dicts, row by row, and knows no mixed input, so there is one write a table. Beam retries
an insert 10,000 times by default and logs what BigQuery says, values and all: both are bounded here.
"""

import base64
import json
import logging
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import apache_beam as beam
import pyarrow as pa
from apache_beam.io.gcp.bigquery import BigQueryDisposition, RetryStrategy, WriteToBigQuery
from apache_beam.io.gcp.bigquery_tools import BigQueryWrapper
from apache_beam.transforms.window import GlobalWindows
from apache_beam.typehints.decorators import no_annotations
from apache_beam.utils.windowed_value import WindowedValue

from schemas.outcomes import Code
from schemas.tables.definitions import DEAD_LETTERS, TABLES, Table
from transforms.sinks.bigquery.append_errors import row_reason
from transforms.sinks.bigquery.bigquery import RETRY_BUDGET_SECONDS
from transforms.sinks.bigquery.bigquery_tables import BigQueryTables
from transforms.sinks.bigquery.counters import count_made, count_rejected
from transforms.sinks.bigquery.insert_bisection import insert_by_halves, is_whole
from transforms.sinks.failed_rows_to_dead_letters import UndeliveredRows
from transforms.sinks.results import AppendResult, FailedRows
from transforms.table_rows import Run, TableRows

_FIRST_WAIT_SECONDS = 0.2  # Beam's own; each wait after it is twice as long
_REJECTIONS = {"invalid", "Bad Request", "Forbidden", "Not Found", "Unauthorized", "notImplemented", "Not Implemented"}
HALVED_ROWS = 500
"""Most rows of failed requests that are sent again together; Beam's own requests have as many."""
_BEAM_LOG = "apache_beam.io.gcp.bigquery"


def retries_within(budget_seconds: float) -> int:
    """Say how many of Beam's doubling waits fit into a budget. Beam counts them a bundle, not a request."""
    return int(math.log2(budget_seconds / _FIRST_WAIT_SECONDS + 1))


def to_dicts(rows: pa.RecordBatch, table: Table, parse_json: bool) -> list[dict[str, Any]]:
    """Return the rows as Beam's writers take them: BYTES in base64, and JSON parsed where it goes to a file."""
    dicts: list[dict[str, Any]] = rows.to_pylist()
    for column in table.columns:
        if column.type == "BYTES":
            _each(dicts, column.name, lambda value: base64.b64encode(value).decode())
        elif column.type == "JSON" and parse_json:
            _each(dicts, column.name, json.loads)
    return dicts


def from_dict(row: Mapping[str, Any], table: Table) -> pa.RecordBatch:
    """Undo `to_dicts` for one row that Beam hands back."""
    dicts = [dict(row)]
    for column in table.columns:
        if column.type == "BYTES":
            _each(dicts, column.name, base64.b64decode)
    return pa.RecordBatch.from_pylist(dicts, schema=table.arrow_schema())


def _each(dicts: Iterable[dict[str, Any]], name: str, change: Any) -> None:
    for row in dicts:
        if row.get(name) is not None:
            row[name] = change(row[name])


def insert_failure(errors: Iterable[Mapping[str, str]], table: Table) -> tuple[Code, str, str | None]:
    """Return the code, the reason without a value, and the column of insertAll's errors about one row."""
    first = next(iter(errors), {})
    reason, columns = first.get("reason", ""), [column.name for column in table.columns]
    if reason == "invalid":
        named = row_reason(f"field {first.get('location', '')}: {first.get('message', '')}", columns)
        return Code.SINK_REJECTED, str(named), named.column
    known = reason if reason in _REJECTIONS else "the retries were used up"
    return (Code.SINK_REJECTED if reason in _REJECTIONS else Code.SINK_EXHAUSTED), f"insertAll: {known}", None


RowsInput: TypeAlias = beam.PCollection[TableRows] | tuple[beam.PCollection[TableRows], ...]


@dataclass(kw_only=True)
class InsertRows(beam.PTransform[Any, Any]):
    """Insert rows through tabledata.insertAll; rejected rows are an output.

    Args:
        tables: where the tables are.
        retry_budget_seconds: how long failed requests are retried, seconds.
        run: the run. Its rejected rows become rows of `dead_letters`. None: they are an output only.
    """

    tables: BigQueryTables
    retry_budget_seconds: float = RETRY_BUDGET_SECONDS
    run: Run | None = None

    @no_annotations  # Beam knows single outputs only
    def expand(self, rows: RowsInput) -> AppendResult:
        split, handed = _split(rows, self.tables, parse_json=False)
        failed = [self._insert(split[name], name, name) for name in self.tables.dataset_of]
        if self.run is not None:
            dead_letters = failed | "Rejected" >> beam.Flatten() | "UndeliveredRows" >> UndeliveredRows(run=self.run)
            dicts = dead_letters | "UndeliveredToDicts" >> beam.ParDo(_ToDictsFn(False)).with_outputs(
                DEAD_LETTERS.name, main="handed"
            )
            failed.append(self._insert(dicts[DEAD_LETTERS.name], DEAD_LETTERS.name, "undelivered"))
            handed = (handed, dicts.handed) | "AllHanded" >> beam.Flatten()
        all_failed = failed | "AllFailed" >> beam.Flatten()
        return AppendResult(all_failed, (handed, all_failed | "Less" >> beam.Map(_less)) | "Net" >> beam.Flatten())

    def _insert(self, rows: beam.PCollection[dict[str, Any]], table: str, label: str) -> beam.PCollection[FailedRows]:
        written = rows | f"Insert_{label}" >> WriteToBigQuery(
            self.tables.name(table).replace(".", ":", 1),
            method=WriteToBigQuery.Method.STREAMING_INSERTS,
            create_disposition=BigQueryDisposition.CREATE_NEVER,
            insert_retry_strategy=RetryStrategy.RETRY_ON_TRANSIENT_ERROR,
            max_retries=retries_within(self.retry_budget_seconds),
        )
        failed: beam.PCollection[FailedRows] = written.failed_rows_with_errors | f"Failed_{label}" >> beam.ParDo(
            _FailedFn(table, self.tables.name(table))
        )
        return failed


@dataclass(kw_only=True)
class LoadFiles(beam.PTransform[Any, Any]):
    """Write rows to files and load them. BigQuery takes a load job whole or not at all, so a bad row fails the run.

    What other jobs of the run have loaded is then deleted (pipelines/lake/undo.py).

    Args:
        tables: where the tables are.
        temp: folder of the files.
        triggering_seconds: how often to load, seconds; needed for a streaming run.
    """

    tables: BigQueryTables
    temp: str
    triggering_seconds: int | None = None

    @no_annotations  # Beam knows single outputs only
    def expand(self, rows: RowsInput) -> AppendResult:
        split, handed = _split(rows, self.tables, parse_json=True)
        for name in self.tables.dataset_of:
            _ = split[name] | f"Load_{name}" >> WriteToBigQuery(
                self.tables.name(name).replace(".", ":", 1),
                schema={"fields": TABLES[name].bigquery_fields()},
                method=WriteToBigQuery.Method.FILE_LOADS,
                create_disposition=BigQueryDisposition.CREATE_NEVER,
                custom_gcs_temp_location=self.temp,
                triggering_frequency=self.triggering_seconds,
                validate=self.temp.startswith("gs://"),
            )
        none_failed = handed.pipeline | "NoneFailed" >> beam.Create([], reshuffle=False)
        return AppendResult(none_failed, handed)


def _split(rows: RowsInput, tables: BigQueryTables, parse_json: bool) -> tuple[Any, Any]:
    inputs = rows if isinstance(rows, tuple) else (rows,)
    out = (
        inputs
        | "AllRows" >> beam.Flatten()
        | "ToDicts" >> beam.ParDo(_ToDictsFn(parse_json)).with_outputs(*tables.dataset_of, main="handed")
    )
    return out, out.handed


class _ToDictsFn(beam.DoFn):
    """Hands out each row to the output of its table, and how many there were."""

    def __init__(self, parse_json: bool) -> None:
        self._parse_json = parse_json

    def setup(self) -> None:
        logging.getLogger(_BEAM_LOG).addFilter(hide_values)

    def process(self, element: TableRows) -> Iterator[Any]:
        count_made(element.table, element.rows.num_rows)
        for row in to_dicts(element.rows, TABLES[element.table], self._parse_json):
            yield beam.pvalue.TaggedOutput(element.table, row)
        yield element.table, element.rows.num_rows


class _FailedFn(beam.DoFn):
    """Makes rejected rows of what Beam hands back, once the good rows of requests that failed as a whole are written."""

    def __init__(self, table: str, name: str) -> None:
        self._table, self._name = table, name

    def start_bundle(self) -> None:
        self._waiting: list[dict[str, Any]] = []

    def process(self, element: tuple[Any, dict[str, Any], list[dict[str, str]]]) -> Iterator[FailedRows]:
        _, row, errors = element
        if is_whole(errors):
            self._waiting.append(row)
            if len(self._waiting) >= HALVED_ROWS:
                yield from self._halve()
        else:
            yield self._failed(row, errors)

    def finish_bundle(self) -> Iterator[WindowedValue]:
        for failed in self._halve():
            yield GlobalWindows.windowed_value(failed)

    def _halve(self) -> Iterator[FailedRows]:
        rows, self._waiting = self._waiting, []
        if rows:
            send = partial(_insert_all, BigQueryWrapper(), self._name)
            yield from (self._failed(rejected.row, rejected.errors) for rejected in insert_by_halves(rows, send))

    def _failed(self, row: dict[str, Any], errors: Sequence[Mapping[str, str]]) -> FailedRows:
        code, reason, column = insert_failure(errors, TABLES[self._table])
        count_rejected(self._table, code, 1)
        return FailedRows(self._table, from_dict(row, TABLES[self._table]), code, reason, 1, column)


def _insert_all(wrapper: BigQueryWrapper, name: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    _, errors = wrapper.insert_rows(*name.split("."), rows)
    return list(errors)


def _less(failed: FailedRows) -> tuple[str, int]:
    return failed.table, -failed.rows.num_rows


def hide_values(record: logging.LogRecord) -> bool:
    """Filter Beam's log: what BigQuery answers about a row quotes its values."""
    if "errors inserting" in str(record.msg):
        record.msg, record.args = "BigQuery did not take some rows of an insert", ()
    return True
