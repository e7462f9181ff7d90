"""The data of every event type: required fields, types, forms and ranges; nothing is coerced."""

from decimal import Decimal

import pytest

from schemas.outcomes import Code
from schemas.registry import REGISTRY
from schemas.timestamps import parse_rfc3339
from tests.support.events import ABSENT, DATA, accepted, make_message, rejected, spelled, with_data

REQUIRED = {
    "order.created": ["orderId", "customerId", "items"],
    "order.updated": ["orderId"],
    "order.completed": ["orderId"],
    "customer.registered": ["customerId"],
    "customer.updated": ["customerId"],
    "inventory.reserved": ["sku", "quantity"],
    "inventory.released": ["sku", "quantity"],
    "payment.processed": ["paymentId", "orderId", "amount", "currency"],
    "payment.failed": ["paymentId", "orderId", "amount", "currency"],
    "iot.telemetry": ["deviceId", "metric", "value"],
}
IDS = {"orderId", "customerId", "paymentId", "reservationId", "warehouseId", "sku", "deviceId", "metric"}
MONEY = {"totalAmount", "amount", "unitPrice"}
TEXTS = {"status", "name", "email", "phone", "country", "type", "reason", "unit"}

ALL_FIELDS = [(event_type.name, field) for event_type in REGISTRY for field in event_type.model.model_fields]


def outcome(event_type: str, **changes) -> tuple[Code, str]:
    dead_letter = rejected(make_message(with_data(event_type, **changes)))
    assert dead_letter.stage == "data"
    return Code(dead_letter.code), dead_letter.path


def fields_of(names: set[str]) -> list[tuple[str, str]]:
    return [(event_type, field) for event_type, field in ALL_FIELDS if field in names]


def test_the_contract_names_these_required_fields():
    models = {kind.name: kind.model.model_fields for kind in REGISTRY}
    assert {name: [key for key in fields if fields[key].is_required()] for name, fields in models.items()} == REQUIRED


@pytest.mark.parametrize(("event_type", "field"), [(name, field) for name in REQUIRED for field in REQUIRED[name]])
def test_a_required_field_must_be_there(event_type, field):
    assert outcome(event_type, **{field: ABSENT}) == (Code.MISSING_FIELD, f"data.{field}")


@pytest.mark.parametrize("event_type", REQUIRED)
def test_the_required_fields_are_enough(event_type):
    data = {field: DATA[event_type][field] for field in REQUIRED[event_type]}
    absent = {field: ABSENT for field in DATA[event_type] if field not in data}
    payload = accepted(make_message(with_data(event_type, **absent))).payload
    assert payload.model_fields_set == set(data)


@pytest.mark.parametrize(("event_type", "field"), ALL_FIELDS)
def test_no_field_may_be_null(event_type, field):
    assert outcome(event_type, **{field: None}) == (Code.FIELD_TYPE, f"data.{field}")


@pytest.mark.parametrize(("event_type", "field"), fields_of(IDS | TEXTS | {"currency", "completedAt"}))
def test_a_text_is_no_other_type(event_type, field):
    for value in (1, 1.5, True, [], {}, ["x"]):
        assert outcome(event_type, **{field: value}) == (Code.FIELD_TYPE, f"data.{field}"), value


GOOD_IDS = ["a", "Z", "0", "a" * 128, "A.b_c:d@e-f", "1-", "a:"]
BAD_IDS = [
    "", "a" * 129, ".a", "_a", "-a", ":a", "@a", "a b", "a/b", "a\\b", "a+b", "a\n", "a\r\n", " a", "a\0", "a\t", "ä",
    "\uff11", "\u0661", "a\u200b", "../a", "{0.__class__}", "a'", 'a"', "a%00", "é",
]  # fmt: skip


@pytest.mark.parametrize(("event_type", "field"), fields_of(IDS))
def test_an_id_is_1_to_128_plain_characters(event_type, field):
    for value in GOOD_IDS:
        assert getattr(accepted(make_message(with_data(event_type, **{field: value}))).payload, field) == value
    for value in BAD_IDS:
        assert outcome(event_type, **{field: value}) == (Code.FIELD_FORMAT, f"data.{field}"), repr(value)


@pytest.mark.parametrize(("event_type", "field"), fields_of({"currency"}))
def test_a_currency_is_three_capital_letters(event_type, field):
    assert accepted(make_message(with_data(event_type, currency="XTS"))).payload.currency == "XTS"
    for value in ("", "eur", "Eur", "EU", "EURO", "EUR\n", " EUR", "E1R", "ÉUR", "\uff25UR", "€"):
        assert outcome(event_type, currency=value) == (Code.FIELD_FORMAT, "data.currency"), repr(value)


@pytest.mark.parametrize(("event_type", "field"), fields_of(TEXTS))
def test_a_text_is_any_text(event_type, field):
    for value in ("", " ", "a\nb", "=1+1", "null", "🚀", "x" * 10_000, "\u202e"):
        assert getattr(accepted(make_message(with_data(event_type, **{field: value}))).payload, field) == value


