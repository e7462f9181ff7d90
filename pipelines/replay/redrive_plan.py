"""What a redrive is going to do with each dead letter: repair and send, give up, or leave open. Pure."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from pipelines.replay.dead_letters import Letter
from schemas.decode.decoder import Decoder
from schemas.event import Event
from schemas.message import Message
from schemas.repair.apply import NotRepaired, repair
from schemas.repair.rules import Rule, Rules

AS_IT_WAS = "(no rule)"
CONFLICT = "the store holds another event under its id"


@dataclass(frozen=True)
class Mended:
    """A dead letter that is sent again; `event_id` is what it will be, None where the decoder still refuses it."""

    letter: Letter
    rule: str | None
    message: Message
    event_id: str | None
    code: str | None
    content: bytes | None = None
    """The hash of what its event says: a held event of its id that says something else is a conflict."""


@dataclass
class Plan:
    """Every dead letter that was looked at is in exactly one of the three."""

    sent: list[Mended] = field(default_factory=list)
    given_up: list[Letter] = field(default_factory=list)
    left: list[tuple[Letter, str]] = field(default_factory=list)

    def by_rule(self) -> list[tuple[str, int, int]]:
        """Return (rule, sent, of them valid now), in the order of the first use."""
        sent = Counter(one.rule or AS_IT_WAS for one in self.sent)
        valid = Counter(one.rule or AS_IT_WAS for one in self.sent if one.code is None)
        return [(rule, count, valid[rule]) for rule, count in sent.items()]

    def left_by_reason(self) -> list[tuple[str, int]]:
        """Return why dead letters are left as they are, and how many."""
        return list(Counter(reason for _, reason in self.left).items())

    def event_ids(self) -> list[str]:
        """Return the ids of the events that are going to be."""
        return sorted({one.event_id for one in self.sent if one.event_id is not None})

    def leave_conflicts(self, held: Mapping[str, bytes]) -> None:
        """Leave open what would be another event under an id that the store holds: `held` has the contents by id."""
        for one in self.sent:
            if one.event_id is not None and held.get(one.event_id, one.content) != one.content:
                self.left.append((one.letter, CONFLICT))
        gone = {letter.dead_letter_id for letter, reason in self.left if reason == CONFLICT}
        self.sent = [one for one in self.sent if one.letter.dead_letter_id not in gone]

    def keep(self, open_now: Collection[str]) -> None:
        """Drop what another redrive did between the look and the claim."""
        self.sent = [one for one in self.sent if one.letter.dead_letter_id in open_now]
        self.given_up = [letter for letter in self.given_up if letter.dead_letter_id in open_now]


def plan_redrive(
    letters: Iterable[Letter],
    rules: Rules | None,
    max_attempts: int,
    limit: int = 0,
    *,
    accept_cloudevents: bool = False,
) -> Plan:
    """Decide what becomes of dead letters; without rules all are sent as they are (the code has changed).

    The look ends once `limit` are to be sent or given up; 0 is no limit.
    """
    plan, decoder = Plan(), Decoder(accept_cloudevents=accept_cloudevents)
    for letter in letters:
        if limit and len(plan.sent) + len(plan.given_up) >= limit:
            break
        rule = rules.find(letter.code, letter.path, letter.topic, letter.event_type) if rules else None
        if letter.unfit:
            plan.left.append((letter, letter.unfit))
        elif rules and rule is None:
            plan.left.append((letter, "no rule matches"))
        elif letter.attempt > max_attempts:
            plan.given_up.append(letter)
        else:
            _mend(plan, letter, rule, decoder)
    return plan


def _mend(plan: Plan, letter: Letter, rule: Rule | None, decoder: Decoder) -> None:
    try:
        payload = repair(rule, letter.payload) if rule else letter.payload
    except NotRepaired as error:
        plan.left.append((letter, f"{rule.name if rule else AS_IT_WAS}: {error}"))
        return
    message = letter.message(payload, rule.topic if rule else None)
    outcome = decoder.decode(message)
    name = rule.name if rule else None
    if isinstance(outcome, Event):
        plan.sent.append(Mended(letter, name, message, outcome.event_id, None, outcome.content))
    else:
        plan.sent.append(Mended(letter, name, message, None, outcome.code))
