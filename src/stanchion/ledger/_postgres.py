"""The ledger on PostgreSQL, through psycopg's synchronous connections.

Transactions are READ COMMITTED: every commit verifies the epoch it writes under. A session keeps
the server's ``synchronous_commit``, and a transaction that must survive a power loss turns it on.
Leases are judged by the server's clock. A session neither waits long for another's lock nor keeps
its own for long: a frozen writer must not stall those who share its database.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg import errors, sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from stanchion.errors import (
    EncodingError,
    LedgerError,
    SchemaMismatch,
    StoreCorrupt,
    StoreUnavailable,
)
from stanchion.ledger._driver import Parameters, Row
from stanchion.ledger._statements import DialectName
from stanchion.ledger._tables import SCHEMA_LOCK

__all__ = ["PostgresDriver"]

CONNECT_TIMEOUT_SECONDS = 10

LOCK_TIMEOUT = "2s"
"""How long a statement waits for another session's lock. Transactions take milliseconds, and the
heartbeat that queues behind one is due every 5 s by default: it mustn't come late twice."""

IDLE_TIMEOUT = "8s"
"""How long a session may stop within a transaction before the server takes it back. Nobody thinks
inside one: its process is frozen or gone."""

TRANSACTION_TIMEOUT = "10s"
"""How long a writer's transaction may take. The limit above doesn't hold where it is needed most:
psycopg sends a flush after what it sends together, and that stops the server's clock. Locks are
free after this, before the default lease of a worker that waits for them can expire: 15 s, renewed
5 s ago at most."""

SCHEMA_TIMEOUT = b"8s"
"""How long one process waits for another that creates the schema."""

_LIMIT_WRITER = b"""
SELECT set_config('transaction_timeout', %(longest)s, false)
WHERE current_setting('transaction_timeout', true) = '0'
"""
"""Does nothing on a server before PostgreSQL 17, which has no such limit."""

_LIMITS = b"""
SELECT set_config(name, span, false)
FROM (VALUES ('lock_timeout', %(lock)s), ('idle_in_transaction_session_timeout', %(idle)s))
  AS wanted (name, span)
WHERE current_setting(name) = '0'
"""
"""Sets what neither the server nor the address limits already."""

_MARK = b"SAVEPOINT item"
_RETRY = (errors.DeadlockDetected, errors.SerializationFailure)
_CONTENDED = (*_RETRY, errors.QueryCanceled)
_TAKEN_BACK = {"25P03", "25P04"}
"""The states of a session that stood idle, or whose transaction took too long."""


class PostgresConnection:
    """One session. Statements without a result wait for the next one that has one.

    They travel to the server together, in order: a commit of one step takes three journeys. What
    waits never outlives the item that it belongs to: ``release`` and ``commit`` send it.
    """

    def __init__(self, conninfo: str) -> None:
        self._connection = psycopg.connect(conninfo, autocommit=True)
        self._cursor = self._connection.cursor(binary=True)
        self._waiting: list[tuple[bytes, Parameters | None]] = []
        self._limited = False
        self._cursor.execute(_LIMITS, {"lock": LOCK_TIMEOUT, "idle": IDLE_TIMEOUT})

    def run(self, sql: str, parameters: Parameters) -> int:
        """Execute a statement and return how many rows it changed."""
        return self._execute(sql.encode(), parameters).rowcount

    def later(self, sql: str, parameters: Parameters) -> None:
        """Execute a statement whose result nobody needs, with the next one."""
        self._waiting.append((sql.encode(), parameters))

    def rows(self, sql: str, parameters: Parameters) -> Sequence[Row]:
        """Execute a query and return all its rows."""
        return self._execute(sql.encode(), parameters).fetchall()

    def begin(self, *, synced: bool, wait: bool = True) -> bool:
        """Begin to write; nothing is sent before the first statement, and nothing waited for."""
        del wait
        if not self._limited:
            self._cursor.execute(_LIMIT_WRITER, {"longest": TRANSACTION_TIMEOUT})
            self._limited = True
        self._waiting = [(b"BEGIN ISOLATION LEVEL READ COMMITTED", None)]
        if synced:
            self._waiting.append((b"SET LOCAL synchronous_commit TO on", None))
        return True

    def commit(self) -> None:
        """Commit."""
        if self._execute(b"COMMIT").statusmessage != "COMMIT":
            raise errors.InFailedSqlTransaction("the transaction was rolled back")

    def rollback(self) -> None:
        """Take back the transaction, if the session still lives."""
        self._waiting.clear()
        with contextlib.suppress(psycopg.Error):
            self._connection.rollback()

    def mark(self) -> None:
        """Set a savepoint."""
        self._waiting.append((_MARK, None))

    def release(self) -> None:
        """Keep what was done since the savepoint."""
        self._execute(b"RELEASE item")

    def undo(self) -> bool:
        """Take back what was done since the savepoint."""
        sent = (_MARK, None) not in self._waiting
        if not sent:
            del self._waiting[self._waiting.index((_MARK, None)) :]
            return True
        self._waiting.clear()
        self._execute(b"ROLLBACK TO item")
        self._execute(b"RELEASE item")
        return True

    def _execute(
        self, sql: bytes, parameters: Parameters | None = None
    ) -> psycopg.Cursor[tuple[Any, ...]]:
        """Execute what waits and then a statement, in one journey."""
        if not self._waiting:
            return self._cursor.execute(sql, parameters)
        waiting, self._waiting = self._waiting, []
        with self._connection.pipeline():
            for earlier, given in waiting:
                self._connection.execute(earlier, given)
            return self._cursor.execute(sql, parameters)

    @property
    def usable(self) -> bool:
        """False once the session is lost."""
        return not self._connection.closed

    def tables(self) -> set[str]:
        """Return the names of the tables in the current schema."""
        found = self._execute(
            b"SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema()"
        )
        return {str(row[0]) for row in found.fetchall()}

    def lock_schema(self) -> None:
        """Keep others from creating the schema until this transaction ends."""
        self._waiting.append((b"SET LOCAL lock_timeout TO '" + SCHEMA_TIMEOUT + b"'", None))
        self._execute(b"SELECT pg_advisory_xact_lock(%(key)s)", {"key": SCHEMA_LOCK})

    def describe(self) -> Mapping[str, str]:
        """Return the settings that durability depends on."""
        info = self._connection.info
        return {
            "dialect": "postgresql",
            "server": f"{info.host}:{info.port}",
            "database": info.dbname,
            "journal mode": "wal",
            "synchronous": f"synchronous_commit={self._show('synchronous_commit')}, "
            f"fsync={self._show('fsync')}",
            "version": self._show("server_version"),
        }

    def close(self) -> None:
        """Close the session."""
        with contextlib.suppress(psycopg.Error):
            self._connection.close()

    def _show(self, name: str) -> str:
        query = sql.SQL("SHOW {}").format(sql.Identifier(name))
        return str(self._cursor.execute(query).fetchall()[0][0])


