"""What it looks like when Google's stores do not answer: which errors, and one line about them for a user."""

from google.api_core.exceptions import GoogleAPICallError, RetryError
from google.auth.exceptions import GoogleAuthError
from requests.exceptions import RequestException

AWAY = (GoogleAPICallError, RetryError, GoogleAuthError, RequestException, TimeoutError)
"""RetryError: the retries were used up. The last three come from below Google's clients: no token, no connection, no answer."""


def away(error: BaseException) -> str:
    """Say in one line why a store did not answer."""
    if isinstance(error, RetryError) and error.cause is not None:
        return away(error.cause)
    text = error.message if isinstance(error, GoogleAPICallError) else str(error)
    lines = (text or type(error).__name__).splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines[0] != type(error).__name__ else lines[0]
