"""Read dead letters from the store: select them by state, code, topic and time, and make messages of them."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from google.cloud import bigquery

from pipelines.errors import UserError
from pipelines.replay.redrive.groups import STATES as STATES
from pipelines.stores.sql_text import string_literal
from pipelines.stores.target import Target
from pipelines.suggest import did_you_mean
from schemas.decode.decoder import Decoder
from schemas.event import ATTEMPT_ATTRIBUTE, Event
from schemas.message import Message
from schemas.outcomes import Code, Stage
from schemas.timestamps import from_datetime, to_rfc3339
from transforms.sources.read_event_store import SELECT, message_of

DEAD_LETTER_ATTRIBUTE = "redrive-dead-letter"
MESSAGE_ID_ATTRIBUTE = "redrive-message-id"
PUBLISH_TIME_ATTRIBUTE = "redrive-publish-time"
SHA256_ATTRIBUTE = "redrive-sha256"
IDS_A_QUERY = 10_000


@dataclass(frozen=True)
class Selection:
    """Dead letters by state, code, topic and publish time.

    Args:
        start: first publish time, UTC microseconds.
        end: first publish time after the selection.
    """

    states: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    start: int | None = None
    end: int | None = None

    def __post_init__(self) -> None:
        for code in self.codes:
            if code not in Code.__members__:
                raise UserError(f"--codes {code}: no such code{did_you_mean(code, Code) or '; `explain` lists them'}")

    def where(self) -> str:
        """Return the condition on dead_letter_states."""
        parts = ["TRUE"]
        for column, values in (("state", self.states), ("error_code", self.codes), ("topic", self.topics)):
            if values:
                parts.append(f"{column} IN ({', '.join(map(string_literal, values))})")
        for sign, moment in ((">=", self.start), ("<", self.end)):
            if moment is not None:
                parts.append(f"failed_time {sign} TIMESTAMP '{to_rfc3339(moment)}'")
        return " AND ".join(parts)


@dataclass(frozen=True)
class StoredDeadLetter:
    """A dead letter as redrive needs it; `publish_time` is in UTC microseconds."""

    dead_letter_id: str
    code: str
    stage: str
    path: str
    topic: str
    message_id: str | None
    publish_time: int | None
    attributes: dict[str, str]
    payload: bytes
    payload_size: int
    sha256: str
    event_type: str | None
    attempt: int
    event_id: str | None = None

    @property
    def is_row(self) -> bool:
        """Whether it is a row that a table rejected; `path` names the table."""
        return self.stage == Stage.SINK

    @property
    def unfit(self) -> str | None:
        """Why it cannot be sent again, or None."""
        if self.message_id is None or self.publish_time is None:
            return "the line was no message"
        return "only the first 64 KiB of its payload are kept" if self.payload_size > len(self.payload) else None

    def message(self, payload: bytes, topic: str | None = None) -> Message:
        """Return the repaired message; its attributes name the dead letter and the first message.

        Args:
            payload: the repaired bytes.
            topic: another topic than the dead letter's.
        """
        assert self.message_id is not None
        assert self.publish_time is not None
        attributes = {
            ATTEMPT_ATTRIBUTE: str(self.attempt),
            DEAD_LETTER_ATTRIBUTE: self.dead_letter_id,
            MESSAGE_ID_ATTRIBUTE: self.attributes.get(MESSAGE_ID_ATTRIBUTE, self.message_id),
            PUBLISH_TIME_ATTRIBUTE: self.attributes.get(PUBLISH_TIME_ATTRIBUTE, to_rfc3339(self.publish_time)),
            SHA256_ATTRIBUTE: self.attributes.get(SHA256_ATTRIBUTE, self.sha256),
        }
        return Message(
            topic or self.topic, self.message_id, self.publish_time, {**self.attributes, **attributes}, payload
        )


def read_dead_letters(client: bigquery.Client, target: Target, selection: Selection) -> Iterator[StoredDeadLetter]:
    """Yield the dead letters of a selection, each once, the oldest first."""
    return map(_dead_letter, client.query(dead_letters_sql(target, selection)).result())


def read_ids(client: bigquery.Client, target: Target, selection: Selection) -> set[str]:
    """Return the ids of the dead letters of a selection."""
    sql = f"SELECT dead_letter_id FROM `{target.table('event_store', 'dead_letter_states')}` WHERE {selection.where()}"
    return {row.dead_letter_id for row in client.query(sql).result()}


def read_contents(client: bigquery.Client, target: Target, event_ids: Sequence[str]) -> dict[str, bytes]:
    """Return the content hashes of the events that the store holds under these ids."""
    sql = f"SELECT {SELECT} FROM `{target.table('event_store', 'events')}` WHERE event_id IN UNNEST(@ids)"
    decoder, found = Decoder(), {}
    for start in range(0, len(event_ids), IDS_A_QUERY):
        ids = bigquery.ArrayQueryParameter("ids", "STRING", event_ids[start : start + IDS_A_QUERY])
        config = bigquery.QueryJobConfig(query_parameters=[ids])
        for row in client.query(sql, job_config=config).result():
            outcome = decoder.decode(message_of(row.values()))
            if isinstance(outcome, Event):
                found[outcome.event_id] = outcome.content
    return found


def dead_letters_sql(target: Target, selection: Selection) -> str:
    """Return the query of a selection's dead letters."""
    return f"""
SELECT stored.dead_letter_id, stored.error_code, stored.stage, stored.path, stored.topic, stored.message_id,
  stored.publish_time, TO_JSON_STRING(stored.attributes) AS attributes, stored.payload, stored.payload_size,
  stored.payload_sha256, stored.event_type, stored.attempt, stored.event_id
FROM `{target.table("event_store", "dead_letters")}` AS stored
WHERE stored.dead_letter_id IN (
  SELECT dead_letter_id FROM `{target.table("event_store", "dead_letter_states")}` WHERE {selection.where()}
)
QUALIFY ROW_NUMBER() OVER (PARTITION BY stored.dead_letter_id ORDER BY stored.ingest_time, stored.run_id) = 1
ORDER BY stored.failed_time, stored.dead_letter_id"""


def _dead_letter(row: Any) -> StoredDeadLetter:
    return StoredDeadLetter(
        row.dead_letter_id,
        row.error_code,
        row.stage,
        row.path or "",
        row.topic,
        row.message_id,
        None if row.publish_time is None else from_datetime(row.publish_time),
        json.loads(row.attributes or "{}") or {},
        row.payload or b"",
        row.payload_size,
        row.payload_sha256,
        row.event_type,
        row.attempt,
        row.event_id,
    )
