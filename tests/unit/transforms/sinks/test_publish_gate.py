"""The check before every publish: which counts pass, and the message of a rejection."""

import pytest

from transforms.sinks.publish_gate import PublishRejected, TableCounts, check_publish, counts_of


def test_complete_tables_pass() -> None:
    check_publish([TableCounts("events", 30, 30), TableCounts("order_events", 0, 0)], "run-1")


@pytest.mark.parametrize(
    ("counts", "says"),
    [
        (TableCounts("order_events", 30, 0, 30), "table order_events: 30 of 30 rows were rejected"),
        (TableCounts("events", 1200, 1100, 0), "table events: 1,200 rows were made, but 1,100 appended + 0 rejected"),
        (TableCounts("events", 0, 3, 0), "table events: 0 rows were made, but 3 appended"),
    ],
    ids=["rejected", "missing", "more than made"],
)
def test_an_incomplete_table_fails_the_publish_and_is_named_with_its_counts(counts: TableCounts, says: str) -> None:
    with pytest.raises(PublishRejected, match=r"^run-1: nothing was published") as rejected:
        check_publish([TableCounts("payment_events", 5, 5), counts], "run-1")
    assert says in str(rejected.value)
    assert "payment_events" not in str(rejected.value)


def test_rejected_rows_pass_if_the_run_reports_them_but_missing_rows_never_do() -> None:
    check_publish([TableCounts("events", 10, 7, 3)], "run-1", allow_rejected=True)
    with pytest.raises(PublishRejected, match="6 appended"):
        check_publish([TableCounts("events", 10, 6, 3)], "run-1", allow_rejected=True)


def test_counts_are_put_together_from_counters_and_the_rows_of_the_tables() -> None:
    counters = {"rows_made_events": 10, "rows_rejected_events": 2, "rows_made_order_events": 4, "received_orders": 12}
    assert counts_of(counters, {"events": 8, "order_sagas": 1, "saga_alerts": 0}) == [
        TableCounts("events", 10, 8, 2),
        TableCounts("order_events", 4, 0, 0),
        TableCounts("order_sagas", 0, 1, 0),
    ]
