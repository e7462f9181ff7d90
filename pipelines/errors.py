"""What a user can do wrong, as one exception: the command line prints it and exits with 2, without a stack trace."""


class UserError(Exception):
    """A user's mistake: the message names the option and the value."""


class RunFailed(Exception):
    """The run failed for a reason that a user can act on: the message says which; exit code 1."""
