"""The report's part about order sagas."""

from pipelines.report.markup import Chart, Markup, Section, code, instant, table
from pipelines.report.number_format import duration, number
from pipelines.report.saga_charts import states_chart, ways_chart
from pipelines.report.saga_queries import saga_alerts, saga_states, step_times, stuck_sagas, ways
from pipelines.report.stores import Stores

_MEANS = {
    "SAGA_STUCK": "no next step in time",
    "SAGA_RECOVERED": "a step came after that",
    "COMPENSATION_ORDER": "cancelled while stock was held",
    "ILLEGAL_TRANSITION": "completed after a failed payment, or released without being reserved",
}


def sagas_section(stores: Stores) -> Section | None:
    """Show where the orders' sagas stand, which way they went and how long it took; None where none are tracked."""
    states = saga_states(stores)
    if not states:
        return None
    total, stuck = sum(one.sagas for one in states), sum(one.stuck for one in states)
    hang = "None is stuck." if not stuck else f"{number(stuck)} {'is' if stuck == 1 else 'are'} stuck."
    says = "Orders by state: " + ", ".join(f"{one.state} {number(one.sagas)}" for one in states) + "."
    body: list[Markup | Chart] = [Chart(states_chart(states), says, "Where they stand")]
    if taken := [way for way in ways(stores) if len(way.steps) + bool(way.end) > 1]:
        told = "; ".join(f"{number(way.orders)} {' → '.join(way.steps)} {way.end}".strip() for way in taken[:8])
        note = "Each order once, its steps in the order that the saga has for them."
        body.append(Chart(ways_chart(taken), f"The most frequent ways: {told}.", "Which way they went", note))
    if raised := saga_alerts(stores):
        alerts = [
            (code(one.alert), _MEANS.get(one.alert, ""), instant(one.first), instant(one.last), number(one.orders))
            for one in raised
        ]
        heads = ("alert", "what happened", "first", "last", "orders")
        body.append(table("Alerts, each at most once an order (UTC)", heads, alerts, words=4))
    if times := step_times(stores):
        heads = ("step", "orders", "p50", "p95", "other way round")
        rows = [
            (f"{t.earlier} → {t.later}", number(t.orders), duration(t.p50), duration(t.p95), number(t.against))
            for t in times
        ]
        body.append(table("Time from step to step, by the first event of each", heads, rows))
    if waiting := stuck_sagas(stores):
        waits = [(code(one.order_id), one.state, instant(one.updated_time), instant(one.deadline)) for one in waiting]
        more = f", the first {len(waiting)} of {number(stuck)}" if stuck > len(waiting) else ""
        due = ("order", "state", "last event", "next step was due")
        body.append(table(f"Stuck orders, the longest wait first{more} (UTC)", due, waits, words=4))
    return Section("sagas", "Order sagas", f"{number(total)} orders. {hang}", tuple(body))
