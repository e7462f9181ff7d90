"""Google's own SQL engine analyzes every statement that replay, compare, history and redrive send to BigQuery."""

import re
from dataclasses import replace

import pytest

from pipelines.entities.history import history_sql
from pipelines.replay.compare.tables import compared_tables
from pipelines.replay.event_store_source import store_queries
from pipelines.replay.merge_statements import NOTHING_UNDELIVERED, Statements
from pipelines.replay.redrive.listing import list_sql
from pipelines.replay.redrive.stored import Selection, dead_letters_sql
from pipelines.replay.run_records import Claim, RunRecords
from pipelines.replay.shadow import shadow_target
from pipelines.replay.staging import staged_target
from pipelines.replay.time_range import Range
from pipelines.stores.target import Target
from schemas.tables.definitions import TABLES
from schemas.views import all_views
from tests.support.zetasql_engine import ZetaSql
from transforms.sources.filter_messages import MessageFilter

LIVE = Target("local")
STAGED = staged_target(LIVE, "run-1")
SHADOW = shadow_target(LIVE, "beside")
WORK = ("BEGIN TRANSACTION", "COMMIT TRANSACTION")
MADE = {
    "replayed": ["event_id"], "missing": ["event_id"],
    "fresh": ["event_id"], "repeats": ["event_id"], "hours": ["hour", "clean"], "facts": ["event_id", "order_id"],
    "held_facts": ["event_id", "order_id"], "orders": ["order_id", "clean"],
}  # fmt: skip
CLAIM = Claim("run-1", Range(0, 10**6), "rebuild", "archive", 'me "quoted"', "1", {"entity": "o'1"})
CHOICE = MessageFilter(0, 3_600_000_000 * 30, "publish_time", ("orders",), ("order.created",), "o'1", "x")


@pytest.fixture(scope="module")
def engine() -> ZetaSql:
    engine = ZetaSql(TABLES.values())
    for view in all_views():
        engine.add_view(view)
    for target in (STAGED, SHADOW):
        for table in TABLES.values():
            engine.add_table(replace(table, dataset=target.dataset(table.dataset)))
    for script in scripts().values():  # each makes what later ones read, and tests may come in any order
        for statement in statements(script):
            if statement.startswith("CREATE TABLE"):
                made = statement.split()[2].split(".")[-1]
                engine.add_columns(STAGED.event_store, made, engine.analyze(statement).output_column_list)
    return engine


def statements(script: str) -> list[str]:
    # BigQuery takes a whole path in one pair of quotes; the engine alone takes a pair a name.
    script = re.sub(r"`([\w-]+)\.(\w+)\.(\w+)`", r"`\1`.`\2`.`\3`", script)
    found = [part.strip() for part in script.split(";\n")]
    return [match.rstrip(";") for match in found if match and match.rstrip(";") not in WORK]


def scripts() -> dict[str, str]:
    made = Statements(LIVE, STAGED)
    run_records = RunRecords(None, LIVE)  # type: ignore[arg-type]
    ends = {"guard": run_records.guard(CLAIM), "done": run_records.row(CLAIM, "DONE", counts={"messages": 1})}
    return {
        "missing": made.find_missing(NOTHING_UNDELIVERED),
        "changes of a backfill": made.find_changes(rebuild=False),
        "changes of a rebuild": made.find_changes(rebuild=True),
        "clear": made.clear_unclean(),
        "hours": made.unclean_hours(),
        "orders": made.unclean_orders(),
        "publish a backfill": made.publish(0, 10**6, "publish_time", rebuild=False, **ends),
        "publish a rebuild": made.publish(0, 10**6, "event_time", rebuild=True, **ends),
        "claim": run_records.row(CLAIM, "RUNNING", error="x"),
        "close": run_records.closing("run-0", "dead"),
        "holders": run_records.holders_sql(CLAIM),
        "store": ";\n".join(store_queries(LIVE, CHOICE)),
        "dead letters": dead_letters_sql(LIVE, Selection(("open",), ("EMPTY",), ("orders",), 0, 1)),
        "list": list_sql(LIVE, Selection(), None),
        "group": list_sql(LIVE, Selection(), "code,path"),
        **{
            f"history of {kind}": history_sql(LIVE, kind, "a", 5)
            for kind in ("order", "customer", "device", "correlation")
        },
    }


@pytest.mark.parametrize("name", scripts())
def test_google_analyzes_every_statement(engine, name):
    for statement in statements(scripts()[name]):
        created = engine.analyze(statement)
        words = statement.split()
        if words[:2] == ["CREATE", "TABLE"]:
            made = words[2].split(".")[-1]
            columns = [column.name for column in created.output_column_list]
            assert columns == MADE[made]


def test_google_analyzes_every_comparison(engine):
    for table in [*compared_tables(ranged=False), *compared_tables(ranged=True)]:
        bounds = (0, 10**6) if table.time else None
        assert len(engine.analyze(*statements(table.count(LIVE, bounds))).output_column_list) == 1
        live_twice = table.sql(LIVE, LIVE, bounds)  # the views of a shadow are those of the live side
        assert [c.name for c in engine.analyze(*statements(live_twice)).output_column_list] == [
            *table.key,
            *(("live_run", "other_run") if table.keyed else ()),
            "live",
            "other",
            "several",
        ]
