"""The namespace of a rebuild: created empty, filled beside the live tables, and swapped in by one transaction.

A swap locks the live tables in the order in which every reader names them, so a reader sees the old tables or the new
ones, in one statement never both (docs/read-model.md).
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from pipelines.errors import RunFailed
from pipelines.read_model.session import Session
from schemas.read_model.layout import ddl, physical_tables

INFIX = "building_"
_REBUILD_LOCK = "rebuild of "


@contextmanager
def building(session: Session) -> Iterator[str]:
    """Yield the namespace of a rebuild, registered with the writers; drop it if the block did not swap it in.

    Raises:
        RunFailed: another rebuild of this read model is running.
    """
    if not _claim(session):
        raise RunFailed(f"--read_model {session.address}: another rebuild is running; wait until it ends")
    for (dead,) in session.rows(f"SELECT namespace FROM {session.control('building')}"):
        drop(session, dead)  # this process holds the lock of rebuilds, so that one was killed
    name = f"{INFIX}{uuid.uuid4().hex[:8]}"
    namespace = f"{session.address.namespace}_{name}" if session.dialect.name == "postgresql" else f"{name}__"
    try:
        with session.alone():
            if session.dialect.name == "postgresql":
                session.rows(f'CREATE SCHEMA "{namespace}"')
            for statement in ddl(session.dialect, namespace):
                session.rows(statement)
            session.rows(f"INSERT INTO {session.control('building')} (namespace) VALUES (?)", namespace)
        yield namespace
    finally:
        drop(session, namespace)
        _release(session)


def swap(session: Session, namespace: str) -> None:
    """Put the tables of a namespace in the place of the live ones, which are dropped; all in one transaction."""
    live = session.address.namespace
    with session.alone():
        if session.dialect.name == "postgresql":
            tables = physical_tables(session.dialect)
            session.rows(
                f"LOCK TABLE {', '.join(session.table(table.name) for table in tables)} IN ACCESS EXCLUSIVE MODE"
            )
            _copy_grants(session, namespace)
            session.rows(f'DROP SCHEMA "{live}" CASCADE')
            session.rows(f'ALTER SCHEMA "{namespace}" RENAME TO "{live}"')
        else:
            for table in physical_tables(session.dialect):
                session.rows(f"DROP TABLE IF EXISTS {session.table(table.name)}")
                session.rows(
                    f"ALTER TABLE {session.table(table.name, namespace)} RENAME TO {session.table(table.name)}"
                )
        session.rows(f"DELETE FROM {session.control('building')} WHERE namespace = ?", namespace)


def drop(session: Session, namespace: str) -> None:
    """Drop a namespace that was not swapped in; nothing happens to one that was."""
    with session.alone():
        session.rows(f"DELETE FROM {session.control('building')} WHERE namespace = ?", namespace)
        if session.dialect.name == "postgresql":
            session.rows(f'DROP SCHEMA IF EXISTS "{namespace}" CASCADE')
        else:
            for table in physical_tables(session.dialect):
                session.rows(f"DROP TABLE IF EXISTS {session.table(table.name, namespace)}")


def _copy_grants(session: Session, namespace: str) -> None:
    """Grant on the new tables what is granted on the live ones: the API reads as a role of its own."""
    live = session.address.namespace
    usage = session.rows(
        "SELECT pg_get_userbyid(acl.grantee), acl.privilege_type FROM pg_namespace, aclexplode(nspacl) AS acl"
        " WHERE nspname = ? AND acl.grantee NOT IN (0, nspowner)",
        live,
    )
    for role, privilege in usage:
        session.rows(f'GRANT {privilege} ON SCHEMA "{namespace}" TO {_quoted(role)}')
    tables = session.rows(
        "SELECT relname, pg_get_userbyid(acl.grantee), acl.privilege_type FROM pg_class, aclexplode(relacl) AS acl"
        " WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = ?) AND relkind = 'r'"
        " AND acl.grantee NOT IN (0, relowner)",
        live,
    )
    known = {table.name for table in physical_tables(session.dialect)}
    for table, role, privilege in tables:
        if table in known:
            session.rows(f"GRANT {privilege} ON {session.table(table, namespace)} TO {_quoted(role)}")


def _quoted(role: str) -> str:
    return '"' + role.replace('"', '""') + '"'


def _claim(session: Session) -> bool:
    """Take the lock of rebuilds; it ends with the session."""
    if session.dialect.name == "sqlite":
        return True  # a file belongs to one machine, and `lock_folder` holds the store that it is rebuilt from
    key = _REBUILD_LOCK + session.address.namespace
    return session.rows("SELECT pg_try_advisory_lock(hashtext(?))", key) == [(True,)]


def _release(session: Session) -> None:
    if session.dialect.name == "postgresql":
        session.rows("SELECT pg_advisory_unlock(hashtext(?))", _REBUILD_LOCK + session.address.namespace)
