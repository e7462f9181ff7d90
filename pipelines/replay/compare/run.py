"""Compare the stores with a shadow, table by table."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from google.api_core.exceptions import GoogleAPICallError
from google.cloud import bigquery

from pipelines.errors import RunFailed, UserError
from pipelines.replay.compare.features import compare_features
from pipelines.replay.compare.tables import (
    ComparedTable,
    Difference,
    TableComparison,
    compared_tables,
    only_added_columns,
    only_pseudonyms,
)
from pipelines.replay.shadow import shadow_target
from pipelines.stores.target import Endpoints, Target

Bounds = tuple[int, int] | None


@dataclass(frozen=True)
class CompareRequest:
    """One comparison.

    Args:
        target: the live stores.
        into: dataset of the shadow.
        bounds: half-open range of publish times, UTC microseconds; None compares everything.
        tables: names of the tables and views; empty compares all.
        limit: how many differences of a table are kept.
    """

    target: Target
    into: str
    bounds: Bounds = None
    tables: tuple[str, ...] = ()
    limit: int = 20

    def __post_init__(self) -> None:
        known = [table.name for table in compared_tables(ranged=self.bounds is not None)]
        if unknown := set(self.tables) - set(known):
            raise UserError(f"--tables {' '.join(sorted(unknown))}: cannot be compared; there are {', '.join(known)}")
        _ = self.shadow  # checks the dataset's name

    @property
    def shadow(self) -> Target:
        """The stores of the shadow."""
        return shadow_target(self.target, self.into)


def compare(endpoints: Endpoints, request: CompareRequest) -> Iterator[TableComparison]:
    """Yield the comparison of each table, and of the feature files if everything is compared.

    Raises:
        RunFailed: a table cannot be read.
    """
    for table in compared_tables(ranged=request.bounds is not None):
        if request.tables and table.name not in request.tables:
            continue
        try:
            yield _compare(endpoints.bigquery, table, request)
        except GoogleAPICallError as error:
            raise RunFailed(f"--into {request.into}: {table.name} cannot be compared: {error.message}") from None
    if request.bounds is None and not request.tables:
        yield compare_features(request.target.lake, request.shadow.lake, request.limit)


def _compare(client: bigquery.Client, table: ComparedTable, request: CompareRequest) -> TableComparison:
    count, partial, rekeyed, found = 0, 0, 0, []
    keys = key_versions(client, request.target) if table.keyed else {}
    for row in client.query(table.sql(request.target, request.shadow, request.bounds)).result():
        if row.several:
            partial += 1
            continue
        live, other = (json.loads(row[side]) if row[side] else None for side in ("live", "other"))
        if live is not None and other is not None:
            if only_added_columns(live, other):
                continue
            if table.keyed and only_pseudonyms(live, other, table.keyed) and _other_keys(keys, row):
                rekeyed += 1
                continue
        count += 1
        if count <= request.limit:
            found.append(Difference.of({name: row[name] for name in table.key}, live, other))
    rows = next(iter(client.query(table.count(request.target, request.bounds)).result())).n
    return TableComparison(table.name, rows, count, found, partial, rekeyed)


def key_versions(client: bigquery.Client, target: Target) -> dict[str, str]:
    """Return the version of the key of pseudonyms of each run that had one, from the run records."""
    views = [target.table("event_store", name) for name in ("run_states", "replay_runs")]
    sql = " UNION ALL ".join(f"SELECT run_id, pii_key_version AS v FROM `{view}`" for view in views)
    return {row.run_id: row.v for row in client.query(sql).result() if row.v is not None}


def _other_keys(keys: dict[str, str], row: Any) -> bool:
    """Return whether two rows were written with different keys, as far as the run records say."""
    live, other = keys.get(row.live_run), keys.get(row.other_run)
    return live is not None and other is not None and live != other
