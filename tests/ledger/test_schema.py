"""A fresh schema equals the migrated one, and what isn't ours is refused."""

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from stanchion.errors import SchemaMismatch
from stanchion.ledger import open_store
from stanchion.ledger._migrate import upgrade
from stanchion.ledger._postgres import PostgresDriver
from stanchion.ledger._tables import metadata

Tamper = Callable[..., list[Any]]
INDEXES = "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1"


def differences(url: str) -> list[Any]:
    """Compare a database with the tables that the code declares."""
    engine = create_engine(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        found = compare_metadata(context, metadata)
    engine.dispose()
    # Each database has a word index of its own, and SQLite no use for PostgreSQL's horizon.
    found = [d for d in found if not d[1].name.startswith("documents_words")]
    return [d for d in found if "sqlite" not in url or d[1].name != "entries_horizon"]


def definitions(file: Path) -> dict[str, str]:
    connection = sqlite3.connect(file)
    try:
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        made = {name: "".join(sql.split()) for name, sql in rows}
        tables = [name for name, sql in made.items() if sql.startswith("CREATETABLE")]
        # A column that was added later stands elsewhere in the text of its table.
        columns = {name: connection.execute(f"PRAGMA table_info({name})") for name in tables}
        return made | {name: repr(found.fetchall()) for name, found in columns.items()}
    finally:
        connection.close()


async def test_on_sqlite_a_fresh_schema_equals_the_migrated_one(tmp_path: Path) -> None:
    fresh, migrated = tmp_path / "fresh.db", tmp_path / "migrated.db"
    await open_store(f"sqlite:///{fresh}").close()
    upgrade(f"sqlite:///{migrated}", None)

    assert definitions(fresh) == definitions(migrated)
    assert differences(f"sqlite:///{fresh}") == []
    assert differences(f"sqlite:///{migrated}") == []
    await open_store(f"sqlite:///{migrated}").close()


async def test_on_postgres_a_fresh_schema_equals_the_migrated_one(
    postgres_url: str, new_postgres_url: str
) -> None:
    await open_store(postgres_url).close()
    upgrade(PostgresDriver(new_postgres_url).sqlalchemy_url, None)

    with psycopg.connect(postgres_url) as fresh, psycopg.connect(new_postgres_url) as migrated:
        assert fresh.execute(INDEXES).fetchall() == migrated.execute(INDEXES).fetchall()
    assert differences(PostgresDriver(postgres_url).sqlalchemy_url) == []
    assert differences(PostgresDriver(new_postgres_url).sqlalchemy_url) == []
    await open_store(new_postgres_url).close()


def test_a_store_of_a_newer_version_is_refused_and_left_alone(file: Path, tamper: Tamper) -> None:
    asyncio.run(open_store(f"sqlite:///{file}").close())
    tamper("UPDATE alembic_version SET version_num = '0999'")
    before = file.read_bytes()

    with pytest.raises(SchemaMismatch, match="'0999'") as refused:
        open_store(f"sqlite:///{file}")

    assert "install the version" in refused.value.remedy
    assert file.read_bytes() == before


def test_another_programs_database_is_refused(file: Path, tamper: Tamper) -> None:
    tamper("CREATE TABLE customers (id INTEGER)")

    with pytest.raises(SchemaMismatch, match="isn't a ledger: it holds customers"):
        open_store(f"sqlite:///{file}")

    assert list(definitions(file)) == ["customers"]


def test_a_file_written_by_another_user_of_alembic_is_refused(file: Path, tamper: Tamper) -> None:
    tamper("CREATE TABLE alembic_version (version_num VARCHAR(32))")
    tamper("INSERT INTO alembic_version VALUES ('0001')")

    with pytest.raises(SchemaMismatch, match="isn't a ledger"):
        open_store(f"sqlite:///{file}")
