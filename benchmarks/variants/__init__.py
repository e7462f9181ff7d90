"""One implementation of the same work per module: read, decode, deduplicate, write both rows of each event to Parquet.

Each has `run(source, output)`. Those of another engine import nothing of Beam: they run in a venv of their own.
"""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Variant:
    """A variant: its module, its description, and the extra of setup.py that installs its engine.

    `rewrites` names columns that it cannot write as they came; they are left out when its rows are compared. `asked`
    variants run only where they are named: they take minutes for what others do in seconds.
    """

    name: str
    module: str
    words: str
    extra: str | None = None
    rewrites: frozenset[str] = frozenset()
    asked: bool = False


VARIANTS = {
    variant.name: variant
    for variant in (
        Variant("loop", "loop", "plain Python loop: the project's decoder (pydantic) event by event, a set of ids"),
        Variant(
            "loop, msgspec", "loop_msgspec", "plain Python loop: msgspec structs, the decoder only for odd messages"
        ),
        Variant("pipeline", "pipeline", "this project's steps on Beam, one process"),
        Variant("pipeline, 2 workers", "pipeline_two", "the same on two worker processes"),
        Variant("pipeline, Prism", "pipeline_prism", "the same on Prism"),
        Variant("local", "local", "the command `local` whole: archive, counts, features, sagas, BigQuery, report"),
        Variant("usual Beam", "usual_beam", "Beam as usually written: DoFns of one event, GroupByKey, WriteToParquet"),
        Variant(
            "DuckDB SQL",
            "duck",
            "DuckDB, the contract's rules as SQL as far as SQL can say them",
            rewrites=frozenset({"data"}),
        ),
        Variant(
            "Bytewax", "bytewax_flow", "Bytewax: the project's decoder in a map, a stateful step a key", "bench-bytewax"
        ),
        Variant("Pathway", "pathway_flow", "Pathway: the project's decoder in a UDF, a reducer a key", "bench-pathway"),
        Variant("PyFlink", "flink_job", "PyFlink: the project's decoder in a map, keyed state", "bench-pyflink"),
        Variant("local, STREAMING_INSERTS", "local_inserts", "`local` with Beam's streaming inserts", asked=True),
        Variant("local, FILE_LOADS", "local_loads", "`local` with Beam's load jobs", asked=True),
    )
}
EXTRAS = Path("build/extras")


def python_of(variant: Variant, own: str) -> str | None:
    """Return the interpreter that runs a variant; None if its engine is not installed."""
    if variant.extra is None:
        return own
    found = EXTRAS / variant.extra / "bin" / "python"
    return str(found) if found.exists() else None
