"""Turn service errors of Google's clients into one-line messages."""

from google.api_core.exceptions import GoogleAPICallError, RetryError
from google.auth.exceptions import GoogleAuthError
from requests.exceptions import RequestException

SERVICE_ERRORS = (GoogleAPICallError, RetryError, GoogleAuthError, RequestException, TimeoutError)
"""RetryError: the retry budget is exhausted. The last three are raised below Google's clients: no token, connection or answer."""


def describe_error(error: BaseException) -> str:
    """Return one line that describes a service error."""
    if isinstance(error, RetryError) and error.cause is not None:
        return describe_error(error.cause)
    text = error.message if isinstance(error, GoogleAPICallError) else str(error)
    lines = (text or type(error).__name__).splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines[0] != type(error).__name__ else lines[0]
