"""The charts of the order sagas, as plotly figures. Pure."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from plotly import graph_objects as go

from pipelines.report.charts import bars
from pipelines.report.saga_queries import OPEN, STEPS, STUCK, StateCount, Way

STATES = ("CREATED", "RESERVED", "PAID", "COMPLETED", "PAYMENT_FAILED", "RELEASED", "CANCELLED")
_FAILED = ("payment failed", "released", "cancelled", "PAYMENT_FAILED", "RELEASED", "CANCELLED")
_DONE = ("completed", "COMPLETED")


def _kind(name: str) -> str:
    """Return the colour of a step or state: completed, failed, stuck or open."""
    return "good" if name in _DONE else "bad" if name in _FAILED else "warn" if name == STUCK else "accent"


def states_chart(states: Sequence[StateCount]) -> go.Figure:
    """Draw the number of sagas per state, in the order of the states."""
    ordered = sorted(states, key=lambda count: STATES.index(count.state) if count.state in STATES else len(STATES))
    return bars([(count.state, count.sagas, f"var(--{_kind(count.state)})") for count in reversed(ordered)])


def links(ways: Sequence[Way]) -> dict[tuple[str, str], int]:
    """Return the number of orders per transition; an open order also has a transition to STUCK or OPEN."""
    counted: Counter[tuple[str, str]] = Counter()
    for way in ways:
        for link in pairwise((*way.steps, way.end) if way.end else way.steps):
            counted[link] += way.orders
    return dict(counted)


def ways_chart(ways: Sequence[Way]) -> go.Figure:
    """Draw the paths of all orders as a Sankey diagram."""
    counted = links(ways)
    names = [name for name in (*STEPS, STUCK, OPEN) if any(name in link for link in counted)]
    totals = {name: max(_flow(counted, name, 0), _flow(counted, name, 1)) for name in names}
    figure = go.Figure(
        go.Sankey(
            arrangement="snap",
            node={
                "label": [f"{name} {totals[name]:,}" for name in names],
                "color": [f"var(--{_kind(name)})" for name in names],
                "line": {"width": 0},
                "pad": 22,
                "thickness": 14,
                "hovertemplate": "%{label}<extra></extra>",
            },
            link={
                "source": [names.index(source) for source, _ in counted],
                "target": [names.index(target) for _, target in counted],
                "value": list(counted.values()),
                "color": [f"var(--{_kind(target)}-soft)" for _, target in counted],
                "customdata": [f"{source} → {target}" for source, target in counted],
                "hovertemplate": "%{customdata}<br>%{value:,} orders<extra></extra>",
            },
        )
    )
    figure.update_layout(
        template=go.layout.Template(),
        height=340,
        margin={"l": 8, "r": 8, "t": 16, "b": 16},
        paper_bgcolor="rgba(0,0,0,0)",
        font={"color": "var(--ink)", "size": 12},
        hoverlabel={
            "bgcolor": "var(--card)",
            "bordercolor": "var(--line)",
            "font": {"color": "var(--ink)", "size": 12},
        },
    )
    return figure


def _flow(counted: dict[tuple[str, str], int], name: str, side: int) -> int:
    return sum(orders for link, orders in counted.items() if link[side] == name)
