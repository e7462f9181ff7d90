"""Call Google's REST services with the caller's credentials or those of the workers' service account."""

from collections.abc import Mapping
from typing import Any, Protocol

import google.auth
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError
from google.auth.transport.requests import AuthorizedSession
from requests.exceptions import RequestException

from pipelines.errors import RunFailed, UserError

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
TIMEOUT_SECONDS = 30
Json = dict[str, Any]


class NotFound(Exception):
    """The service answers 404."""


class PermissionDenied(Exception):
    """The service answers 401 or 403; the text is the service's own."""


class _Session(Protocol):
    def request(self, method: str, url: str, **more: Any) -> Any: ...


class Google:
    """Services by name (`pubsub.googleapis.com`). `endpoints` maps a service, or `*`, to another address."""

    def __init__(self, endpoints: Mapping[str, str] | None = None, session: _Session | None = None) -> None:
        self._endpoints = dict(endpoints or {})
        self._session = session or self._login()

    def get(self, service: str, path: str, **parameters: Any) -> Json:
        """Return the response of a GET request."""
        return self._ask("GET", service, path, params=parameters)

    def post(self, service: str, path: str, body: Json) -> Json:
        """Return the response of a POST request."""
        return self._ask("POST", service, path, json=body)

    def acting_as(self, account: str) -> "Google":
        """Return the services as a service account sees them; raise PermissionDenied if the caller may not act as it."""
        path = f"v1/projects/-/serviceAccounts/{account}:generateAccessToken"
        token = self.post("iamcredentials.googleapis.com", path, {"scope": [SCOPE], "lifetime": "600s"})["accessToken"]
        return Google(self._endpoints, _Bearer(token))

    def url(self, service: str) -> str:
        """Return the address of a service."""
        if service in self._endpoints:
            return self._endpoints[service]
        if "*" in self._endpoints:
            return f"{self._endpoints['*']}/{service}"
        return f"https://{service}"

    def _login(self) -> AuthorizedSession:
        if self._endpoints:
            return AuthorizedSession(AnonymousCredentials())
        try:
            credentials, _ = google.auth.default(scopes=[SCOPE])
        except DefaultCredentialsError:
            raise UserError("no Google credentials found; run `gcloud auth application-default login`") from None
        return AuthorizedSession(credentials)

    def _ask(self, method: str, service: str, path: str, **more: Any) -> Json:
        try:
            answer = self._session.request(method, f"{self.url(service)}/{path}", timeout=TIMEOUT_SECONDS, **more)
        except (RequestException, GoogleAuthError) as error:
            raise RunFailed(f"{service} cannot be reached ({type(error).__name__})") from None
        if answer.status_code == 404:
            raise NotFound
        if answer.status_code in (401, 403):
            raise PermissionDenied(_message(answer))
        if answer.status_code >= 400:
            raise RunFailed(f"{service} answered {answer.status_code}: {_message(answer)}")
        found: Json = answer.json() if answer.content else {}
        return found


class _Bearer(AuthorizedSession):
    def __init__(self, token: str) -> None:
        super().__init__(AnonymousCredentials())
        self.headers["Authorization"] = f"Bearer {token}"


def _message(answer: Any) -> str:
    try:
        return str(answer.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return str(answer.reason)
