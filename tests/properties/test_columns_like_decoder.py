"""Whatever comes, a batch decoded by column has the rows and dead letters of its messages decoded one by one."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.properties.test_every_message import ATTRIBUTES, MESSAGES, QUIET, TOPICS
from tests.support.decoded import both_ways, numbered


@settings(max_examples=300, deadline=None, suppress_health_check=QUIET)
@given(st.lists(st.tuples(MESSAGES, TOPICS, ATTRIBUTES), min_size=1, max_size=30), st.booleans())
def test_a_batch_has_the_outcomes_of_its_messages(drawn, accept_cloudevents):
    messages = numbered(*map(list, zip(*drawn, strict=True)))
    by_column, one_by_one = both_ways(messages, accept_cloudevents=accept_cloudevents)
    assert by_column == one_by_one
