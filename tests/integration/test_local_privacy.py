"""Personal data and payload text: a secret in every field of good and bad messages stands in the event store and the
archive alone, never in analytics, a log, the summary, the report or what is printed.
"""

import json
from pathlib import Path

import pytest

from tests.support.command import run_command
from tests.support.events import message_line
from tests.support.runs import query, write_messages

SECRET = "Zz9planted"
META = {"correlationId": "00000000-0000-4000-8000-0000000000ff"}
PUBLISHED = "2026-06-15T12:00:00Z"


def event(number: int, event_type: str, source: str, data: dict, **more) -> bytes:
    envelope = {
        "eventId": f"00000000-0000-4000-8000-{number:012d}", "eventType": event_type, "source": source,
        "eventTime": "2026-06-15T11:59:00Z", "data": data, "metadata": META, **more,
    }  # fmt: skip
    return json.dumps(envelope).encode()


GOOD_CUSTOMER = {"customerId": "c-1", "name": SECRET, "email": f"{SECRET}@example.com", "phone": SECRET}
CASES = [
    ("customers", event(1, "customer.registered", "customer-service", GOOD_CUSTOMER)),
    ("customers", event(2, "customer.registered", "customer-service", GOOD_CUSTOMER, extra=SECRET)),
    *(
        ("customers", event(10 + n, "customer.registered", "customer-service", {**GOOD_CUSTOMER, field: bad}))
        for n, (field, bad) in enumerate([("customerId", f" {SECRET}"), ("name", [SECRET]), ("email", {"a": SECRET})])
    ),
    ("customers", event(20, SECRET, "customer-service", GOOD_CUSTOMER)),
    ("customers", event(21, "customer.registered", SECRET, GOOD_CUSTOMER)),
    ("customers", event(22, "customer.registered", "customer-service", GOOD_CUSTOMER, eventTime=SECRET)),
    ("customers", event(23, "customer.registered", "customer-service", GOOD_CUSTOMER, eventId=SECRET)),
    ("customers", event(24, "customer.registered", "customer-service", GOOD_CUSTOMER, metadata={SECRET: SECRET})),
    ("customers", event(25, "customer.registered", "customer-service", GOOD_CUSTOMER, dataContentType=SECRET)),
    ("orders", event(30, "payment.processed", "payment-service",
                     {"paymentId": "p", "orderId": "o", "amount": SECRET, "currency": SECRET})),
    ("orders", event(31, "order.created", "order-service",
                     {"orderId": "o", "customerId": "c", "items": [{SECRET: SECRET}]})),
    ("orders", SECRET.encode()),
    ("orders", b'{"' + SECRET.encode() + b'": ' + SECRET.encode()),
    ("orders", b"\xff" + SECRET.encode()),
]  # fmt: skip
LINES = [message_line(topic, n, data, PUBLISHED, {"k": SECRET}) for n, (topic, data) in enumerate(CASES)]
LINES += ['{"topic": "orders", "messageId": "' + SECRET + '"}', SECRET]


@pytest.fixture(scope="module", params=[None, b"0123456789abcdef0123456789abcdef"], ids=["no key", "key"])
def run(request, tmp_path_factory) -> tuple[Path, str, bytes | None]:
    folder = tmp_path_factory.mktemp("privacy")
    source = write_messages(folder / "in" / "customers.jsonl", LINES)
    options = []
    if request.param:
        (folder / "key").write_bytes(request.param)
        options = ["--pii_key_file", folder / "key"]
    code, out, err = run_command("local", "--input", source, "--output", folder / "out", *options)
    assert code == 0, err
    return folder / "out", out + err, request.param


def test_nothing_printed_or_reported_holds_the_secret(run):
    output, printed, _ = run
    assert SECRET.lower() not in printed.lower()
    for name in ("summary.json", "report.html"):
        assert SECRET.lower() not in (output / name).read_text().lower()


def test_analytics_holds_no_secret(run):
    output, _, _ = run
    tables = [
        name
        for (name,) in query(
            output, "select table_name from information_schema.tables where table_schema = 'analytics'"
        )
    ]
    assert "customer_events" in tables
    for table in tables:
        rows = query(output, f"select count(*) from analytics.{table} t where cast(t as varchar) ilike '%{SECRET}%'")
        assert rows == [(0,)], table


def test_feeds_of_the_lake_hold_no_secret(run):
    output, _, _ = run
    for path in (output / "lake" / "ml").rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes()


def test_dead_letters_give_a_reason_without_payload_text(run):
    output, _, _ = run
    columns = "concat(stage, error_code, path, error_message, event_id, event_type)"
    rows = query(output, f"select count(*) from event_store.dead_letters where {columns} ilike '%{SECRET}%'")
    assert rows == [(0,)]
    assert query(output, "select count(*) from event_store.dead_letters") == [(len(LINES) - 2,)]
    assert query(output, "select count(*) from event_store.dead_letters where error_code = 'INTERNAL'") == [(0,)]


def test_the_event_store_keeps_the_complete_payload(run):
    output, _, _ = run
    assert query(output, f"select count(*) from event_store.events where cast(data as varchar) like '%{SECRET}%'") == [
        (2,)
    ]


def test_personal_text_is_hashed_under_a_key_and_left_out_without_one(run):
    output, _, key = run
    rows = query(
        output,
        "select distinct length(name_hmac), length(email_hmac), length(phone_hmac) from analytics.customer_events",
    )
    assert rows == [(64, 64, 64)] if key else [(None, None, None)]
