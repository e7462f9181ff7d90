"""Errors of repair rules."""


class NotRepaired(ValueError):
    """A rule cannot be applied to a payload: a result, not a failure of the run. The text quotes no value."""


class RulesError(ValueError):
    """A file of rules is invalid, or a rule fails its own test: one line, which starts with line and column if known."""

    def __init__(self, text: str) -> None:
        super().__init__("".join(char if char.isprintable() else ascii(char)[1:-1] for char in text))
