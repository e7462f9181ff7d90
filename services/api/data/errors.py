"""The one failure of the stores behind the API."""


class Unavailable(Exception):
    """A store does not answer, or is not configured: 503. The text quotes no value and no address."""
