"""Any line is a message or none, and a message survives its line."""

from hypothesis import given
from hypothesis import strategies as st

from schemas.message import Message, NotAMessage, format_line, parse_line
from schemas.timestamps import EARLIEST_US, LATEST_US


@given(st.binary(max_size=200))
def test_any_line_is_a_message_or_none(text):
    assert isinstance(parse_line(text, "orders"), Message | NotAMessage)


@given(
    st.builds(
        Message,
        st.text(st.characters(codec="utf-8")),
        st.text(st.characters(codec="utf-8")),
        st.integers(EARLIEST_US, LATEST_US),
        st.dictionaries(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8"))),
        st.binary(),
    )
)
def test_a_message_survives_its_line(message):
    text = format_line(message)
    assert text.endswith(b"\n")
    assert text.count(b"\n") == 1
    assert parse_line(text, "") == message
