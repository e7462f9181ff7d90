"""What a hostile message may cost: memory and time stay bounded."""

import gzip

from schemas.personal_data_search import Mentions
from tests.support.events import make_message, rejected, spelled, with_data


def test_half_a_million_bad_items_are_rejected_in_bounded_memory():
    import resource

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    text = spelled(with_data("order.created", items="I"), '"I"', "[" + "0," * 490_000 + "0]")
    assert rejected(make_message(text)).path == "data.items[0]"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 150 * 1024


def test_a_bomb_is_not_unpacked():
    bomb = gzip.compress(b"\0" * (64 << 20), 9)
    assert not Mentions("C-1.a").in_bytes(bomb)
