"""The tables as BigQuery, Arrow and Avro have them, made from the models."""

import io
from datetime import UTC, datetime
from decimal import Decimal

import fastavro
import pyarrow as pa
import pytest

from schemas.registry import REGISTRY
from schemas.tables.column import Column, snake_case
from schemas.tables.definitions import COMMON, DATASET_OF, TABLES, all_tables, typed_table
from schemas.tables.table import count, text, time

TYPED = {
    "order_events": {
        "order_id": "STRING", "customer_id": "STRING", "items": "RECORD", "has_items": "BOOLEAN", "currency": "STRING",
        "total_amount": "NUMERIC", "status": "STRING", "completed_at": "TIMESTAMP",
    },
    "customer_events": {
        "customer_id": "STRING", "name_hmac": "STRING", "email_hmac": "STRING", "phone_hmac": "STRING",
        "country": "STRING", "type": "STRING", "status": "STRING",
    },
    "inventory_events": {
        "sku": "STRING", "quantity": "INTEGER", "order_id": "STRING", "reservation_id": "STRING",
        "warehouse_id": "STRING",
    },
    "payment_events": {
        "payment_id": "STRING", "order_id": "STRING", "amount": "NUMERIC", "currency": "STRING", "reason": "STRING",
    },
    "iot_telemetry": {"device_id": "STRING", "metric": "STRING", "value": "FLOAT", "unit": "STRING"},
}  # fmt: skip
REQUIRED = {
    "order_events": {"order_id"},
    "customer_events": {"customer_id"},
    "inventory_events": {"sku", "quantity"},
    "payment_events": {"payment_id", "order_id", "amount", "currency"},
    "iot_telemetry": {"device_id", "metric", "value"},
}


def own_fields(name: str) -> list[dict]:
    return TABLES[name].bigquery_fields()[len(COMMON) :]


def test_texts_times_and_counts_are_required_unless_optional():
    assert text("a", "who", policy_tag="payload") == Column("a", "STRING", "who", required=True, policy_tag="payload")
    assert time("a", "when", required=False) == Column("a", "TIMESTAMP", "when")
    assert count("a", "how many") == Column("a", "INT64", "how many", required=True)


def test_the_tables_of_the_two_datasets():
    assert list(TABLES) == [
        "events", "dead_letters", "runs", "settings", "replays", "redrives", *TYPED, "event_counts", "order_sagas", "saga_alerts", "pipeline_metrics"
    ]  # fmt: skip
    assert {name for name, dataset in DATASET_OF.items() if dataset == "event_store"} == {
        "events", "dead_letters", "runs", "settings", "replays", "redrives"
    }  # fmt: skip


@pytest.mark.parametrize("name", TYPED)
def test_a_typed_table_has_the_columns_of_its_models(name):
    assert {field["name"]: field["type"] for field in own_fields(name)} == TYPED[name]
    assert {field["name"] for field in own_fields(name) if field["mode"] == "REQUIRED"} == REQUIRED[name]


@pytest.mark.parametrize("name", TYPED)
def test_a_typed_table_begins_with_what_all_events_have(name):
    names = [column.name for column in TABLES[name].columns]
    assert names[: len(COMMON)] == [
        "event_id", "event_type", "event_time", "publish_time", "message_id", "correlation_id", "run_id"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "partition", "cluster"),
    [
        ("order_events", ("event_time", "MONTH"), ("order_id",)),
        ("customer_events", ("event_time", "MONTH"), ("customer_id",)),
        ("inventory_events", ("event_time", "MONTH"), ("sku",)),
        ("payment_events", ("event_time", "MONTH"), ("payment_id",)),
        ("iot_telemetry", ("publish_time", "DAY"), ("device_id",)),
        ("events", ("publish_time", "DAY"), ("event_type", "entity_id")),
        ("dead_letters", ("failed_time", "DAY"), ("error_code", "topic")),
        ("runs", ("recorded_time", "DAY"), ("run_id",)),
        ("settings", ("changed_time", "DAY"), ("run_id",)),
        ("replays", ("recorded_time", "DAY"), ("run_id",)),
        ("redrives", ("redriven_time", "DAY"), ("dead_letter_id",)),
        ("event_counts", ("window_start", "DAY"), ("event_type",)),
        ("order_sagas", ("started_time", "DAY"), ("order_id",)),
        ("saga_alerts", ("alert_time", "DAY"), ("alert",)),
        ("pipeline_metrics", ("window_start", "DAY"), ("topic",)),
    ],
)
def test_partition_and_cluster(name, partition, cluster):
    assert (TABLES[name].partition, TABLES[name].cluster) == (partition, cluster)


