"""The closed lists of the contract: stages and codes of a dead letter, notes of a valid event.

See docs/data-contract.md#outcomes.
"""

from enum import StrEnum


class Stage(StrEnum):
    """Where a message failed; checks run in this order."""

    SOURCE = "source"
    BYTES = "bytes"
    JSON = "json"
    ENVELOPE = "envelope"
    DATA = "data"
    IDENTITY = "identity"
    SINK = "sink"
    INTERNAL = "internal"


class Code(StrEnum):
    """Why a message failed. Within a stage the order of the list is the order of the checks."""

    NOT_A_MESSAGE = "NOT_A_MESSAGE"
    TOO_LARGE = "TOO_LARGE"
    COMPRESSED = "COMPRESSED"
    EMPTY = "EMPTY"
    ENCODING = "ENCODING"
    JSON_SYNTAX = "JSON_SYNTAX"
    JSON_DEPTH = "JSON_DEPTH"
    JSON_NUMBER = "JSON_NUMBER"
    JSON_DUPLICATE_KEY = "JSON_DUPLICATE_KEY"
    KEY_COLLISION = "KEY_COLLISION"
    STRING_CONTENT = "STRING_CONTENT"
    NOT_OBJECT = "NOT_OBJECT"
    MISSING_FIELD = "MISSING_FIELD"
    FIELD_TYPE = "FIELD_TYPE"
    FIELD_FORMAT = "FIELD_FORMAT"
    CONTENT_TYPE = "CONTENT_TYPE"
    UNKNOWN_EVENT_TYPE = "UNKNOWN_EVENT_TYPE"
    TOPIC_MISMATCH = "TOPIC_MISMATCH"
    SOURCE_NOT_ALLOWED = "SOURCE_NOT_ALLOWED"
    TIME_FORMAT = "TIME_FORMAT"
    TIME_RANGE = "TIME_RANGE"
    FIELD_RANGE = "FIELD_RANGE"
    EVENT_ID_CONFLICT = "EVENT_ID_CONFLICT"
    SINK_REJECTED = "SINK_REJECTED"
    SINK_EXHAUSTED = "SINK_EXHAUSTED"
    INTERNAL = "INTERNAL"


CODES_OF = {
    Stage.SOURCE: (Code.NOT_A_MESSAGE,),
    Stage.BYTES: (Code.TOO_LARGE, Code.COMPRESSED, Code.EMPTY, Code.ENCODING),
    Stage.JSON: (
        Code.JSON_SYNTAX,
        Code.JSON_DEPTH,
        Code.JSON_NUMBER,
        Code.JSON_DUPLICATE_KEY,
        Code.KEY_COLLISION,
        Code.STRING_CONTENT,
        Code.NOT_OBJECT,
    ),
    Stage.ENVELOPE: (
        Code.MISSING_FIELD,
        Code.FIELD_TYPE,
        Code.FIELD_FORMAT,
        Code.CONTENT_TYPE,
        Code.UNKNOWN_EVENT_TYPE,
        Code.TOPIC_MISMATCH,
        Code.SOURCE_NOT_ALLOWED,
        Code.TIME_FORMAT,
        Code.TIME_RANGE,
    ),
    Stage.DATA: (Code.MISSING_FIELD, Code.FIELD_TYPE, Code.FIELD_FORMAT, Code.FIELD_RANGE),
    Stage.IDENTITY: (Code.EVENT_ID_CONFLICT,),
    Stage.SINK: (Code.SINK_REJECTED, Code.SINK_EXHAUSTED),
    Stage.INTERNAL: (Code.INTERNAL,),
}
"""Which codes each stage can give, both in the order of the checks (docs/data-contract.md#outcomes)."""


class Note(StrEnum):
    """Notes about a valid event."""

    BOM_REMOVED = "BOM_REMOVED"
    TIME_TRUNCATED = "TIME_TRUNCATED"
    UNKNOWN_FIELD = "UNKNOWN_FIELD"
    CONTROL_CHARS = "CONTROL_CHARS"


CODE_ORDER = {code: position for position, code in enumerate(Code)}
"""The first failure names the code: of several faults in one stage the one with the lowest position counts."""


class Rejected(Exception):
    """A check that a message failed. `detail` is a fixed text and `path` holds field names only, never a value.

    `value` is the parsed message, as far as a check of stage `json` could read it.
    """

    def __init__(self, stage: Stage, code: Code, path: str, detail: str, value: object = None) -> None:
        super().__init__(detail)
        self.stage, self.code, self.path, self.detail, self.value = stage, code, path, detail, value
