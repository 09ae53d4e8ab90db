"""A ledger with one run of each interesting kind, and a way behind its back."""

import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from stanchion.ledger import open_store
from stanchion.ledger._sql_store import SqlStore


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the store of the test is."""
    return tmp_path / "ledger.db"


@pytest.fixture
async def local(file: Path) -> AsyncIterator[SqlStore]:
    """A store in a file."""
    store = open_store(f"sqlite:///{file}")
    yield store
    await store.close()


@pytest.fixture
def tamper(file: Path) -> Callable[..., list[Any]]:
    """Change the file behind the ledger's back."""

    def execute(statement: str, *parameters: object) -> list[Any]:
        connection = sqlite3.connect(file, isolation_level=None)
        try:
            return connection.execute(statement, parameters).fetchall()
        finally:
            connection.close()

    return execute
