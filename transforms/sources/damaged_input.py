"""The error of an input file that cannot be read to its end."""


class DamagedInput(ValueError):
    """An input file is damaged, or is larger inside than a reader allows. The text names file and reason, no data."""

    def __init__(self, path: str, reason: str = "") -> None:
        super().__init__(f"{path}: {reason}" if reason else path)
