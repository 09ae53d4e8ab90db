"""The schema's revision: create it, bring it up to date, or refuse it.

A fresh store is created at once and marked with the newest revision, which a test holds equal to
running all migrations; Alembic is imported only for a store that is behind. Everything happens in
one transaction under the store's own write lock, so that two processes may open a fresh store.
"""

from __future__ import annotations

from functools import cache

from sqlalchemy.schema import CreateIndex, CreateTable

from stanchion.errors import SchemaMismatch
from stanchion.ledger._driver import Connection, Driver
from stanchion.ledger._statements import DialectName, dialect_of
from stanchion.ledger._tables import REVISION, metadata

__all__ = ["ensure_schema"]

_VERSION_TABLE = (
    "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, "
    "CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
)

def ensure_schema(driver: Driver, connection: Connection) -> None:
    """Give the store this version's schema; raise SchemaMismatch if it can't have it."""
    found = _revision(connection)
    if found is None:
        found = _create(driver, connection)
    if found == REVISION:
        return
    # Alembic takes longer to import than opening takes; few stores need it.
    from stanchion.ledger._migrate import upgrade

    upgrade(driver.sqlalchemy_url, found)


def _create(driver: Driver, connection: Connection) -> str:
    """Create the schema unless another process just did, and return its revision."""
    connection.begin(synced=True)
    try:
        connection.lock_schema()
        found = _revision(connection)
        if found is None:
            if tables := connection.tables():
                raise SchemaMismatch(
                    f"the database holds other tables already: {', '.join(sorted(tables)[:5])}",
                    remedy="give the ledger a database or a file of its own",
                )
            for statement in schema_of(driver.dialect):
                connection.run(statement, {})
            found = REVISION
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
    return found


def _revision(connection: Connection) -> str | None:
    if "alembic_version" not in connection.tables():
        return None
    rows = connection.rows("SELECT version_num FROM alembic_version", {})
    return str(rows[0][0]) if rows else None


@cache
def schema_of(name: DialectName) -> tuple[str, ...]:
    """Return the statements that make a fresh schema and mark it."""
    dialect = dialect_of(name)
    statements = [_VERSION_TABLE, f"INSERT INTO alembic_version VALUES ('{REVISION}')"]
    for table in metadata.sorted_tables:
        statements.append(str(CreateTable(table).compile(dialect=dialect)))
        for index in sorted(table.indexes, key=lambda i: str(i.name)):
            if index.name != "entries_horizon" or name == "postgresql":
                statements.append(str(CreateIndex(index).compile(dialect=dialect)))
    return tuple(statements)
