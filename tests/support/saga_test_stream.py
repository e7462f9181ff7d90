"""Facts of sagas as TestStream delivers them: pickled batches, and a watermark that follows the publish time."""

import pickle

from apache_beam.coders import BytesCoder
from apache_beam.testing import test_stream
from apache_beam.transforms.window import TimestampedValue
from apache_beam.utils.timestamp import Timestamp

from tests.support.saga_events import (
    MINUTE_US,
    START_US,
    event_batches,
)

DAY_US = 24 * 60 * MINUTE_US


def moment(micros: int) -> Timestamp:
    """Return a time in whole milliseconds, as TestStream has them."""
    return Timestamp(micros=micros // 1000 * 1000)


def new_stream() -> test_stream.TestStream:
    """Return a stream of pickled batches: TestStream encodes its elements by itself, outside of any pipeline."""
    return test_stream.TestStream(coder=BytesCoder())


def stream_of(batches, delay_us: int = 0) -> test_stream.TestStream:
    """Deliver the batches one after the other; the watermark follows the publish time by a second."""
    stream = new_stream().advance_watermark_to(moment(START_US - DAY_US))
    for some in batches:
        newest = some[-1].publish_us
        elements = [TimestampedValue(pickle.dumps(batch), moment(some[0].publish_us)) for batch in event_batches(some)]
        stream = stream.add_elements(elements).advance_watermark_to(moment(newest - 1_000_000))
    return stream.advance_watermark_to_infinity()


def cut(facts, size: int):
    return [facts[start : start + size] for start in range(0, len(facts), size)]
