"""Delete a customer from a read model, from the live tables and from those of a rebuild."""

from pipelines.read_model.session import open_session
from schemas.read_model.address import ReadModelAddress


def delete_customer(address: ReadModelAddress, customer_id: str) -> int:
    """Delete the row of a customer and return how many rows that were.

    Ids of events stay in `applied_events`: they name nobody, and keep a redelivered event from bringing the row back.
    """
    with open_session(address) as session, session.alone():
        namespaces = [row[0] for row in session.rows(f"SELECT namespace FROM {session.control('building')}")]
        deleted = 0
        for namespace in [address.namespace, *namespaces]:
            table = session.table("customers", namespace)
            found = session.rows(f"SELECT COUNT(*) FROM {table} WHERE customer_id = ?", customer_id)
            deleted += int(found[0][0])
            session.rows(f"DELETE FROM {table} WHERE customer_id = ?", customer_id)
    return deleted
