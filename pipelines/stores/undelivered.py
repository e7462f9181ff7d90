"""Add undelivered dead letters to their table, at the start of `dead-letters` and of every command that writes.

A run keeps them in files of the lake (transforms/sinks/undelivered.py). A file is loaded as a whole and then
deleted. A command that is killed between the two leaves the file, and the next one finds its dead letters in the table
by their ids, so none is added twice.
"""

import json
from typing import Any

from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems
from google.cloud import bigquery

from pipelines.stores.bigquery_errors import SERVICE_ERRORS
from pipelines.stores.target import Target
from schemas.tables.definitions import DEAD_LETTERS
from transforms.sinks.files.dead_letter_files import read_lines
from transforms.sinks.files.files import literal
from transforms.sinks.undelivered import UNDELIVERED_DEAD_LETTERS


def undelivered_files(target: Target) -> list[str]:
    """Return the paths of the files with dead letters that the table lacks; none without a lake."""
    if not target.lake:
        return []
    pattern = FileSystems.join(literal(target.lake), UNDELIVERED_DEAD_LETTERS, "dt=*", "*.jsonl*")
    found = (file.path for file in FileSystems.match([pattern])[0].metadata_list)
    return sorted(path for path in found if path.endswith((".jsonl", ".jsonl.gz")))


def add_undelivered_dead_letters(client: bigquery.Client, target: Target) -> str | None:
    """Add all dead letters kept in files to the table; return a sentence on the result, or None if there were none.

    If the table still rejects them, the files are kept and the sentence names them.

    Args:
        client: a client of the target's BigQuery.
        target: the stores.
    """
    added, files = 0, undelivered_files(target)
    if not files:
        return None
    try:
        for path in files:
            added += _add_file(client, target, path)
    except SERVICE_ERRORS as error:
        folder = f"{target.lake}/{UNDELIVERED_DEAD_LETTERS}"
        return f"dead letters in {folder} could not be added to their table: {type(error).__name__}"
    return f"added {added:,} dead letters to their table that an earlier run could not add"


def _add_file(client: bigquery.Client, target: Target, path: str) -> int:
    with FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED) as file:
        rows = {row["dead_letter_id"]: row for row in map(json.loads, read_lines(path, file.read()))}
    stored = _stored(client, target, list(rows))
    missing = [row for key, row in rows.items() if key not in stored]
    if missing:
        schema = [bigquery.SchemaField.from_api_repr(field) for field in DEAD_LETTERS.bigquery_fields()]
        config = bigquery.LoadJobConfig(schema=schema, write_disposition="WRITE_APPEND")
        client.load_table_from_json(missing, _table(target), job_config=config).result()
    FileSystems.delete([path])
    return len(missing)


def _stored(client: bigquery.Client, target: Target, keys: list[str]) -> set[str]:
    sql = f"SELECT DISTINCT dead_letter_id FROM `{_table(target)}` WHERE dead_letter_id IN UNNEST(@keys)"
    parameter: Any = bigquery.ArrayQueryParameter("keys", "STRING", keys)
    config = bigquery.QueryJobConfig(query_parameters=[parameter])
    return {row.dead_letter_id for row in client.query(sql, job_config=config).result()}


def _table(target: Target) -> str:
    return target.table("event_store", DEAD_LETTERS.name)
