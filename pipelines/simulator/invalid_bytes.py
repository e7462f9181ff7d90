"""Faults before decoding: a line that is not a message, bytes that are not text, text that is not a JSON object."""

import gzip
import json
from typing import Final

from pipelines.simulator.clock import rfc3339
from pipelines.simulator.message_mutation import Draft, Fault

_LIMIT: Final = 1_048_576
_DEEP: Final = 100


def _line(draft: Draft, **changes: object) -> dict[str, object]:
    return {
        "topic": draft.topic,
        "messageId": "0",
        "publishTime": rfc3339(draft.publish_us),
        "attributes": {},
        "data": "e30=",
    } | changes


def _cut_line(draft: Draft) -> bytes:
    draft.line = f'{{"topic":"{draft.topic}","messageId":"{draft.rng.getrandbits(40)}","publishTime":'.encode()
    return b""


def _line_of_log(draft: Draft) -> bytes:
    draft.line = f"{rfc3339(draft.publish_us)} WARN exporter: flush was slow".encode()
    return b""


def _line_without_field(draft: Draft) -> bytes:
    line = _line(draft)
    del line[draft.one_of("messageId", "publishTime")]  # without data it is EMPTY, without attributes it is valid
    draft.line = json.dumps(line).encode()
    return b""


def _line_not_base64(draft: Draft) -> bytes:
    draft.line = json.dumps(_line(draft, data="{not base64!}")).encode()
    return b""


def _too_large(draft: Draft) -> bytes:
    draft.tree["attachment"] = "x" * (_LIMIT + 1 - len(draft.dumps()) - len(',"attachment":""'))
    return draft.dumps()


def _gzip(draft: Draft) -> bytes:
    return gzip.compress(draft.text.encode(), compresslevel=0, mtime=0)  # stored: the same bytes from any zlib


def _empty(_draft: Draft) -> bytes:
    return b""


def _broken_utf8(draft: Draft) -> bytes:
    bad = draft.one_of(b"\xff", b"\xe9", b"\xc0\xaf", b"\xed\xa0\x80")
    return draft.text.encode().replace(b'"data":{', b'"data":{"memo":"' + bad + b'",', 1)


def _cut_short(draft: Draft) -> bytes:
    return draft.text.encode()[: -draft.rng.randrange(1, 60)]  # metadata is ASCII: no character is cut in two


def _single_quotes(draft: Draft) -> bytes:
    return draft.text.encode().replace(b'"', b"'")


def _trailing_comma(draft: Draft) -> bytes:
    return draft.text.encode()[:-1] + b",}"


def _two_documents(draft: Draft) -> bytes:
    return draft.text.encode() * 2


def _error_page(_draft: Draft) -> bytes:
    return b"<html><head><title>502 Bad Gateway</title></head><body>502 Bad Gateway</body></html>"


def _deep_lists(draft: Draft) -> bytes:
    return draft.with_data_text('"extra":' + "[" * _DEEP + "]" * _DEEP)


def _deep_objects(draft: Draft) -> bytes:
    return draft.with_data_text('"extra":' + '{"a":' * _DEEP + "1" + "}" * _DEEP)


def _no_number(draft: Draft) -> bytes:
    return draft.with_data_text(f'"load":{draft.one_of("NaN", "Infinity", "-Infinity", "1e400", "-1e999")}')


def _key_twice(draft: Draft) -> bytes:
    return draft.text.encode()[:-1] + b',"source":"order-service"}'


def _key_twice_escaped(draft: Draft) -> bytes:
    return draft.text.encode()[:-1] + b',"s\\u006furce":"order-service"}'


def _key_twice_in_data(draft: Draft) -> bytes:
    return draft.with_data_text('"attempt":1,"attempt":2')


def _colliding_envelope(draft: Draft) -> bytes:
    return draft.put(draft.one_of("EventId", "EVENTTYPE", "eventtime", "Data"), "x")


def _colliding_data(draft: Draft) -> bytes:
    key = next(iter(draft.tree["data"]))
    return draft.put(f"data.{draft.one_of(key.upper(), key.title())}", "x")


def _lone_surrogate(draft: Draft) -> bytes:
    alone = draft.one_of("\\ud83d", "ok \\udc00", "\\udc00\\ud800")
    return draft.with_data_text(f'"memo":"{alone}"')


def _no_object(draft: Draft) -> bytes:
    whole: bytes = draft.one_of(b"null", b"42", b"true", b'"event"', b"[]", b"[" + draft.text.encode() + b"]")
    return whole


FAULTS: Final = (
    Fault("source", "NOT_A_MESSAGE", (_cut_line, _line_of_log, _line_without_field, _line_not_base64)),
    Fault("bytes", "TOO_LARGE", (_too_large,)),
    Fault("bytes", "COMPRESSED", (_gzip,)),
    Fault("bytes", "EMPTY", (_empty,)),
    Fault("bytes", "ENCODING", (_broken_utf8,)),
    Fault("json", "JSON_SYNTAX", (_cut_short, _single_quotes, _trailing_comma, _two_documents, _error_page)),
    Fault("json", "JSON_DEPTH", (_deep_lists, _deep_objects)),
    Fault("json", "JSON_NUMBER", (_no_number,)),
    Fault("json", "JSON_DUPLICATE_KEY", (_key_twice, _key_twice_escaped, _key_twice_in_data)),
    Fault("json", "KEY_COLLISION", (_colliding_envelope, _colliding_data)),
    Fault("json", "STRING_CONTENT", (_lone_surrogate,)),
    Fault("json", "NOT_OBJECT", (_no_object,)),
)
