"""Verify OAuth 2.0 bearer tokens: JSON Web Tokens signed with RS256 or ES256 by a key of the issuer's set (RFC 9068, 8725).

The key decides the algorithm, never the token's header; keys come from the configured set alone, so `jku`, `x5u` and `jwk`
of a header mean nothing; `crit` is rejected. Issuer, audience, subject and expiry are required.
"""

from dataclasses import dataclass
from typing import Any

import jwt
from fastapi.concurrency import run_in_threadpool

from services.api.auth.jwks import MAX_KEY_ID, KeySet
from services.api.auth.principal import NotAuthenticated, Principal

MAX_TOKEN_BYTES = 8192
ALGORITHMS = ("RS256", "ES256")
REQUIRED = ["exp", "iss", "aud", "sub"]
CUSTOMER_CLAIM = "customer_id"


@dataclass(frozen=True, kw_only=True)
class TokenRules:
    """What a token must say.

    Args:
        issuer: its claim `iss`.
        audience: one of its claim `aud`.
        skew_seconds: how far the issuer's clock may differ, seconds.
    """

    issuer: str
    audience: str
    skew_seconds: float = 30.0


class TokenVerifier:
    """Verifies tokens of one issuer."""

    def __init__(self, rules: TokenRules, keys: KeySet) -> None:
        self._rules, self._keys = rules, keys

    async def verify(self, token: str) -> Principal:
        """Return the caller of a token.

        Raises:
            NotAuthenticated: the token is not valid.
            KeysUnavailable: the issuer's keys cannot be read.
        """
        key_id, algorithm = _header(token)
        if self._keys.needs_refresh(key_id):
            await run_in_threadpool(self._keys.refresh)
        key = self._keys.find(key_id)
        if key is None:
            raise NotAuthenticated("the token's key is not known")
        if key.algorithm != algorithm:
            raise NotAuthenticated("the token's algorithm is not that of its key")
        try:
            claims = jwt.decode(
                token,
                key.key,
                algorithms=[key.algorithm],
                issuer=self._rules.issuer,
                audience=self._rules.audience,
                leeway=self._rules.skew_seconds,
                options={"require": REQUIRED},
            )
        except jwt.ExpiredSignatureError:
            raise NotAuthenticated("the token has expired") from None
        except jwt.InvalidAudienceError:
            raise NotAuthenticated("the token is for another audience") from None
        except jwt.InvalidIssuerError:
            raise NotAuthenticated("the token is of another issuer") from None
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError):
            raise NotAuthenticated("the token is not valid") from None
        return _principal(claims)


def _header(token: str) -> tuple[str, str]:
    if len(token) > MAX_TOKEN_BYTES:
        raise NotAuthenticated("the token is too long")
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise NotAuthenticated("the token is not a JSON Web Token") from None
    key_id, algorithm = header.get("kid"), header.get("alg")
    if algorithm not in ALGORITHMS:
        raise NotAuthenticated("the token's algorithm is not RS256 or ES256")
    if "crit" in header:
        raise NotAuthenticated("the token has critical headers that are not supported")
    if not isinstance(key_id, str) or not 0 < len(key_id) <= MAX_KEY_ID:
        raise NotAuthenticated("the token names no key")
    return key_id, algorithm


def _principal(claims: dict[str, Any]) -> Principal:
    """Return the caller of valid claims; scopes are a text (`scope`) or a list (`scp`)."""
    given = claims.get("scope", claims.get("scp", ""))
    scopes = given.split() if isinstance(given, str) else given
    if not isinstance(scopes, list) or not all(isinstance(scope, str) for scope in scopes):
        raise NotAuthenticated("the token's scopes are not a text or a list of texts")
    customer = claims.get(CUSTOMER_CLAIM)
    if not isinstance(claims["sub"], str) or not (customer is None or isinstance(customer, str)):
        raise NotAuthenticated("the token's subject is not a text")
    return Principal(name=f"token:{claims['sub']}", scopes=frozenset(scopes), customer_id=customer)
