"""Decide what a redrive does with each dead letter: repair and send it, give up, or leave it open. Pure."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from pipelines.replay.merge_statements import TYPED
from pipelines.replay.redrive.stored import StoredDeadLetter
from pipelines.replay.undelivered import COMPUTED, message_of_row
from schemas.decode.decoder import Decoder
from schemas.event import Event
from schemas.message import Message
from schemas.repair.apply import NotRepaired, mask, repair
from schemas.repair.rules import Rule, Rules
from schemas.tables.definitions import EVENTS

NO_RULE = "(no rule)"
DELIVERED = (EVENTS.name, *TYPED, *COMPUTED)
"""Tables whose rejected rows can be delivered."""
CONFLICT = "the store holds another event under its id"


@dataclass(frozen=True)
class Redriven:
    """A dead letter that is sent again.

    Args:
        rule: name of the rule that repaired it; None if it is sent as it is.
        event_id: id of the event that the repaired message is; None if the decoder still rejects it.
        code: why the decoder rejects it; None if it does not.
        content: content hash of the event. A held event of the same id with another hash is a conflict.
    """

    dead_letter: StoredDeadLetter
    rule: str | None
    message: Message
    event_id: str | None
    code: str | None
    content: bytes | None = None


@dataclass
class Plan:
    """Every dead letter of the selection is in exactly one of `sent`, `rows`, `given_up` and `left`.

    `rows` are rows that a table rejected; they are delivered from the event store, without a rule.
    """

    sent: list[Redriven] = field(default_factory=list)
    rows: list[StoredDeadLetter] = field(default_factory=list)
    given_up: list[StoredDeadLetter] = field(default_factory=list)
    left: list[tuple[StoredDeadLetter, str]] = field(default_factory=list)

    def by_rule(self) -> list[tuple[str, int, int]]:
        """Return (rule, messages sent, how many of them are valid now) in the order of first use."""
        sent = Counter(redriven.rule or NO_RULE for redriven in self.sent)
        valid = Counter(redriven.rule or NO_RULE for redriven in self.sent if redriven.code is None)
        return [(rule, count, valid[rule]) for rule, count in sent.items()]

    def left_by_reason(self) -> list[tuple[str, int]]:
        """Return why dead letters stay open, and how many."""
        return list(Counter(reason for _, reason in self.left).items())

    def event_ids(self) -> list[str]:
        """Return the ids of the events that the sent messages become."""
        return sorted({redriven.event_id for redriven in self.sent if redriven.event_id is not None})

    def leave_conflicts(self, held: Mapping[str, bytes]) -> None:
        """Leave open what would be another event under an id that the store holds.

        Args:
            held: content hash by event id.
        """
        for redriven in self.sent:
            if redriven.event_id is not None and held.get(redriven.event_id, redriven.content) != redriven.content:
                self.left.append((redriven.dead_letter, CONFLICT))
        conflicts = {dead_letter.dead_letter_id for dead_letter, reason in self.left if reason == CONFLICT}
        self.sent = [redriven for redriven in self.sent if redriven.dead_letter.dead_letter_id not in conflicts]

    def keep(self, open_now: Collection[str]) -> None:
        """Drop dead letters that another redrive has processed since this plan.

        Args:
            open_now: ids of the dead letters that are still open.
        """
        self.sent = [redriven for redriven in self.sent if redriven.dead_letter.dead_letter_id in open_now]
        self.rows = [dead_letter for dead_letter in self.rows if dead_letter.dead_letter_id in open_now]
        self.given_up = [dead_letter for dead_letter in self.given_up if dead_letter.dead_letter_id in open_now]

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.sent or self.rows or self.given_up)

    def lines(self, *, examples: bool) -> Iterator[str]:
        """Yield the counts by rule and reason; `examples` adds one masked message per rule."""
        for rule, sent, valid in self.by_rule():
            yield f"{rule}: {sent:,} to send, {valid:,} of them valid now"
            if examples:
                example = next(redriven for redriven in self.sent if (redriven.rule or NO_RULE) == rule)
                yield f"  before {mask(example.dead_letter.payload)}"
                yield f"  after  {mask(example.message.data)}"
        for table, count in Counter(dead_letter.path for dead_letter in self.rows).items():
            yield f"rows of {table} to deliver: {count:,}"
        for reason, count in self.left_by_reason():
            yield f"left open, {reason}: {count:,}"
        if self.given_up:
            yield f"to give up: {len(self.given_up):,}"
        if self.empty and not self.left:
            yield "no open dead letters in this selection"


def plan_redrive(
    dead_letters: Iterable[StoredDeadLetter],
    rules: Rules | None,
    max_attempts: int,
    limit: int = 0,
    *,
    accept_cloudevents: bool = False,
) -> Plan:
    """Decide the outcome of each dead letter; without rules all are sent unchanged (the code has changed).

    Args:
        max_attempts: a message that has been redriven more often is given up.
        limit: stop once so many are to be sent or given up; 0 is no limit.
    """
    plan, decoder = Plan(), Decoder(accept_cloudevents=accept_cloudevents)
    for dead_letter in dead_letters:
        if limit and len(plan.sent) + len(plan.rows) + len(plan.given_up) >= limit:
            break
        if dead_letter.is_row:
            _deliver(plan, dead_letter)
            continue
        rule = (
            rules.find(dead_letter.code, dead_letter.path, dead_letter.topic, dead_letter.event_type) if rules else None
        )
        if dead_letter.unfit:
            plan.left.append((dead_letter, dead_letter.unfit))
        elif rules and rule is None:
            plan.left.append((dead_letter, "no rule matches"))
        elif dead_letter.attempt > max_attempts:
            plan.given_up.append(dead_letter)
        else:
            _send(plan, dead_letter, rule, decoder)
    return plan


def _deliver(plan: Plan, dead_letter: StoredDeadLetter) -> None:
    if dead_letter.path in TYPED and dead_letter.event_id is None:
        plan.left.append((dead_letter, f"the row of {dead_letter.path} names no event"))
    elif dead_letter.path == EVENTS.name and message_of_row(dead_letter.payload) is None:
        plan.left.append(
            (dead_letter, "the row of events is not whole: `replay --mode backfill` reads its message again")
        )
    elif dead_letter.path in DELIVERED:
        plan.rows.append(dead_letter)
    else:
        plan.left.append((dead_letter, f"a row of {dead_letter.path} cannot be computed again"))


def _send(plan: Plan, dead_letter: StoredDeadLetter, rule: Rule | None, decoder: Decoder) -> None:
    try:
        payload = repair(rule, dead_letter.payload) if rule else dead_letter.payload
        message = dead_letter.message(payload, rule.topic if rule else None)
        outcome = decoder.decode(message)
    except NotRepaired as error:
        plan.left.append((dead_letter, f"{rule.name if rule else NO_RULE}: {error}"))
        return
    except Exception as error:  # whatever one payload does to a rule or the decoder, the others are redriven
        plan.left.append(
            (dead_letter, f"{rule.name if rule else NO_RULE}: cannot be repaired ({type(error).__name__})")
        )
        return
    name = rule.name if rule else None
    if isinstance(outcome, Event):
        plan.sent.append(Redriven(dead_letter, name, message, outcome.event_id, None, outcome.content))
    else:
        plan.sent.append(Redriven(dead_letter, name, message, None, outcome.code))
