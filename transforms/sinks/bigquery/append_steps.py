"""The next step after the reply to an append: the state table of one append, without calls and streams.

An append is `certain` while no earlier attempt of it can be in the stream, and `in doubt` after an attempt whose reply
was lost. A PENDING stream can be finalized; its row count then tells which appends it holds, which ends every doubt.
"""

from dataclasses import dataclass
from enum import StrEnum

from transforms.sinks.bigquery.append_errors import Kind


class Step(StrEnum):
    """What the appender does next with an append."""

    RECORD = "record"  # its rows are in the stream
    RESEND = "resend"  # send it again at the stream's end
    DROP_ROWS = "drop rows"  # reject the named rows, send the others again
    HALVE = "halve"  # send its halves: one of them holds a bad row; a single row is rejected
    LEAVE = "leave"  # finalize the stream, and go on in another with what it does not hold
    GIVE_UP = "give up"  # its rows do not reach the table


@dataclass(frozen=True)
class Rule:
    """What follows from one kind of reply.

    Args:
        certain: the step while no earlier try can be written.
        in_doubt: the step on a PENDING stream after an attempt whose reply was lost.
        waits: back off before the step; GIVE_UP instead when the retry budget is used up.
        answered: the table answered, so an outage is over.
        doubtful: this try may be written although the reply says otherwise.
    """

    certain: Step
    in_doubt: Step
    waits: bool = False
    answered: bool = False
    doubtful: bool = False


RULES = {
    Kind.WRITTEN: Rule(Step.RECORD, Step.RECORD, answered=True),
    Kind.ROWS: Rule(Step.DROP_ROWS, Step.LEAVE, answered=True),
    Kind.WHOLE: Rule(Step.HALVE, Step.LEAVE, answered=True),
    Kind.UNSEEN: Rule(Step.RESEND, Step.RESEND, doubtful=True),
    Kind.BEHIND: Rule(Step.RESEND, Step.RESEND),
    Kind.STREAM: Rule(Step.LEAVE, Step.LEAVE, waits=True),
    Kind.TRANSIENT: Rule(Step.RESEND, Step.RESEND, waits=True, doubtful=True),
    Kind.PERMANENT: Rule(Step.GIVE_UP, Step.GIVE_UP),
}


def rule_for(kind: Kind, *, alone: bool) -> Rule:
    """Return the rule of a reply.

    Args:
        kind: what the reply means.
        alone: nothing before the append was unsettled when it was sent. BEHIND then means that the stream does not end
            where we left it.
    """
    return RULES[Kind.STREAM if kind is Kind.BEHIND and alone else kind]
