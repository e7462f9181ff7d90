"""The section of the report about order sagas."""

from pipelines.report.markup import Chart, Markup, Section, code, instant, table
from pipelines.report.number_format import duration, number
from pipelines.report.saga_charts import states_chart, ways_chart
from pipelines.report.saga_queries import saga_alerts, saga_states, step_times, stuck_sagas, ways
from pipelines.report.stores import Stores

_MEANS = {
    "SAGA_STUCK": "no next step in time",
    "SAGA_RECOVERED": "a later step arrived",
    "COMPENSATION_ORDER": "cancelled while stock was reserved",
    "ILLEGAL_TRANSITION": "completed after a failed payment, or released without being reserved",
}


def sagas_section(stores: Stores) -> Section | None:
    """Show the states, paths and durations of order sagas; None if none are tracked."""
    states = saga_states(stores)
    if not states:
        return None
    total, stuck = sum(count.sagas for count in states), sum(count.stuck for count in states)
    stuck_text = "None is stuck." if not stuck else f"{number(stuck)} {'is' if stuck == 1 else 'are'} stuck."
    description = "Orders by state: " + ", ".join(f"{count.state} {number(count.sagas)}" for count in states) + "."
    body: list[Markup | Chart] = [Chart(states_chart(states), description, "Orders by state")]
    if taken := [way for way in ways(stores) if len(way.steps) + bool(way.end) > 1]:
        described = "; ".join(f"{number(way.orders)} {' → '.join(way.steps)} {way.end}".strip() for way in taken[:8])
        note = "Each order counts once, with its steps in the order of the saga."
        body.append(Chart(ways_chart(taken), f"The most frequent paths: {described}.", "Paths of orders", note))
    if raised := saga_alerts(stores):
        alerts = [
            (
                code(alert.alert),
                _MEANS.get(alert.alert, ""),
                instant(alert.first),
                instant(alert.last),
                number(alert.orders),
            )
            for alert in raised
        ]
        heads = ("alert", "what happened", "first", "last", "orders")
        body.append(table("Alerts, each at most once per order (UTC)", heads, alerts, words=4))
    if times := step_times(stores):
        heads = ("step", "orders", "p50", "p95", "reverse order")
        rows = [
            (f"{t.earlier} → {t.later}", number(t.orders), duration(t.p50), duration(t.p95), number(t.against))
            for t in times
        ]
        body.append(table("Time from step to step, by the first event of each", heads, rows))
    if waiting := stuck_sagas(stores):
        waits = [
            (code(saga.order_id), saga.state, instant(saga.updated_time), instant(saga.deadline)) for saga in waiting
        ]
        more = f", the first {len(waiting)} of {number(stuck)}" if stuck > len(waiting) else ""
        due = ("order", "state", "last event", "next step was due")
        body.append(table(f"Stuck orders, the longest wait first{more} (UTC)", due, waits, words=4))
    return Section("sagas", "Order sagas", f"{number(total)} orders. {stuck_text}", tuple(body))
