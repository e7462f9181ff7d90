"""The number of messages per pull: few at first, many if they are small, one if they are large."""

from transforms.sources.pull_size import START_MESSAGES, PullSize


def test_the_number_doubles_while_responses_are_small():
    size = PullSize(most_messages=1000, target_bytes=8 << 20)
    for _ in range(10):
        size.seen(size.messages, size.messages * 500)
    assert size.messages == 1000


def test_the_number_follows_the_size_of_large_messages():
    size = PullSize(most_messages=1000, target_bytes=8 << 20)
    size.seen(8, 8 << 20)
    assert size.messages == 8
    size.seen(8, 8 * 9_900_000)
    assert size.messages == 1, "a message larger than the target is pulled alone"


def test_a_response_that_could_not_be_received_shrinks_the_number_to_one_at_last():
    size = PullSize(most_messages=1000, target_bytes=8 << 20, messages=100)
    size.too_large()
    assert size.messages == 6
    size.too_large()
    assert size.messages == 1


def test_an_empty_response_does_not_shrink_the_number():
    size = PullSize(most_messages=1000, target_bytes=8 << 20)
    size.seen(0, 0)
    assert size.messages >= 1
    assert START_MESSAGES * (10 << 20) < 128 << 20, "a first response of the largest messages can be received"
