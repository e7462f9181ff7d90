"""The exceptions that the command line reports as one line, without a stack trace.

Exception
├── UserError   a mistake of the user: exit code 2
└── RunFailed   the run failed for a reason that the user can act on: exit code 1
"""


class UserError(Exception):
    """A mistake of the user: the message names the option and the value."""


class RunFailed(Exception):
    """The run failed: the message says what failed and what to do."""


def was_interrupted(error: BaseException | None) -> bool:
    """Tell whether an error is a Ctrl-C that a library wrapped: Beam raises an error of its own for what a step raises."""
    while error is not None:
        if isinstance(error, KeyboardInterrupt) or "KeyboardInterrupt" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False
