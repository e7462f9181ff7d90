"""Count and delete a customer's rows of the tables, through Google's own client."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from google.cloud import bigquery

from pipelines.erasure.matching import Person
from pipelines.stores.target import Target
from schemas.tables.definitions import ANALYTICS, EVENT_STORE

_IDS_PER_STATEMENT = 1000


@dataclass(frozen=True)
class Holding:
    """Rows of one table that belong to the customer, as a condition with its parameters."""

    table: str
    rows: int
    condition: str
    parameters: tuple[Any, ...]


@dataclass(frozen=True)
class Kept:
    """What is kept: order events that name the customer, and how many of them carry fields the contract does not know."""

    order_events: int
    with_unknown_fields: int


class Tables:
    """A customer's rows in the target's tables."""

    def __init__(self, client: bigquery.Client, target: Target, person: Person) -> None:
        self._client, self._target, self._person = client, target, person

    def holdings(self) -> list[Holding]:
        """Return the customer's rows, table by table."""
        person = self._person
        who = bigquery.ScalarQueryParameter("customer", "STRING", person.customer_id)
        types = bigquery.ArrayQueryParameter("types", "STRING", person.event_types)
        found = [
            self._count(EVENT_STORE, "events", "event_type IN UNNEST(@types) AND entity_id = @customer", (types, who)),
            *(self._count(ANALYTICS, table, f"{person.column} = @customer", (who,)) for table in person.tables),
        ]
        ids = sorted(self._dead_letters())
        for start in range(0, len(ids), _IDS_PER_STATEMENT):
            some = bigquery.ArrayQueryParameter("ids", "STRING", ids[start : start + _IDS_PER_STATEMENT])
            found.append(self._count(EVENT_STORE, "dead_letters", "dead_letter_id IN UNNEST(@ids)", (some,)))
        return [holding for holding in found if holding.rows]

    def delete(self, holding: Holding) -> int:
        """Delete a holding's rows and return how many were deleted."""
        sql = f"DELETE FROM `{self._target.project}.{holding.table}` WHERE {holding.condition}"
        job = self._client.query(sql, bigquery.QueryJobConfig(query_parameters=list(holding.parameters)))
        job.result()
        return int(job.num_dml_affected_rows or 0)

    def kept(self) -> Kept:
        """Return what names the customer and is kept."""
        orders = self._target.table(ANALYTICS, "order_events")
        events = self._target.table(EVENT_STORE, "events")
        mine = f"SELECT event_id FROM `{orders}` WHERE {self._person.column} = @customer"
        sql = f"""
            SELECT COUNT(*) AS events, COUNTIF('UNKNOWN_FIELD' IN UNNEST(notes)) AS odd
            FROM `{events}` WHERE event_id IN ({mine})"""
        row = next(iter(self._rows(sql, bigquery.ScalarQueryParameter("customer", "STRING", self._person.customer_id))))
        return Kept(row.events, row.odd)

    def _dead_letters(self) -> Iterator[str]:
        """Yield the ids of dead letters that name the customer. All are read, since BigQuery cannot search their payloads."""
        table = self._target.table(EVENT_STORE, "dead_letters")
        for row in self._rows(f"SELECT dead_letter_id, payload, attributes FROM `{table}`"):
            if self._person.owns_dead_letter(row.payload, row.attributes or {}):
                yield row.dead_letter_id

    def _count(self, dataset: str, name: str, condition: str, parameters: tuple[Any, ...]) -> Holding:
        sql = f"SELECT COUNT(*) AS n FROM `{self._target.table(dataset, name)}` WHERE {condition}"
        rows = next(iter(self._rows(sql, *parameters))).n
        return Holding(f"{self._target.dataset(dataset)}.{name}", rows, condition, parameters)

    def _rows(self, sql: str, *parameters: Any) -> Any:
        return self._client.query(sql, bigquery.QueryJobConfig(query_parameters=list(parameters))).result()
