"""A store with dead letters: some can be repaired by a rule, others not."""

import json
from pathlib import Path

from tests.support.command import run_command
from tests.support.events import message_line
from tests.support.paths import ROOT
from tests.support.runs import query, write_messages

EXAMPLE = ROOT / "templates" / "redrive" / "rules.example.yaml"
RULES = """
rules:
  - name: quantities in words
    match: {codes: [FIELD_TYPE], paths: [data.quantity], topics: [inventory]}
    repair:
      - cast: {path: data.quantity, to: integer}
    tests:
      - given: {data: {quantity: "3"}}
        expect: {data: {quantity: 3}}
  - name: unnamed customers
    match: {codes: [FIELD_FORMAT], paths: [data.customerId]}
    repair:
      - set: {path: data.customerId, value: still wrong}
    tests:
      - given: {data: {customerId: ""}}
        expect: {data: {customerId: still wrong}}
"""


def event(number: int, event_type: str, source: str, data: dict) -> bytes:
    return json.dumps(
        {
            "eventId": f"00000000-0000-4000-8000-{number:012d}", "eventType": event_type, "source": source, "data": data,
            "eventTime": "2026-06-15T11:58:00Z", "metadata": {"correlationId": "00000000-0000-4000-8000-00000000ffff"},
        }
    ).encode()  # fmt: skip


def rejected_store(folder: Path) -> Path:
    """Create a store with one event, and dead letters: two that a rule repairs, one that fails again, one without a rule."""
    stock = [
        event(number, "inventory.reserved", "inventory-service", {"sku": "a", "quantity": quantity, "orderId": "o-1"})
        for number, quantity in ((1, 1), (2, "2"), (3, "3"), (4, "many"))
    ]
    order = event(5, "order.created", "order-service", {"orderId": "o-1", "customerId": "", "items": []})
    lines = [message_line("inventory", n, data, "2026-06-15T12:00:00Z") for n, data in enumerate(stock, 1)]
    lines += [
        message_line("orders", 5, order, "2026-06-15T12:00:01Z"),
        message_line("orders", 6, b"{", "2026-06-15T12:00:02Z"),
    ]
    source = write_messages(folder / "in" / "inventory.jsonl", lines)
    code, _, err = run_command("local", "--input", source, "--output", folder / "out")
    assert code == 0, err
    (folder / "rules.yaml").write_text(RULES)
    return folder


def redrive(store: Path, *words: str | Path) -> str:
    code, out, err = run_command("redrive", "--output", store, *words)
    assert code == 0, err
    return out


def states(store: Path) -> dict[str, int]:
    rows = query(store, "select state, count(*) from event_store.dead_letter_states group by 1")
    return dict(rows)
