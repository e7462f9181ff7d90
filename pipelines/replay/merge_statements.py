"""The statements that publish a staged replay: find the changes, then apply them in one transaction.

`${L}` and `${A}` are the live event store and analytics, `${S}` and `${T}` the staged ones. Ids are compared in
BigQuery, so that no row is transferred for it.
"""

from dataclasses import dataclass
from string import Template

from pipelines.replay.undelivered import Undelivered
from pipelines.stores.target import Target
from schemas.registry import REGISTRY
from schemas.tables.definitions import DEAD_LETTERS, EVENT_COUNTS, EVENTS, ORDER_SAGAS, SAGA_ALERTS, TABLES
from schemas.timestamps import to_rfc3339
from transforms.sources.read_event_store import SELECT

TYPED = tuple(REGISTRY.by_table())
ORDER_TABLES = tuple(name for name in TYPED if any(column.name == "order_id" for column in TABLES[name].columns))
HOUR = "TIMESTAMP_TRUNC(event_time, HOUR)"
WINDOW_HOUR = "TIMESTAMP_TRUNC(window_start, HOUR)"
NOTHING_UNDELIVERED = Undelivered()


@dataclass(frozen=True)
class Statements:
    """Statements from a staged target into the live target."""

    live: Target
    staged: Target

    def render(self, sql: str, **more: str) -> str:
        """Fill in the datasets."""
        return Template(sql).substitute(
            L=f"`{self.live.project}`.`{self.live.event_store}`",
            A=f"`{self.live.project}`.`{self.live.analytics}`",
            S=f"`{self.staged.project}`.`{self.staged.event_store}`",
            T=f"`{self.staged.project}`.`{self.staged.analytics}`",
            **more,
        )

    def stage_tables(self) -> str:
        """Create the staged tables, each like its live table."""
        return "\n".join(
            self.render(f"CREATE TABLE {to}.{table.name} LIKE {of}.{table.name};")
            for table in TABLES.values()
            for to, of in [("${S}", "${L}") if table.dataset == "event_store" else ("${T}", "${A}")]
        )

    def find_missing(self, undelivered: Undelivered) -> str:
        """Create `replayed` (ids that the graph staged) and `missing` (events whose typed row the store lacks)."""
        incomplete = " OR ".join(
            f"event_type IN ({_types(table)}) AND event_id NOT IN (SELECT event_id FROM ${{A}}.{table})"
            for table in TYPED
        )
        forced = "FALSE"
        if undelivered.forced:
            of_orders = " UNION ALL ".join(
                f"SELECT event_id FROM ${{A}}.{table} WHERE order_id IN ({undelivered.order_list})"
                for table in ORDER_TABLES
            )
            forced = f"{HOUR} IN ({undelivered.hour_list}) OR event_id IN ({of_orders})"
        return self.render(
            f"""
CREATE TABLE ${{S}}.replayed AS SELECT event_id FROM ${{S}}.events;
CREATE TABLE ${{S}}.missing AS
  SELECT DISTINCT event_id FROM ${{L}}.events
  WHERE event_id NOT IN (SELECT event_id FROM ${{S}}.replayed) AND ((({undelivered.condition}) AND ({incomplete})) OR {forced});
"""
        )

    def missing_events(self) -> str:
        """Select the live events of `missing`, as ReadStore wants them."""
        return self.render(
            f"SELECT {SELECT} FROM ${{L}}.events WHERE event_id IN (SELECT event_id FROM ${{S}}.missing)"
        )

    def find_changes(self, *, rebuild: bool, sagas: bool = True, undelivered: Undelivered = NOTHING_UNDELIVERED) -> str:
        """Create `fresh` (ids that the store lacks), `repeats` (ids first published outside), `hours` and `orders`.

        An hour or order is clean if all that the store will hold of it went through the staged graph: then the staged
        counts, features and saga are complete. Otherwise it is computed from the store (projections.py). Without
        `sagas` there are no orders.
        """
        added = "event_id IN (SELECT event_id FROM ${S}.fresh)"
        touched = "" if rebuild else f"WHERE {added} OR {HOUR} IN ({undelivered.hour_list})"
        orders = "WHERE FALSE"
        if sagas:
            orders = (
                ""
                if rebuild
                else (
                    f"WHERE {added} OR order_id IN ({undelivered.order_list})"
                    " OR order_id NOT IN (SELECT order_id FROM ${A}.order_sagas)"
                )
            )
        return self.render(
            f"""
CREATE TABLE ${{S}}.fresh AS
  SELECT event_id FROM ${{S}}.events WHERE event_id NOT IN (SELECT event_id FROM ${{L}}.events);
CREATE TABLE ${{S}}.repeats AS
  SELECT DISTINCT staged.event_id FROM ${{S}}.events AS staged JOIN ${{L}}.events AS held ON held.event_id = staged.event_id
  WHERE held.publish_time < staged.publish_time
    OR (held.publish_time = staged.publish_time AND held.message_id < staged.message_id);
CREATE TABLE ${{S}}.hours AS
  WITH staged AS (
    SELECT {HOUR} AS hour, COUNT(*) AS staged, COUNTIF(event_id IN (SELECT event_id FROM ${{S}}.repeats)) AS repeats,
      COUNTIF(event_id IN (SELECT event_id FROM ${{S}}.fresh)) AS fresh,
      COUNTIF(event_id NOT IN (SELECT event_id FROM ${{S}}.replayed)) AS others
    FROM ${{S}}.events GROUP BY hour
  ),
  held AS (SELECT {HOUR} AS hour, COUNT(DISTINCT event_id) AS held FROM ${{L}}.events GROUP BY hour)
  SELECT staged.hour, staged.repeats = 0 AND staged.others = 0 AND staged.staged = IFNULL(held.held, 0) + staged.fresh AS clean
  FROM staged LEFT JOIN held ON held.hour = staged.hour
  WHERE staged.hour IN (SELECT {HOUR} FROM ${{S}}.events {touched});
CREATE TABLE ${{S}}.facts AS {_facts("${T}", "${S}")};
CREATE TABLE ${{S}}.held_facts AS
  SELECT * FROM ({_facts("${A}", "${L}")}) WHERE order_id IN (SELECT order_id FROM ${{S}}.facts);
CREATE TABLE ${{S}}.orders AS
  WITH staged AS (
    SELECT order_id, COUNT(*) AS staged, COUNTIF(event_id IN (SELECT event_id FROM ${{S}}.repeats)) AS repeats,
      COUNTIF(event_id IN (SELECT event_id FROM ${{S}}.fresh)) AS fresh,
      COUNTIF(event_id NOT IN (SELECT event_id FROM ${{S}}.replayed)) AS others
    FROM ${{S}}.facts GROUP BY order_id
  ),
  held AS (SELECT order_id, COUNT(*) AS held FROM ${{S}}.held_facts GROUP BY order_id)
  SELECT staged.order_id,
    staged.repeats = 0 AND staged.others = 0 AND staged.staged = IFNULL(held.held, 0) + staged.fresh AS clean
  FROM staged LEFT JOIN held ON held.order_id = staged.order_id
  WHERE staged.order_id IN (SELECT order_id FROM ${{S}}.facts {orders});
"""
        )

    def clear_unclean(self) -> str:
        """Delete from the staging the hours and orders that are about to be computed from the store."""
        hours, orders = _unclean("hour", "hours"), _unclean("order_id", "orders")
        return self.render(
            f"DELETE FROM ${{T}}.event_counts WHERE {WINDOW_HOUR} IN ({hours});\n"
            f"DELETE FROM ${{T}}.order_sagas WHERE order_id IN ({orders});\n"
            f"DELETE FROM ${{T}}.saga_alerts WHERE order_id IN ({orders});"
        )

    def unclean_hours(self) -> str:
        """Select the events that the store will hold of unclean hours, as ReadStore wants them."""
        return self._after(f"{HOUR} IN ({_unclean('hour', 'hours')})")

    def unclean_orders(self) -> str:
        """Select the events that the store will hold of unclean orders."""
        of = _unclean("order_id", "orders")
        ids = " UNION DISTINCT ".join(
            f"SELECT event_id FROM ${{S}}.{table} WHERE order_id IN ({of})" for table in ("facts", "held_facts")
        )
        return self._after(f"event_id IN ({ids})")

    def _after(self, condition: str) -> str:
        fresh = "event_id IN (SELECT event_id FROM ${S}.fresh)"
        return self.render(
            f"SELECT {SELECT} FROM ${{L}}.events WHERE {condition}"
            f" UNION ALL SELECT {SELECT} FROM ${{S}}.events WHERE {fresh} AND {condition}"
        )

    def publish(self, start: int, end: int, by: str, *, rebuild: bool, guard: str, done: str) -> str:
        """Return the transaction over all tables and the run record.

        Args:
            start: first instant of the range, UTC microseconds.
            end: first instant after the range.
            by: the time that the range is compared with.
            rebuild: replace the range's typed rows; otherwise add those that are missing.
            guard: the first statement; it fails if the run may not publish any more.
            done: the last statements.
        """
        fresh = "event_id IN (SELECT event_id FROM ${S}.fresh)"
        staged = (
            "event_id IN (SELECT event_id FROM ${S}.events WHERE event_id NOT IN (SELECT event_id FROM ${S}.repeats))"
        )
        moment = f"{by} >= TIMESTAMP '{to_rfc3339(start)}' AND {by} < TIMESTAMP '{to_rfc3339(end)}'"
        orphan = f"({moment} AND event_id NOT IN (SELECT event_id FROM ${{L}}.events))"
        script = [
            _insert(EVENTS.name, "${L}", "${S}", fresh),
            _insert(
                DEAD_LETTERS.name,
                "${L}",
                "${S}",
                "dead_letter_id NOT IN (SELECT dead_letter_id FROM ${L}.dead_letters)",
            ),
        ]
        for table in TYPED:
            mine = staged if rebuild else fresh
            script += [f"DELETE FROM ${{A}}.{table} WHERE {mine}" + (f" OR {orphan}" if rebuild else "")]
            incomplete = f"{staged} AND event_id NOT IN (SELECT event_id FROM ${{A}}.{table})"
            script += [_insert(table, "${A}", "${T}", mine if rebuild else incomplete)]
        hours = f"{WINDOW_HOUR} IN (SELECT hour FROM ${{S}}.hours)"
        orders = "order_id IN (SELECT order_id FROM ${S}.orders)"
        replaced = ((EVENT_COUNTS, hours), (ORDER_SAGAS, orders), (SAGA_ALERTS, orders))
        for replacing, condition in replaced:
            script += [f"DELETE FROM ${{A}}.{replacing.name} WHERE {condition}"]
            script += [_insert(replacing.name, "${A}", "${T}", condition)]
        body = self.render(";\n".join(script))
        return f"BEGIN TRANSACTION;\n{guard};\n{body};\n{done};\nCOMMIT TRANSACTION;"


def _types(table: str) -> str:
    return ", ".join(f"'{event_type.name}'" for event_type in REGISTRY.by_table()[table])


def _facts(analytics: str, store: str) -> str:
    """Select the facts of orders, each once, whose event the store holds."""
    union = " UNION ALL ".join(f"SELECT event_id, order_id FROM {analytics}.{name}" for name in ORDER_TABLES)
    return (
        f"SELECT DISTINCT event_id, order_id FROM ({union})"
        f" WHERE order_id IS NOT NULL AND event_id IN (SELECT event_id FROM {store}.events)"
    )


def _unclean(column: str, table: str) -> str:
    return f"SELECT {column} FROM ${{S}}.{table} WHERE NOT clean"


def _insert(table: str, to: str, of: str, condition: str) -> str:
    columns = ", ".join(f"`{column.name}`" for column in TABLES[table].columns)
    return f"INSERT INTO {to}.{table} ({columns}) SELECT {columns} FROM {of}.{table} WHERE {condition}"
