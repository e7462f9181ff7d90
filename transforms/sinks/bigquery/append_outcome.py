"""Wait for the reply to an append and say what it means."""

from google.cloud.bigquery_storage_v1 import types

from transforms.sinks.bigquery.append_errors import (
    Failure,
    Kind,
    classify,
    classify_connection,
    classify_reply,
    on_default_stream,
)
from transforms.sinks.bigquery.append_stream import ConnectionEnded, WriteStream
from transforms.sinks.bigquery.appends import Append

_WRITTEN = Failure(Kind.WRITTEN, "OK", "")
_UNSEEN = Failure(Kind.UNSEEN, "CONNECTION_ENDED", "CONNECTION_ENDED")


def outcome_of(append: Append, stream: WriteStream, timeout_seconds: float, pending: bool) -> Failure:
    """Return what the reply to an append means; kind WRITTEN if its rows are in the stream. Never raises.

    Args:
        append: an append that was sent.
        stream: where it was sent to; its connection is ended if there is no reply in time.
        timeout_seconds: how long to wait, seconds.
        pending: whether the stream has offsets and an end (the default stream has neither).
    """
    assert append.reply is not None
    try:
        reply = append.reply.result(timeout_seconds)
    except TimeoutError:
        stream.cancel()
        return classify("DEADLINE_EXCEEDED")
    except ConnectionEnded:
        return _UNSEEN
    except Exception as error:  # whatever ended the connection; classified, never raised
        failure: Failure | None = classify_connection(error)
    else:
        if types.AppendRowsResponse.pb(reply).HasField("updated_schema"):
            stream.renew()  # a connection keeps the schema it began with
        failure = classify_reply(reply, append.rows.schema.names, append.rows.num_rows)
    if failure is None:
        return _WRITTEN
    return failure if pending else on_default_stream(failure)
