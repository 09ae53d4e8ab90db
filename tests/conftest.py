"""Stores that every room's tests can use, PostgreSQL included, and the mode that replays."""

import itertools
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest

from stanchion.ledger import Store, open_store
from tests.postgres import PostgresServer
from tests.replaying import Replaying

_numbers = itertools.count(1)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the pass that replays everywhere leave out what can't notice."""
    parser.addoption("--only-replayed", action="store_true", help="see tests/replaying.py")


def pytest_configure(config: pytest.Config) -> None:
    """Watch which tests the mode that replays everywhere can touch."""
    config.pluginmanager.register(Replaying(config))


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A server of this test process, started when first asked for."""
    server = PostgresServer(Path(tempfile.mkdtemp(prefix="stanchion-pg-", dir="/tmp")))
    yield server
    server.close()


@pytest.fixture
def new_postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A database that nobody has used."""
    name = f"new{next(_numbers)}"
    with psycopg.connect(postgres_server.url(), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}".encode())
        yield postgres_server.url(name)
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> str:
    """A database without rows; making a new one would take ten times as long."""
    url = postgres_server.url()
    with psycopg.connect(url, autocommit=True) as admin:
        names = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> %s"
        tables = [str(row[0]) for row in admin.execute(names, ["alembic_version"])]
        if tables:
            admin.execute(f"TRUNCATE {', '.join(tables)} RESTART IDENTITY".encode())
    return url


@pytest.fixture(params=["sqlite", "memory", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty store, of each kind in turn."""
    if request.param == "memory":
        return "sqlite://:memory:"
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/ledger.db"
    return request.getfixturevalue("postgres_url")


@pytest.fixture(params=["sqlite", "postgresql"])
def shared_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty store that several processes can open, of each kind in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/ledger.db"
    return request.getfixturevalue("postgres_url")


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    """An empty store, of each kind in turn."""
    opened = open_store(store_url)
    yield opened
    await opened.close()
