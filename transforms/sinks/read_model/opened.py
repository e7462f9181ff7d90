"""Open the store at an address."""

from schemas.read_model.address import ReadModelAddress
from transforms.sinks.read_model.store import ReadModelStore


def open_store(address: ReadModelAddress) -> ReadModelStore:
    """Return the store at an address; it connects when it is first used. The drivers are imported only here."""
    if address.dialect == "sqlite":
        from transforms.sinks.read_model.sqlite import SqliteStore

        return SqliteStore(address)
    from transforms.sinks.read_model.postgres import PostgresStore

    return PostgresStore(address)