class PostgresDriver:
    """A database on a server."""

    dialect: DialectName = "postgresql"
    shared = False
    prompt = False
    server_clock = True

    def __init__(self, url: str) -> None:
        self._url = url
        given: dict[str, Any] = conninfo_to_dict(url)
        defaults = {"connect_timeout": CONNECT_TIMEOUT_SECONDS, "application_name": "stanchion"}
        self._conninfo = make_conninfo("", **(defaults | given))
        self.name = f"{given.get('host', 'localhost')}/{given.get('dbname', '')}"

    @property
    def sqlalchemy_url(self) -> str:
        """The address in SQLAlchemy's form."""
        return f"postgresql+psycopg://{self._url.partition('://')[2]}"

    def connect(self) -> PostgresConnection:
        """Open a session."""
        return PostgresConnection(self._conninfo)

    def translate(self, error: Exception) -> LedgerError | None:
        """Return our error for one of psycopg's."""
        if isinstance(error, psycopg.DataError | UnicodeEncodeError | OverflowError):
            return EncodingError(
                f"a value can't be stored: {error}", remedy="remove NUL characters and huge numbers"
            )
        if not isinstance(error, psycopg.Error):
            return None
        if isinstance(error, errors.DataCorrupted | errors.IndexCorrupted):
            return StoreCorrupt(
                f"the database {self.name} is damaged: {error}", remedy="restore it from a backup"
            )
        if isinstance(error, errors.UndefinedTable | errors.UndefinedColumn):
            return SchemaMismatch(
                f"the database {self.name} lacks a part of its schema: {error}",
                remedy="restore it from a backup, or give the ledger a database of its own",
            )
        return self._unavailable(error)

    def worth_retrying(self, error: Exception) -> bool:
        """Tell whether another session's transaction was in the way for a moment."""
        return isinstance(error, _RETRY)

    def _unavailable(self, error: psycopg.Error) -> LedgerError:
        if isinstance(error, errors.LockNotAvailable):
            return StoreUnavailable(
                f"another session of the database {self.name} has kept a lock for too long "
                f"({_first_line(error)}); nothing was written",
                remedy="try again later, or find that session in pg_locks and end it",
            )
        if error.sqlstate in _TAKEN_BACK:
            return StoreUnavailable(
                f"the database {self.name} took a transaction back ({_first_line(error)}); "
                "nothing was written",
                remedy="try again: this process, or what it waited for, stood still in the middle",
            )
        remedy = "check that the server runs and accepts this user, then try again"
        if isinstance(error, errors.DiskFull):
            remedy = "free some space on the server and try again"
        if isinstance(error, _CONTENDED):
            remedy = "find the session that keeps the rows locked, or try again later"
        if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
            return StoreUnavailable(
                f"the database {self.name} can't be used now: {_first_line(error)}", remedy=remedy
            )
        return LedgerError(f"the database {self.name} refused a statement: {_first_line(error)}")


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
