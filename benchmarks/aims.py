"""Performance goals, and whether one run's figures meet them."""

from collections.abc import Iterator

from benchmarks.page import as_table

Medians = dict[str, float]
"""CPU seconds by variant."""
RATIOS = (
    ("loop", 0.85, "at least 0.85 of the plain loop"),
    ("loop, msgspec", 0.85, "at least 0.85 of the plain loop, msgspec"),
    ("usual Beam", 20.0, "a twentieth of usual Beam's CPU"),
    ("Bytewax", 2.0, "half of Bytewax's CPU"),
    ("Pathway", 2.0, "half of Pathway's CPU"),
    ("PyFlink", 2.0, "half of PyFlink's CPU"),
)
"""A variant, and how many times the pipeline's CPU it is to take at least."""
LOCAL_MOST, EXPONENT_MOST = 25.0, 1.05
LEAST_EVENTS = 100_000
"""Below this number of events a run is mostly start-up, and goals are not decided."""
BASE, LOCAL = "pipeline", "local"


def found(cpu: Medians, events: int, exponents: Medians) -> Iterator[tuple[str, str, str]]:
    """Yield each goal that one size's medians can decide: its text, the measured value, and whether it is met."""
    for name, least, words in RATIOS:
        if name in cpu and BASE in cpu:
            ratio = cpu[name] / cpu[BASE]
            yield words, f"{ratio:.2f} times the pipeline's", _met(ratio >= least)
    if LOCAL in cpu:
        spent = cpu[LOCAL] / events * 1e6
        yield f"`local` whole: {LOCAL_MOST:g} CPU-s a million", f"{spent:.1f}", _met(spent <= LOCAL_MOST)
    for name in (BASE, LOCAL):
        if name in exponents:
            slope = exponents[name]
            words = f"CPU of `{name}` grows with the input to the power of {EXPONENT_MOST:g} at most"
            yield words, f"{slope:.3f}", _met(slope <= EXPONENT_MOST)


def as_markdown(cpu: Medians, events: int, exponents: Medians) -> str:
    """Return the goals as a markdown table; empty if none can be decided."""
    rows = list(found(cpu, events, exponents))
    return as_table(("aim", "measured", ""), rows) if rows else ""


def _met(met: bool) -> str:
    return "met" if met else "missed"
