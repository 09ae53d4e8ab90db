"""The schema's revision: create it, bring it up to date, or refuse it.

A fresh store is created at once and marked with the newest revision, which a test holds equal to
running all migrations; Alembic is imported only for a store that is behind. Everything happens in
one transaction under the store's own write lock, so that two processes may open a fresh store.
"""

from __future__ import annotations

from functools import cache

from sqlalchemy import (
    Column,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    bindparam,
    insert,
    select,
)
from sqlalchemy.schema import CreateIndex, CreateTable

from stanchion.errors import SchemaMismatch
from stanchion.ledger._driver import Connection, Driver
from stanchion.ledger._statements import DialectName, dialect_of
from stanchion.ledger._tables import REVISION, WORD_INDEX, entries, metadata, runs

__all__ = ["ensure_schema"]

_version = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)


def ensure_schema(driver: Driver, connection: Connection) -> None:
    """Give the store this version's schema; raise SchemaMismatch if it can't have it."""
    tables = connection.tables()
    if not tables:
        tables = _create(driver.dialect, connection)
    found = _revision(connection, tables)
    if found != REVISION:
        # Alembic takes longer to import than opening takes; few stores need it.
        from stanchion.ledger._migrate import upgrade

        upgrade(driver.sqlalchemy_url, found)


def _create(dialect: DialectName, connection: Connection) -> set[str]:
    """Create the schema unless another process just did; return the tables that exist."""
    connection.begin(synced=True)
    try:
        connection.lock_schema()
        if not connection.tables():
            for statement in _schema(dialect):
                connection.run(statement, {})
            mark = insert(_version).values(version_num=bindparam("revision"))
            connection.run(str(mark.compile(dialect=dialect_of(dialect))), {"revision": REVISION})
        tables = connection.tables()
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
    return tables


def _revision(connection: Connection, tables: set[str]) -> str:
    if not {_version.name, runs.name, entries.name} <= tables:
        raise SchemaMismatch(
            f"the database isn't a ledger: it holds {', '.join(sorted(tables)[:5])}",
            remedy="give the ledger a database, or a file, of its own",
        )
    query = select(_version.c.version_num)
    rows = connection.rows(str(query), {})
    return str(rows[0][0]) if rows else "none"


@cache
def _schema(name: DialectName) -> tuple[str, ...]:
    """Return the statements that make a fresh schema."""
    dialect = dialect_of(name)
    statements = [str(CreateTable(_version).compile(dialect=dialect))]
    for table in metadata.sorted_tables:
        statements.append(str(CreateTable(table).compile(dialect=dialect)))
        statements.extend(
            str(CreateIndex(index).compile(dialect=dialect))
            for index in sorted(table.indexes, key=lambda i: str(i.name))
            if index.name != "entries_horizon" or name == "postgresql"
        )
    return (*statements, *WORD_INDEX[name])