def test_items_are_structs_and_missing_differs_from_empty():
    items = next(field for field in own_fields("order_events") if field["name"] == "items")
    assert items["mode"] == "REPEATED"
    assert [(field["name"], field["type"], field["mode"]) for field in items["fields"]] == [
        ("sku", "STRING", "REQUIRED"),
        ("quantity", "INTEGER", "REQUIRED"),
        ("unit_price", "NUMERIC", "NULLABLE"),
    ]


def test_lags_are_numbers_that_may_be_unknown():
    lags = [column for column in TABLES["pipeline_metrics"].columns if column.name.startswith("lag_")]
    assert [(column.name, column.type, column.required) for column in lags] == [
        (f"lag_{name}_ms", "FLOAT64", False) for name in ("p50", "p95", "p99", "max")
    ]


def test_no_personal_text_is_in_analytics():
    for table in TABLES.values():
        if table.dataset == "analytics":
            assert not {"name", "email", "phone"} & {column.name for column in table.columns}


@pytest.mark.parametrize("name", TABLES)
def test_every_column_is_described_and_named_once(name):
    names = [column.name for column in TABLES[name].columns]
    assert len({name.lower() for name in names}) == len(names)
    assert all(column.description for column in TABLES[name].columns)
    assert all(name == snake_case(name) and not name.startswith("_") for name in names)


@pytest.mark.parametrize("name", TABLES)
def test_the_three_schemas_of_a_table_have_the_same_columns(name):
    table = TABLES[name]
    names = [column.name for column in table.columns]
    assert table.arrow_schema().names == names
    assert [field["name"] for field in table.bigquery_fields()] == names
    assert [field["name"] for field in table.avro_schema()["fields"]] == names
    assert table.partition[0] in names
    assert set(table.cluster) <= set(names)


@pytest.mark.parametrize("name", TABLES)
def test_avro_and_arrow_can_hold_a_row(name):
    table = TABLES[name]
    parsed = fastavro.parse_schema(table.avro_schema())
    values = {
        "STRING": "a", "JSON": "{}", "BYTES": b"\x00", "BOOL": True, "INT64": 2**63 - 1, "FLOAT64": 0.5,
        "NUMERIC": Decimal("9" * 29 + "." + "9" * 9), "TIMESTAMP": datetime(9999, 12, 31, 23, 59, 59, 999999, UTC),
    }  # fmt: skip

    def value(column: Column):
        one = {field.name: value(field) for field in column.fields} if column.fields else values[column.type]
        return [one] if column.repeated else one

    full = {column.name: value(column) for column in table.columns}
    bare = {
        column.name: ([] if column.repeated else value(column) if column.required else None) for column in table.columns
    }
    file = io.BytesIO()
    fastavro.writer(file, parsed, [full, bare], strict=True)
    file.seek(0)
    assert list(fastavro.reader(file)) == [full, bare]
    assert pa.RecordBatch.from_pylist([full, bare], table.arrow_schema()).to_pylist() == [full, bare]


def test_payload_columns_bear_their_policy_tag():
    tagged = {(table.name, column.name) for table in TABLES.values() for column in table.columns if column.policy_tag}
    assert tagged == {
        ("events", "data"), ("events", "data_text"), ("events", "extensions"), ("dead_letters", "attributes"), ("dead_letters", "payload")
    }  # fmt: skip


def test_tables_are_generated_for_any_registry():
    assert all_tables(REGISTRY) == TABLES
    assert typed_table("payment_events") == TABLES["payment_events"]
