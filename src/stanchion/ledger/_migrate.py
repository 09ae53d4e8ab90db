"""Bringing a store to the newest schema with Alembic.

Imported only when a store is behind. All migrations run in one transaction under the write lock
(SQLite) or an advisory lock (PostgreSQL): another process that opens the store meanwhile waits.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, NullPool, create_engine

from stanchion.errors import SchemaMismatch
from stanchion.ledger._tables import REVISION, SCHEMA_LOCK

__all__ = ["upgrade"]


def upgrade(url: str, found: str | None) -> None:
    """Run the migrations after revision ``found``, all of them if it's None.

    ``url`` is in SQLAlchemy's form. Raises SchemaMismatch for a revision that isn't ours.
    """
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    if found is not None:
        _check_known(config, found)
    engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        _begin(connection)
        try:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.exec_driver_sql("COMMIT")
        except BaseException:
            connection.exec_driver_sql("ROLLBACK")
            raise


def _begin(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.exec_driver_sql("BEGIN")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({SCHEMA_LOCK})")


def _check_known(config: Config, found: str) -> None:
    try:
        ScriptDirectory.from_config(config).get_revision(found)
    except CommandError as error:
        raise SchemaMismatch(
            f"the store has schema {found!r}, which this version of Stanchion doesn't know; its "
            f"own is {REVISION!r}",
            remedy="install the version of Stanchion that wrote the store, or a newer one",
            found=found,
            known=REVISION,
        ) from error
