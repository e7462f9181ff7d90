"""`provision` against the BigQuery emulator, through Google's own client."""

import pytest
from google.cloud import bigquery

from pipelines.cli.main import main
from pipelines.stores.open_stores import open_stores
from pipelines.stores.provision.export import export, exported
from pipelines.stores.provision.plan import Action
from pipelines.stores.provision.provision import ProvisionRejected, provision
from pipelines.stores.provision.resources import Settings
from pipelines.stores.target import Target
from schemas.tables.definitions import TABLES
from schemas.views import all_views
from tests.support.paths import ROOT


@pytest.fixture
def store(tmp_path):
    target = Target.local(tmp_path)
    with open_stores(target, create=True) as endpoints:
        yield endpoints, target


def changed(plan):
    return {step.resource.name: step.details for step in plan.steps if step.action is not Action.KEEP}


def test_the_first_run_creates_everything_and_the_second_nothing(store):
    endpoints, target = store
    first = provision(endpoints, target)
    assert {step.action for step in first.steps} == {Action.CREATE}
    assert provision(endpoints, target).unchanged
    client = endpoints.bigquery
    for table in TABLES.values():
        made = client.get_table(target.table(table.dataset, table.name))
        assert made.description == table.description
        assert [field.name for field in made.schema] == [column.name for column in table.columns]
        assert [field.description for field in made.schema] == [column.description for column in table.columns]
        assert (made.time_partitioning.field, made.time_partitioning.type_) == table.partition
        assert made.clustering_fields == list(table.cluster)
    for view in all_views():
        made = client.get_table(target.table(view.dataset, view.name))
        assert {field.name: field.description for field in made.schema} == view.columns
        assert list(client.query(f"SELECT * FROM `{target.table(view.dataset, view.name)}`").result()) == []
        if view.function:
            call = f"`{target.table(view.dataset, view.function)}`(TIMESTAMP '2026-01-01 00:00:00+00')"
            assert list(client.query(f"SELECT * FROM {call}").result()) == []
    dataset = client.get_dataset("event_store")
    assert dataset.labels["data"] == "restricted"
    assert [entry.entity_type for entry in dataset.access_entries] == ["view", "routine"]


def test_a_column_that_is_missing_is_added_and_rows_stay(store):
    endpoints, target = store
    provision(endpoints, target)
    client, name = endpoints.bigquery, target.table("analytics", "saga_alerts")
    client.query(f"ALTER TABLE `{name}` DROP COLUMN event_id").result()
    row = "'o', 'c', 'SAGA_STUCK', TIMESTAMP '2026-01-01 00:00:00+00', 'r'"
    client.query(f"INSERT INTO `{name}` (order_id, correlation_id, alert, alert_time, run_id) VALUES ({row})").result()
    assert changed(provision(endpoints, target)) == {"analytics.saga_alerts": ("add column event_id STRING",)}
    assert [row["event_id"] for row in client.query(f"SELECT event_id FROM `{name}`").result()] == [None]
    assert provision(endpoints, target).unchanged


def test_a_changed_type_is_rejected_with_the_plan_and_nothing_is_changed(store, capsys):
    endpoints, target = store
    provision(endpoints, target)
    client = endpoints.bigquery
    name = target.table("analytics", "saga_alerts")
    client.delete_table(name)
    made = bigquery.Table(name, [bigquery.SchemaField("order_id", "INTEGER", "REQUIRED")])
    made.time_partitioning = bigquery.TimePartitioning(field="alert_time", type_="DAY")
    made.schema = [*made.schema, bigquery.SchemaField("alert_time", "TIMESTAMP", "REQUIRED")]
    client.create_table(made)
    client.delete_table(target.table("analytics", "stock_level"))
    with pytest.raises(ProvisionRejected) as rejected:
        provision(endpoints, target)
    assert "! table    analytics.saga_alerts: column order_id changes its type from INTEGER to STRING" in str(
        rejected.value
    )
    assert "stock_level" not in [item.table_id for item in client.list_tables("analytics")]
    # The command reports the same with exit code 1, and so does its dry run.
    for more in ([], ["--dry_run"]):
        assert main(["provision", "--output", str(target.directory), *more]) == 1
        assert "column order_id changes its type" in capsys.readouterr().err


def test_a_view_follows_its_query_and_other_views_stay(store):
    endpoints, target = store
    provision(endpoints, target)
    plan = provision(endpoints, target, window_seconds=10)
    assert changed(plan) == {
        "analytics.event_counts_current": ("query",),
        "analytics.event_counts_current_as_of": ("query",),
    }
    view = endpoints.bigquery.get_table(target.table("analytics", "event_counts_current"))
    assert "10 * 1000000" in view.view_query
    assert view.schema[0].description == "first instant of the window (event time)"
    assert provision(endpoints, target, window_seconds=10).unchanged


def test_expiry_reaches_the_tables_of_its_dataset_only(store):
    endpoints, target = store
    provision(endpoints, target, settings=Settings(expiry_days={"event_store": 30}))
    found = {name: endpoints.bigquery.get_table(target.table(t.dataset, name)) for name, t in TABLES.items()}
    expiring = {name for name, table in found.items() if table.time_partitioning.expiration_ms == 30 * 86_400_000}
    assert expiring == {name for name, table in TABLES.items() if table.dataset == "event_store"}


def test_datasets_of_other_names_hold_the_views_too(tmp_path):
    target = Target.local(tmp_path, "es", "an")
    with open_stores(target, create=True) as endpoints:
        provision(endpoints, target)
        assert list(endpoints.bigquery.query("SELECT * FROM an.order_current").result()) == []
        assert {item.dataset_id for item in endpoints.bigquery.list_datasets()} == {"es", "an"}


def test_a_dry_run_prints_the_plan_and_creates_nothing(tmp_path, capsys):
    assert main(["provision", "--output", str(tmp_path / "new"), "--dry_run"]) == 0
    assert "+ table    event_store.events: 17 columns; partitioned by DAY of publish_time" in capsys.readouterr().out
    assert not (tmp_path / "new").exists()
    assert main(["provision", "--output", str(tmp_path)]) == 0
    assert main(["provision", "--output", str(tmp_path), "--dry_run"]) == 0
    assert "plan: 0 create, 0 change" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--window_seconds", "0"),
        ("--event_store_expiry_days", "-1"),
        ("--policy_tag", "payload"),
        ("--policy_tag", "names=projects/p"),
    ],
)
def test_a_wrong_option_is_named_with_its_value(tmp_path, capsys, option, value):
    assert main(["provision", "--output", str(tmp_path), option, value]) == 2
    assert f"{option} {value}" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_the_exported_files_are_those_of_the_models(tmp_path):
    folder = ROOT / "templates" / "bigquery"
    on_disk = {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}
    assert on_disk == exported(), "run: python -m pipelines provision --export templates/bigquery"
    (tmp_path / "views").mkdir()
    (tmp_path / "views" / "analytics.gone.sql").write_text("old")
    assert export(tmp_path) == len(exported())
    assert not (tmp_path / "views" / "analytics.gone.sql").exists()
