"""Columns made from models: names, required columns, personal text, and one nullability in three schemas."""

import pytest

from schemas.models.field_types import Id, ListOf, Number, Payload, PersonalText, Text, optional
from schemas.models.orders import OrderCompleted, OrderCreated, OrderUpdated
from schemas.tables.column import Column, columns_of, snake_case
from schemas.tables.definitions import COMMON, TABLES

REQUIRED = {
    "order_events": {"order_id"},
    "customer_events": {"customer_id"},
    "inventory_events": {"sku", "quantity"},
    "payment_events": {"payment_id", "order_id", "amount", "currency"},
    "iot_telemetry": {"device_id", "metric", "value"},
}


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("orderId", "order_id"),
        ("unitPrice", "unit_price"),
        ("sku", "sku"),
        ("zone2Name", "zone2_name"),
        ("type", "type"),
    ],
)
def test_names_become_snake_case(name, column):
    assert snake_case(name) == column


class Narrow(Payload):
    """Requires both."""

    one: Id
    two: Number


class Wide(Payload):
    """Requires one of them and knows a third."""

    one: Id
    two: Number = optional()
    three: ListOf[Narrow] = optional()


@pytest.mark.parametrize("models", [[Narrow, Wide], [Wide, Narrow]], ids=["narrow first", "wide first"])
def test_a_column_is_required_where_every_model_requires_it(models):
    columns = {column.name: column for column in columns_of(models)}
    assert {name for name, column in columns.items() if column.required} == {"one"}
    assert columns["three"].repeated
    assert columns["has_three"].type == "BOOL"


def test_models_of_one_table_are_joined_in_their_order():
    names = [column.name for column in columns_of([OrderCreated, OrderUpdated, OrderCompleted])]
    assert names == [column.name for column in TABLES["order_events"].columns[len(COMMON) :]]


def test_nullability_of_a_column_is_equal_in_three_schemas():
    free, due = Column("note", "STRING", "a remark"), Column("note", "STRING", "a remark", required=True)
    said = {"name": "note", "type": "STRING", "description": "a remark"}
    assert [item.bigquery_field() for item in (free, due)] == [
        {**said, "mode": "NULLABLE"},
        {**said, "mode": "REQUIRED"},
    ]
    assert free.avro_field() == {"name": "note", "type": ["null", "string"], "default": None}
    assert due.avro_field() == {"name": "note", "type": "string"}
    assert [item.arrow_field().nullable for item in (free, due)] == [True, False]


def test_a_column_that_one_model_does_not_require_is_as_any_other_optional_column():
    columns = {column.name: column for column in columns_of([Narrow, Wide])}
    assert columns["two"] == Column("two", "FLOAT64", "two of the event")


def test_a_nullable_field_is_rejected_because_its_personal_mark_would_be_lost():
    with pytest.raises(TypeError, match=r"Note\.author: null is no value .* write `author: T = optional\(\)`"):

        class Note(Payload):
            """A note whose author wrote the union by hand."""

            author: PersonalText | None = None


def test_text_fields_stay_text():
    class Note(Payload):
        """A note."""

        text: Text

    assert [column.type for column in columns_of([Note])] == ["STRING"]
