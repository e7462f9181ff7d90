"""What a redrive is going to do with each dead letter: repair and send, give up, or leave open. Pure."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from pipelines.replaying.letters import Letter
from schemas.decode import Decoder
from schemas.event import Event
from schemas.message import Message
from schemas.repair import NotRepaired, repair
from schemas.repair_rules import Rule, Rules

AS_IT_WAS = "(no rule)"


@dataclass(frozen=True)
class Mended:
    """A dead letter that is sent again; `event_id` is what it will be, None where the decoder still refuses it."""

    letter: Letter
    rule: str | None
    message: Message
    event_id: str | None
    code: str | None


@dataclass
class Plan:
    """Every dead letter of a selection is in exactly one of the three."""

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


def plan_redrive(
    letters: Iterable[Letter], rules: Rules | None, max_attempts: int, *, accept_cloudevents: bool = False
) -> Plan:
    """Decide what becomes of dead letters; without rules all are sent as they are (the code has changed)."""
    plan, decoder = Plan(), Decoder(accept_cloudevents=accept_cloudevents)
    for letter in letters:
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
    event_id = outcome.event_id if isinstance(outcome, Event) else None
    code = None if isinstance(outcome, Event) else outcome.code
    plan.sent.append(Mended(letter, rule.name if rule else None, message, event_id, code))
