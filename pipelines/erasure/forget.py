"""Forget a customer: search, delete, compact, search again; and finish what a killed run began.

Files go first, then rows: a replay in between can bring nothing back. A deletion is complete when a search after it, over
the same files and tables, finds nothing.
"""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from google.api_core.exceptions import GoogleAPICallError

from pipelines.erasure.compact_warehouse import compact
from pipelines.erasure.copies import Copies, find_copies, settle_stagings
from pipelines.erasure.journal import Deletion, Journal
from pipelines.erasure.lake_files import Found, Lake
from pipelines.erasure.matching import Person
from pipelines.erasure.tables import Holding, Kept, Tables
from pipelines.errors import RunFailed
from pipelines.lake.recovery import recover_folder
from pipelines.stores.open_stores import open_stores
from pipelines.stores.output_folder import WAREHOUSE
from pipelines.stores.run_record import Run, recorded
from pipelines.stores.target import Endpoints, Target
from pipelines.stores.undelivered import add_undelivered_dead_letters
from schemas.timestamps import to_datetime
from transforms.clock import wall_us

PASSES = 3
"""How often found records are deleted before the rest is reported: a stream may write while they are."""


@dataclass(frozen=True)
class ForgetRequest:
    """Whom to forget, and where.

    `name` is the user's name of the request, for the record. Without `delete` the customer is only searched for.
    """

    target: Target
    customer: str
    name: str | None = None
    delete: bool = False


@dataclass
class Findings:
    """What is stored of a customer."""

    tables: list[tuple[Tables, Holding]] = field(default_factory=list)
    files: Found = field(default_factory=Found)
    kept: Kept = field(default_factory=lambda: Kept(0, 0))
    running: list[str] = field(default_factory=list)
    """Replays that may be alive, whose staging was not searched."""

    @property
    def empty(self) -> bool:
        """Whether nothing was found."""
        return not self.tables and not self.files.held

    def unsearched(self) -> list[str]:
        """Return why it is not certain that nothing else is stored, one line each; empty if it is."""
        reasons = [f"{name}: cannot be read" for name in self.files.unreadable]
        reasons += [f"{name}: is being written" for name in self.files.unfinished]
        return reasons + [f"replay {run_id}: is running" for run_id in self.running]


@dataclass(frozen=True)
class Outcome:
    """What became of one deletion: the path of its record, and what keeps it from being complete."""

    record: str
    left: list[str]


def search(endpoints: Endpoints, target: Target, customer: str, copies: Copies | None = None) -> Findings:
    """Return what is stored of a customer, in the stores and their copies; nothing is changed."""
    person = Person(customer)
    copies = copies or find_copies(endpoints.bigquery, target)
    found = Findings(files=Lake(target.lake, person).search(), running=copies.running)
    for store in (target, *copies.shadows):
        tables = Tables(endpoints.bigquery, store, person)
        found.tables += [(tables, holding) for holding in tables.holdings()]
    found.kept = Tables(endpoints.bigquery, target, person).kept()
    return found


def forget(request: ForgetRequest, tell: Callable[[Findings], None]) -> list[Outcome]:
    """Delete what is stored of a customer; the caller holds the folder's lock.

    Deletions that killed runs left unfinished are finished first.

    Args:
        request: whom to forget, and where; `delete` must be set.
        tell: takes what was found of the customer, before it is deleted.

    Returns:
        The outcomes of unfinished deletions and of this one; no outcome if there was nothing to do.

    Raises:
        RunFailed: BigQuery rejected a statement. The next run finishes.
    """
    target, journal = request.target, Journal(request.target.lake)
    now = wall_us()
    run_id = f"forget-{to_datetime(now):%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:6]}"
    recover_folder(target.directory, run_id)
    finished: list[tuple[Deletion, Findings]] = []
    record = Run(run_id=run_id, command="forget", started=now)  # without options: they name the person
    with open_stores(target) as endpoints, _store_errors(), recorded(endpoints.bigquery, target, record):
        settle_stagings(endpoints, target)
        add_undelivered_dead_letters(endpoints.bigquery, target)
        copies = find_copies(endpoints.bigquery, target)
        found = search(endpoints, target, request.customer, copies)
        tell(found)
        waiting = journal.pending()
        if not found.empty and request.customer not in [deletion.customer for deletion in waiting]:
            waiting.append(Deletion(run_id, request.customer, request.name, now))
        finished += [(deletion, _delete(endpoints, target, deletion, copies, journal)) for deletion in waiting]
    if finished and target.directory is not None:
        compact(target.directory / WAREHOUSE)
    outcomes = []
    for deletion, rest in finished:
        left = _left(rest)
        path = journal.finish(deletion, complete=not left, left=left, kept=rest.kept.order_events)
        outcomes.append(Outcome(path, left))
    return outcomes


def _delete(endpoints: Endpoints, target: Target, deletion: Deletion, copies: Copies, journal: Journal) -> Findings:
    """Delete until a search finds nothing, at most `PASSES` times; return what the last search found."""
    journal.save(deletion)
    found = search(endpoints, target, deletion.customer, copies)
    for _ in range(PASSES):
        if found.empty:
            break
        lake = Lake(target.lake, Person(deletion.customer))
        for held in found.files.held:
            became = lake.rewrite(held, deletion.run_id)
            deletion.files.append({"file": str(held), "became": became, "records": held.own})
        journal.save(deletion)
        for tables, holding in found.tables:
            deletion.rows[holding.table] = deletion.rows.get(holding.table, 0) + tables.delete(holding)
        journal.save(deletion)
        found = search(endpoints, target, deletion.customer, copies)
    return found


def _left(found: Findings) -> list[str]:
    rows = [f"{holding.table}: {holding.rows} rows" for _, holding in found.tables]
    return rows + [f"{held}: {held.own} records" for held in found.files.held] + found.unsearched()


@contextmanager
def _store_errors() -> Iterator[None]:
    try:
        yield
    except GoogleAPICallError as error:
        raise RunFailed(f"BigQuery: {error.message}; the next `forget` deletes what is left") from error
