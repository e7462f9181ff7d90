"""What a commit adds and replaces, as a function of names."""

import pytest

from transforms.sinks.iceberg.commit import Change, hour_of, plan_change


def test_an_hour_of_a_partition():
    assert hour_of("dt=1970-01-02/hour=03") == 27


@pytest.mark.parametrize(
    ("named", "held", "add", "replace"),
    [
        ({1: {"a"}}, {}, {1: ["a"]}, set()),
        ({1: {"a", "b"}}, {1: {"a"}}, {1: ["b"]}, set()),
        ({1: {"a"}}, {1: {"a"}}, {}, set()),
        ({1: {"b", "c"}}, {1: {"a", "b"}}, {1: ["b", "c"]}, {1}),
        ({1: set()}, {1: {"a"}}, {}, {1}),
        ({1: {"a"}, 2: {"c"}}, {1: {"a"}, 2: {"b"}}, {2: ["c"]}, {2}),
    ],
    ids=["new", "more", "same", "superseded", "emptied", "two hours"],
)
def test_what_is_lacking_is_added_and_an_hour_with_superseded_files_is_replaced(named, held, add, replace):
    assert plan_change(named, held) == Change(add, frozenset(replace))
    assert bool(plan_change(named, held)) == bool(add or replace)
