"""A caller and its scopes; the errors of authentication."""

from dataclasses import dataclass
from enum import StrEnum


class Scope(StrEnum):
    """What a caller may do; a token names scopes in its claim `scope`, an API key in its file."""

    ORDERS = "orders:read"
    CUSTOMERS = "customers:read"
    STOCK = "stock:read"
    REVENUE = "revenue:read"
    TELEMETRY = "telemetry:read"
    METRICS = "metrics:read"
    DEAD_LETTERS = "dead_letters:read"
    EVENTS = "events:write"
    PERSONAL = "personal:read"


DESCRIPTIONS = {
    Scope.ORDERS: "read orders, their sagas and their events",
    Scope.CUSTOMERS: "read customers without personal data",
    Scope.STOCK: "read stock levels",
    Scope.REVENUE: "read revenue per day",
    Scope.TELEMETRY: "read telemetry of devices",
    Scope.METRICS: "read the pipeline's metrics",
    Scope.DEAD_LETTERS: "read dead letters without their payload",
    Scope.EVENTS: "send events",
    Scope.PERSONAL: "read personal data: hashed names and addresses of customers, data of events",
}


@dataclass(frozen=True, kw_only=True)
class Principal:
    """A caller that was authenticated.

    Args:
        name: subject of the token or name of the key; in no metric and no response.
        scopes: what it may do.
        customer_id: if set, it sees the records of this customer only.
    """

    name: str
    scopes: frozenset[str]
    customer_id: str | None = None


class NotAuthenticated(Exception):
    """The credentials are missing or not valid: 401. The text names the reason and quotes nothing of them."""

    def __init__(self, reason: str, *, presented: bool = True) -> None:
        super().__init__(reason)
        self.presented = presented


class NotAllowed(Exception):
    """The caller lacks a scope: 403."""

    def __init__(self, scope: str, reason: str) -> None:
        super().__init__(reason)
        self.scope = scope
