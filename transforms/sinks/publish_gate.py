"""Check that rows are complete before they are published.

Whatever makes rows visible (the commit of a batch run, a backfill, rebuild, redrive, projections, a generation of
features) first compares, per table, the rows that were made, appended and rejected:

    counted = counters(run_to_end(pipeline))            # Beam's counters of the graph that filled the staging tables
    appended = count_rows(client, staged, run_id=None)  # pipelines/reconcile.py: the rows that the tables really hold
    check_publish(counts_of(counted, appended), run_id)  # raises PublishRejected: do not publish, drop the staging

A graph that writes through `AppendRows(publish="all")` (`JobConfig.publish`) checks the same inside its commit step: if
a row was rejected, it commits no table, and the run fails with PublishRejected. `publish="accepted"`, the default,
commits the accepted rows and reports the others as undelivered. In both, rows that are neither appended nor rejected
stop the commit.

Feature files are rows too: `TableCounts("ml/iot_features", made, written)` takes any count of what was made and stored.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

ROWS_MADE, ROWS_REJECTED = "rows_made_", "rows_rejected_"
"""Prefixes of the sinks' counters; the name of the table follows."""


class PublishRejected(Exception):
    """The result is not complete, so nothing of it is published. The text names tables and counts, no data."""


@dataclass(frozen=True)
class TableCounts:
    """What became of the rows of one table.

    Args:
        table: name of the table, without its dataset.
        made: rows that were to be appended.
        appended: rows that the table holds, or that are ready to be committed to it.
        rejected: rows that the table did not take (SINK_REJECTED, SINK_EXHAUSTED).
    """

    table: str
    made: int
    appended: int
    rejected: int = 0

    @property
    def missing(self) -> int:
        """Return how many rows have no outcome; negative if the table holds rows that were not made."""
        return self.made - self.appended - self.rejected

    def at_least_once(self, distinct: int) -> "TableCounts":
        """Return the counts of a table in which a row may stand more than once, after a lost reply.

        Args:
            distinct: distinct rows among the appended ones, as far as their columns tell; 0 if they do not tell. Any
                number of rows between `distinct` and `appended` explains the table.
        """
        expected = self.made - self.rejected
        return replace(self, appended=min(max(expected, distinct), self.appended))

    def problem(self, *, allow_rejected: bool = False) -> str | None:
        """Return why the table must not be published, or None."""
        if self.missing:
            return (
                f"table {self.table}: {self.made:,} rows were made, but {self.appended:,} appended + {self.rejected:,}"
                f" rejected = {self.appended + self.rejected:,}"
            )
        if self.rejected and not allow_rejected:
            return f"table {self.table}: {self.rejected:,} of {self.made:,} rows were rejected"
        return None


def counts_of(counters: Mapping[str, int], appended: Mapping[str, int]) -> list[TableCounts]:
    """Return the counts of every table that the counters or the tables know.

    Args:
        counters: committed counters of namespace `pipeline`, by name.
        appended: rows by table, as the tables hold them.
    """
    named = {
        name.removeprefix(prefix)
        for prefix in (ROWS_MADE, ROWS_REJECTED)
        for name in counters
        if name.startswith(prefix)
    }
    return [
        TableCounts(
            table, counters.get(ROWS_MADE + table, 0), appended.get(table, 0), counters.get(ROWS_REJECTED + table, 0)
        )
        for table in sorted(named | {table for table, rows in appended.items() if rows})
    ]


def check_publish(counts: Iterable[TableCounts], what: str, *, allow_rejected: bool = False) -> None:
    """Raise PublishRejected unless every table is complete.

    Args:
        counts: what became of each table's rows.
        what: the run or the files that would be published, for the error.
        allow_rejected: publish although rows were rejected; only for a run that reports them as undelivered.
    """
    problems = [text for table in counts if (text := table.problem(allow_rejected=allow_rejected))]
    if problems:
        raise PublishRejected(f"{what}: nothing was published, the result is not complete: {'; '.join(problems)}")