@pytest.mark.parametrize("event_type", ["inventory.reserved", "inventory.released"])
@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("0", Code.FIELD_RANGE), ("-1", Code.FIELD_RANGE), ("-0", Code.FIELD_RANGE),
        ("9223372036854775808", Code.FIELD_RANGE), ("9" * 300, Code.FIELD_RANGE),
        ("1.0", Code.FIELD_TYPE), ("1.5", Code.FIELD_TYPE), ("1e2", Code.FIELD_TYPE), ('"1"', Code.FIELD_TYPE),
        ("true", Code.FIELD_TYPE), ("[1]", Code.FIELD_TYPE), ("{}", Code.FIELD_TYPE),
    ],
)  # fmt: skip
def test_a_quantity_is_an_integer_from_1(event_type, written, code):
    dead_letter = rejected(make_message(spelled(with_data(event_type, quantity=77), "77", written), "inventory"))
    assert (dead_letter.code, dead_letter.path) == (code, "data.quantity")


@pytest.mark.parametrize("value", [1, 2**31, 2**63 - 1])
def test_a_quantity_fits_64_bits(value):
    assert accepted(make_message(with_data("inventory.released", quantity=value))).payload.quantity == value


GOOD_MONEY = {
    "0": "0", '"0"': "0", "-0": "0", '"-0"': "0", '"-0.000"': "0", "-0.0": "0", "0.1": "0.1", '"0.1"': "0.1",
    "59.97": "59.97", "1e2": "100", "1E+2": "100", "1.25e1": "12.5", "1e-9": "0.000000001", "0.5e-8": "0.000000005",
    '"007.50"': "7.5", "0e30": "0", "0e-9": "0", "9223372036854775808": "9223372036854775808", "1e28": "1" + "0" * 28,
    "12345678901234567890.123456789": "12345678901234567890.123456789", "9" * 29: "9" * 29, f'"-{"0" * 29}.{"0" * 9}"': "0",
    f'"{"9" * 29}.{"9" * 9}"': f"{'9' * 29}.{'9' * 9}", f"{'9' * 29}.{'9' * 9}": f"{'9' * 29}.{'9' * 9}",
}  # fmt: skip
BAD_MONEY = {
    Code.FIELD_TYPE: ["true", "false", "[]", "{}", "null", "[1]"],
    Code.FIELD_FORMAT: [
        '""', '" 5"', '"5 "', '"5\\n"', '"+5"', '"5."', '".5"', '"-"', '"1e2"', '"1,5"', '"1_000"', '"0x1F"', '"NaN"',
        '"Infinity"',
        '"1.2.3"', '"--1"', '"\u0663"', '"\uff15"', '"4111111111111111x"', '"1\\u0000"', '"EUR 5"', '"-1_0"',
    ],
    Code.FIELD_RANGE: [
        "-1", '"-1"', "-0.01", '"-59.97"', "-1e-9", "0.0000000001", '"0.0000000001"', "1e-10", "1e29", '"1.0000000000"',
        "1" + "0" * 29, f'"1{"0" * 29}"', f'"{"0" * 30}"', "-" + "9" * 30, "1e308", "1.5e-300",
        "1e-99999999999999999999",
    ],
}  # fmt: skip


@pytest.mark.parametrize("event_type", ["payment.processed", "payment.failed"])
@pytest.mark.parametrize(("written", "amount"), GOOD_MONEY.items())
def test_money_is_exact(event_type, written, amount):
    event = accepted(make_message(spelled(with_data(event_type, amount="M"), '"M"', written)))
    assert event.payload.amount == event.amount == Decimal(amount)


@pytest.mark.parametrize(("event_type", "field"), [("payment.processed", "amount"), ("order.updated", "totalAmount")])
@pytest.mark.parametrize(("code", "written"), [(code, written) for code in BAD_MONEY for written in BAD_MONEY[code]])
def test_money_that_numeric_cannot_hold(event_type, field, code, written):
    dead_letter = rejected(make_message(spelled(with_data(event_type, **{field: "M"}), '"M"', written)))
    assert (dead_letter.stage, dead_letter.code, dead_letter.path) == ("data", code, f"data.{field}")


GOOD_NUMBERS = {
    "0": 0.0, "-0.0": -0.0, "61.25": 61.25, "-40": -40.0, "1e308": 1e308, "5e-324": 5e-324, "1e-400": 0.0,
    "1e-99999999999999999999": 0.0, "1e2": 100.0,
    "9007199254740993": 9007199254740992.0, "9223372036854775807": 2.0**63, "-9223372036854775808": -(2.0**63),
    "0.1000000000000000055511151231257827": 0.1, "1.7976931348623157e308": 1.7976931348623157e308,
}  # fmt: skip


