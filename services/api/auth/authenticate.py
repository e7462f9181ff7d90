"""From a request to its caller: one bearer token or one API key, and the scope that a route needs."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from fastapi import Request

from services.api.auth.api_keys import ApiKeys
from services.api.auth.principal import NotAllowed, NotAuthenticated, Principal, Scope
from services.api.auth.tokens import TokenVerifier

OAUTH, KEY = "oauth2", "apiKey"
"""Names of the two security schemes in the OpenAPI document."""
EVERYONE = Principal(name="anonymous", scopes=frozenset(str(scope) for scope in Scope))
"""The caller of a service without authentication, which listens on this machine only."""


@dataclass(frozen=True, kw_only=True)
class Authenticator:
    """How callers are authenticated; without tokens and keys, everyone on this machine may do everything."""

    tokens: TokenVerifier | None = None
    keys: ApiKeys | None = None

    @property
    def open_to_everyone(self) -> bool:
        """Whether nobody is authenticated."""
        return self.tokens is None and self.keys is None

    async def authenticate(self, request: Request) -> Principal:
        """Return the caller of a request; raise NotAuthenticated if it names none or a wrong one."""
        if self.open_to_everyone:
            return EVERYONE
        bearer, key = request.headers.getlist("authorization"), request.headers.getlist("x-api-key")
        if len(bearer) + len(key) > 1:
            raise NotAuthenticated("more than one credential")
        if key:
            if self.keys is None:
                raise NotAuthenticated("API keys are not accepted")
            return self.keys.verify(key[0])
        if not bearer:
            raise NotAuthenticated("a bearer token or an API key is needed", presented=False)
        scheme, _, token = bearer[0].partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise NotAuthenticated("the authorization is not a bearer token")
        if self.tokens is None:
            raise NotAuthenticated("bearer tokens are not accepted")
        return await self.tokens.verify(token.strip())


def caller(scope: Scope, *, own: bool = False) -> Callable[[Request], Awaitable[Principal]]:
    """Return a dependency that gives the caller of a route.

    Args:
        scope: what the route needs.
        own: whether the route can be limited to one customer; if not, a caller that is limited may not use it.
    """

    async def dependency(request: Request) -> Principal:
        state = request.app.state
        principal: Principal = await state.authenticator.authenticate(request)
        state.limiter.take(principal.name)
        need(principal, scope)
        if principal.customer_id is not None and not own:
            raise NotAllowed(scope, "the caller is limited to one customer, and this resource is not of a customer")
        return principal

    return dependency


def need(principal: Principal, scope: Scope) -> None:
    """Raise NotAllowed unless a caller has a scope."""
    if scope not in principal.scopes:
        raise NotAllowed(scope, f"the scope {scope} is needed")


def security(*scopes: Scope) -> dict[str, Any]:
    """Return the security requirement of an operation for the OpenAPI document."""
    return {"security": [{OAUTH: [str(scope) for scope in scopes]}, {KEY: []}]}
