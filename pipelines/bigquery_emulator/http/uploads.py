"""Receive media uploads of load jobs: multipart in one request, or resumable in several."""

from __future__ import annotations

import json
import re
import threading
import uuid
from typing import Any

from pipelines.bigquery_emulator.errors import ApiError
from pipelines.bigquery_emulator.http.handler import Call

Upload = tuple[dict[str, Any], bytes]
_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")


class Uploads:
    """The resumable uploads in progress, by upload id."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[dict[str, Any], bytearray]] = {}
        self._lock = threading.Lock()

    def receive(self, call: Call) -> Upload | None:
        """Return the job and its data when they are complete, None before."""
        if call.params.get("uploadType") == "multipart":
            return _multipart(call)
        if call.method == "POST":
            name = uuid.uuid4().hex
            with self._lock:
                self._open[name] = (call.json(), bytearray())
            call.reply_headers["Location"] = f"http://{call.headers['Host']}{call.url}&upload_id={name}"
            return None
        name = call.params.get("upload_id", "")
        with self._lock:
            if name not in self._open:
                raise ApiError("notFound", "Not found: upload")
            body, data = self._open[name]
            data += call.raw
            match = _RANGE.fullmatch(call.headers.get("Content-Range", ""))
            if match and (match[3] == "*" or len(data) < int(match[3])):
                call.reply_headers["Range"] = f"bytes=0-{len(data) - 1}"
                call.reply_status = 308
                return None
            del self._open[name]
        return body, bytes(data)


def _multipart(call: Call) -> Upload:
    match = re.search(r'boundary="?([^";]+)', call.headers.get("Content-Type", ""))
    parts = call.raw.split(b"--" + match[1].encode()) if match else []
    if len(parts) != 4:  # before the first boundary, the job, the data, after the last boundary
        raise ApiError("invalid", "A multipart upload must have two parts: the job and its data")
    metadata, data = (_payload(part) for part in parts[1:3])
    return json.loads(metadata), data


def _payload(part: bytes) -> bytes:
    """Return the content of a part, without its headers and the line end that belongs to the next boundary."""
    end = re.search(rb"\r?\n\r?\n", part)
    body = part[end.end() :] if end else b""
    return body.removesuffix(b"\n").removesuffix(b"\r")
