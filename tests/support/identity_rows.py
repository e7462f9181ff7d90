"""Events as the rows that identities are made of, and which of them repeat."""

import numpy as np
import pyarrow as pa

from transforms.decode.identity import find_repeats, identities


def rows(events: list[tuple[str, int, str, int]]) -> pa.RecordBatch:
    ids, times, messages, contents = zip(*events, strict=True)
    return pa.RecordBatch.from_arrays(
        [
            pa.array(ids),
            pa.array(times, pa.timestamp("us", "UTC")),
            pa.array(messages),
            pa.array([content.to_bytes(8, "little") for content in contents], pa.binary(8)),
        ],
        names=["event_id", "publish_time", "message_id", "content"],
    )


def repeats(events: list[tuple[str, int, str, int]]) -> set[tuple[int, bool]]:
    found = find_repeats(identities(rows(events)), np.zeros(len(events), np.uint32))
    return set(zip(found.row.tolist(), found.conflict.tolist(), strict=True))