@pytest.mark.parametrize(("written", "value"), GOOD_NUMBERS.items())
def test_a_value_is_the_nearest_double(written, value):
    event = accepted(make_message(spelled(with_data("iot.telemetry", value="V"), '"V"', written), "iot-events"))
    assert (event.payload.value, str(event.payload.value)) == (value, str(value))
    assert f'"value":{written},' in event.data


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ('"61.25"', Code.FIELD_TYPE), ('"NaN"', Code.FIELD_TYPE), ("true", Code.FIELD_TYPE), ("[1]", Code.FIELD_TYPE),
        ("9223372036854775808", Code.FIELD_RANGE), ("-9223372036854775809", Code.FIELD_RANGE),
    ],
)  # fmt: skip
def test_a_value_is_a_json_number(written, code):
    dead_letter = rejected(make_message(spelled(with_data("iot.telemetry", value="V"), '"V"', written), "iot-events"))
    assert (dead_letter.code, dead_letter.path) == (code, "data.value")


def test_completed_at_is_a_time_in_utc_from_the_year_2000():
    for text, utc in (("2026-03-01T14:05:00+02:00", "2026-03-01T12:05:00Z"), ("2000-01-01T00:00:00Z",) * 2):
        payload = accepted(make_message(with_data("order.completed", completedAt=text))).payload
        assert payload.completedAt == parse_rfc3339(utc)[0]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", Code.FIELD_FORMAT),
        ("2026-03-01T11:58:30", Code.FIELD_FORMAT),
        ("2026-02-30T11:58:30Z", Code.FIELD_FORMAT),
        ("2026-03-01T12:05:00.000001Z", Code.FIELD_RANGE),
        ("1999-12-31T23:59:59Z", Code.FIELD_RANGE),
        ("9999-12-31T23:59:59-10:00", Code.FIELD_RANGE),
    ],
)
def test_completed_at_is_bounded_like_an_event_time(text, code):
    assert outcome("order.completed", completedAt=text) == (code, "data.completedAt")


ITEM = {"sku": "a", "quantity": 1}
OUT_OF_RANGE, BAD_FORM, BAD_TYPE = {**ITEM, "quantity": 0}, {**ITEM, "sku": ""}, {**ITEM, "sku": 5}


@pytest.mark.parametrize("event_type", ["order.created", "order.updated"])
@pytest.mark.parametrize(
    ("items", "code", "path"),
    [
        ({}, Code.FIELD_TYPE, ""),
        ("[]", Code.FIELD_TYPE, ""),
        ([None], Code.FIELD_TYPE, "[0]"),
        ([ITEM, "a"], Code.FIELD_TYPE, "[1]"),
        ([ITEM, [ITEM]], Code.FIELD_TYPE, "[1]"),
        ([{}], Code.MISSING_FIELD, "[0].sku"),
        ([{"sku": "a"}], Code.MISSING_FIELD, "[0].quantity"),
        ([ITEM, {**ITEM, "quantity": "1"}], Code.FIELD_TYPE, "[1].quantity"),
        ([{**ITEM, "quantity": 0}], Code.FIELD_RANGE, "[0].quantity"),
        ([{**ITEM, "sku": "a b"}], Code.FIELD_FORMAT, "[0].sku"),
        ([{**ITEM, "unitPrice": None}], Code.FIELD_TYPE, "[0].unitPrice"),
        ([{**ITEM, "unitPrice": "1e2"}], Code.FIELD_FORMAT, "[0].unitPrice"),
        ([{**ITEM, "unitPrice": -1}], Code.FIELD_RANGE, "[0].unitPrice"),
        ([OUT_OF_RANGE, BAD_FORM, BAD_TYPE, {"sku": "a"}], Code.MISSING_FIELD, "[3].quantity"),
        ([OUT_OF_RANGE, BAD_FORM, BAD_TYPE], Code.FIELD_TYPE, "[2].sku"),
        ([OUT_OF_RANGE, BAD_FORM], Code.FIELD_FORMAT, "[1].sku"),
    ],
)  # fmt: skip
def test_the_first_bad_item_by_the_order_of_codes_is_named(event_type, items, code, path):
    assert outcome(event_type, items=items) == (code, f"data.items{path}")


def test_items_may_be_empty_and_many():
    assert accepted(make_message(with_data("order.created", items=[]))).payload.items == []
    many = accepted(make_message(with_data("order.created", items=[ITEM] * 5000)))
    assert len(many.payload.items) == 5000
    assert many.notes == ()


@pytest.mark.parametrize(
    ("changes", "code", "path"),
    [
        ({"status": 1, "customerId": ABSENT}, Code.MISSING_FIELD, "customerId"),
        ({"orderId": "", "status": 1}, Code.FIELD_TYPE, "status"),
        ({"totalAmount": -1, "currency": "x"}, Code.FIELD_FORMAT, "currency"),
        ({"orderId": "", "customerId": ""}, Code.FIELD_FORMAT, "orderId"),
    ],
)
def test_of_several_faults_the_first_in_order_is_reported(changes, code, path):
    assert outcome("order.created", **changes) == (code, f"data.{path}")
