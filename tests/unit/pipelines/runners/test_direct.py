"""The message of a failed batch run: errors of this project complete, others by their place, never by their text."""

import pytest

from pipelines.runners.direct import describe
from transforms.sinks.publish_gate import PublishRejected

REJECTED = "run-1: nothing was published, the result is not complete: table events: 1 of 2 rows were rejected"


@pytest.mark.parametrize(
    "error",
    [
        PublishRejected(f"{REJECTED} [while running 'AppendRows/Commit']"),
        RuntimeError(
            'Traceback (most recent call last):\n  File "commit.py", line 1, in process\n'
            f"transforms.sinks.publish_gate.PublishRejected: {REJECTED} [while running 'AppendRows/Commit']\n"
        ),
    ],
    ids=["in this process", "in a worker process"],
)
def test_an_error_of_this_project_is_shown_without_the_step_label(error: Exception) -> None:
    assert describe(error) == f"the run failed: {REJECTED}"


def test_the_text_of_an_unexpected_error_is_not_shown() -> None:
    assert describe(ValueError("ada@example.com")) == "the run failed: ValueError"
