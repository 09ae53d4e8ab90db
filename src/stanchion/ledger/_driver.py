"""What the store needs from a database, and nothing more.

Connections are synchronous: they're used by one thread at a time, with compiled SQL and named
parameters. Implemented on ``sqlite3`` and on psycopg; the store above never sees either.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from stanchion.errors import LedgerError
from stanchion.ledger._statements import DialectName

__all__ = ["Connection", "Driver", "Parameters", "Row"]

Parameters = Mapping[str, Any]
Row = tuple[Any, ...]


class Connection(Protocol):
    """One connection. Outside ``begin`` and ``commit`` each statement stands alone."""

    def run(self, sql: str, parameters: Parameters) -> int:
        """Execute a statement and return how many rows it changed."""
        ...

    def later(self, sql: str, parameters: Parameters) -> None:
        """Execute a statement whose result nobody needs: now, or with the next one."""
        ...

    def rows(self, sql: str, parameters: Parameters) -> Sequence[Row]:
        """Execute a query and return all its rows."""
        ...

    def begin(self, *, synced: bool, wait: bool = True) -> bool:
        """Begin to write; ``synced`` makes the commit survive a power loss.

        Without ``wait``, return False rather than wait for another writer, and leave housekeeping
        to a later transaction.
        """
        ...

    def commit(self) -> None:
        """Commit, durable at the level asked for when it returns."""
        ...

    def rollback(self) -> None:
        """Take back the transaction, if one is open; never raises."""
        ...

    def mark(self) -> None:
        """Set a savepoint."""
        ...

    def release(self) -> None:
        """Keep what was done since the savepoint."""
        ...

    def undo(self) -> bool:
        """Take back what was done since the savepoint; False if the transaction is lost too."""
        ...

    @property
    def usable(self) -> bool:
        """False once the connection is lost."""
        ...

    def tables(self) -> set[str]:
        """Return the names of the tables that exist."""
        ...

    def lock_schema(self) -> None:
        """Keep others from creating the schema until this transaction ends."""
        ...

    def describe(self) -> Mapping[str, str]:
        """Return the settings that durability depends on."""
        ...

    def close(self) -> None:
        """Close it; never raises."""
        ...


class Driver(Protocol):
    """How to reach one database."""

    dialect: DialectName
    shared: bool
    """Readers use the writer's connection, since the database lives in it."""
    prompt: bool
    """A small commit takes less time than handing it to another thread."""
    server_clock: bool
    """Leases are judged by the server's clock, not by this host's."""

    @property
    def sqlalchemy_url(self) -> str:
        """The address in SQLAlchemy's form, for migrations."""
        ...

    def connect(self) -> Connection:
        """Open a connection."""
        ...

    def translate(self, error: Exception) -> LedgerError | None:
        """Return our error for one of the driver's, None for any other."""
        ...

    def worth_retrying(self, error: Exception) -> bool:
        """Tell whether the same transaction may succeed at once: a deadlock, for example."""
        ...
