"""The ledger on SQLite: WAL, one writer at a time, local file systems only.

Uses ``sqlite3`` in autocommit mode with explicit transactions. ``synchronous`` is NORMAL (a commit
survives the process) and FULL for a transaction that must survive a power loss.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from stanchion.errors import EncodingError, LedgerError, StoreCorrupt, StoreUnavailable
from stanchion.ledger._driver import Parameters, Row
from stanchion.ledger._statements import DialectName

__all__ = ["SqliteDriver"]

BUSY_TIMEOUT_SECONDS = 10.0
"""How long a commit waits for another process that is writing."""

PAGE_BYTES = 2048
"""Of a new file. A commit writes every page that it changed, whole, and a step changes a handful:
half of SQLite's default costs a step a fifth less time, and large values little more."""

CHECKPOINT_PAGES = 16_000
"""How far the WAL grows (32 MB) before it's folded into the file: pages that every commit writes
are then written to the file an eighth as often as by default."""

_MEMORY = ":memory:"
_CORRUPT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_REMEDIES = {
    sqlite3.SQLITE_FULL: ("the disk is full", "free some space and try again"),
    sqlite3.SQLITE_BUSY: (
        "another process holds the write lock",
        "find and stop the process that keeps the file locked, or try again later",
    ),
    sqlite3.SQLITE_LOCKED: ("a table is locked", "try again later"),
    sqlite3.SQLITE_CANTOPEN: (
        "the file can't be opened",
        "create its folder, and allow this user to write there",
    ),
    sqlite3.SQLITE_READONLY: (
        "the file can't be written",
        "allow this user to write the file and its folder",
    ),
    sqlite3.SQLITE_PERM: ("access is denied", "allow this user to write the file and its folder"),
    sqlite3.SQLITE_IOERR: (
        "reading or writing the file failed",
        "check the disk and its free space, then try again",
    ),
    sqlite3.SQLITE_PROTOCOL: ("the file is too busy to be opened", "try again"),
}


class SqliteConnection:
    """One connection to a file or to memory."""

    def __init__(self, path: str, busy_timeout_seconds: float) -> None:
        self._connection = sqlite3.connect(
            path,
            timeout=busy_timeout_seconds,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
        )
        self._path = path
        self._synced = False
        self._waits = True
        self._timeout_ms = round(busy_timeout_seconds * 1000)
        try:
            if path != _MEMORY:
                self._connection.execute(f"PRAGMA page_size={PAGE_BYTES}")
                self._use_wal(busy_timeout_seconds)
                self._connection.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
            self._connection.execute("PRAGMA synchronous=NORMAL")
            self._cursor = self._connection.cursor()
        except BaseException:
            self._connection.close()
            raise

    def _use_wal(self, patience_seconds: float) -> None:
        """Change to WAL, after whoever else opens the new file: the change waits for no lock."""
        until = time.monotonic() + patience_seconds
        while True:
            try:
                self._connection.execute("PRAGMA journal_mode=WAL")
            except sqlite3.OperationalError as error:
                busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
                if not busy or time.monotonic() >= until:
                    raise
                self._connection.execute("BEGIN EXCLUSIVE")  # waits
                self._connection.execute("END")
            else:
                return

    def run(self, sql: str, parameters: Parameters) -> int:
        """Execute a statement and return how many rows it changed."""
        return self._cursor.execute(sql, parameters).rowcount

    def later(self, sql: str, parameters: Parameters) -> None:
        """Execute a statement whose result nobody needs."""
        self._cursor.execute(sql, parameters)

    def rows(self, sql: str, parameters: Parameters) -> Sequence[Row]:
        """Execute a query and return all its rows."""
        return self._cursor.execute(sql, parameters).fetchall()

    def begin(self, *, synced: bool, wait: bool = True) -> bool:
        """Begin to write, with the level of durability set just before."""
        if synced is not self._synced:
            self._cursor.execute(f"PRAGMA synchronous={'FULL' if synced else 'NORMAL'}")
            self._synced = synced
        if wait is not self._waits:
            self._cursor.execute(f"PRAGMA busy_timeout={self._timeout_ms if wait else 0}")
            self._cursor.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES if wait else 0}")
            self._waits = wait
        try:
            self._cursor.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if wait or error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            return False
        return True

    def commit(self) -> None:
        """Commit."""
        self._cursor.execute("COMMIT")

    def rollback(self) -> None:
        """Take back the transaction, if SQLite hasn't done so itself."""
        if self._connection.in_transaction:
            with contextlib.suppress(sqlite3.Error):
                self._cursor.execute("ROLLBACK")

    def mark(self) -> None:
        """Set a savepoint."""
        self._cursor.execute("SAVEPOINT item")

    def release(self) -> None:
        """Keep what was done since the savepoint."""
        self._cursor.execute("RELEASE item")

    def undo(self) -> bool:
        """Take back what was done since the savepoint; a full disk may have lost everything."""
        if not self._connection.in_transaction:
            return False
        self._cursor.execute("ROLLBACK TO item")
        self._cursor.execute("RELEASE item")
        return True

    @property
    def usable(self) -> bool:
        """A local file isn't lost."""
        return True

    def tables(self) -> set[str]:
        """Return the names of the tables that exist."""
        names = self._cursor.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        )
        return {str(row[0]) for row in names.fetchall()}

    def lock_schema(self) -> None:
        """Do nothing: BEGIN IMMEDIATE has the only write lock."""

    def describe(self) -> Mapping[str, str]:
        """Return the settings that durability depends on."""
        journal = self._cursor.execute("PRAGMA journal_mode").fetchone()[0]
        level = int(self._cursor.execute("PRAGMA synchronous").fetchone()[0])
        return {
            "dialect": "sqlite",
            "file": self._path,
            "journal mode": str(journal),
            "synchronous": {0: "off", 1: "normal", 2: "full", 3: "extra"}[level],
            "version": sqlite3.sqlite_version,
        }

    def close(self) -> None:
        """Close it; the last connection to a file folds the WAL into it."""
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()


class SqliteDriver:
    """A file, or a database in memory that lives as long as its store."""

    dialect: DialectName = "sqlite"
    prompt = True
    server_clock = False

    def __init__(self, path: str, busy_timeout_seconds: float = BUSY_TIMEOUT_SECONDS) -> None:
        self.path = path if path == _MEMORY else str(Path(path).absolute())
        self.shared = path == _MEMORY
        self._busy_timeout_seconds = busy_timeout_seconds

    @property
    def sqlalchemy_url(self) -> str:
        """The address in SQLAlchemy's form."""
        return f"sqlite:///{self.path}"

    def connect(self) -> SqliteConnection:
        """Open a connection."""
        return SqliteConnection(self.path, self._busy_timeout_seconds)

    def translate(self, error: Exception) -> LedgerError | None:
        """Return our error for one of sqlite3's."""
        if not isinstance(error, sqlite3.Error):
            return _foreign(error)
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        if code in _CORRUPT:
            return StoreCorrupt(
                f"{self.path} is damaged or isn't a ledger: {error}",
                remedy="restore it from a backup, or name another file",
            )
        if code == sqlite3.SQLITE_TOOBIG:
            return EncodingError(
                f"a value is too large for the store: {error}",
                remedy="store it elsewhere and return its address",
            )
        if code in _REMEDIES:
            problem, remedy = _REMEDIES[code]
            return StoreUnavailable(
                f"{problem}: {self.path} ({error}); nothing was written", remedy=remedy
            )
        return LedgerError(
            f"the store at {self.path} failed: {error}", remedy="run `stanchion ledger verify`"
        )

    def worth_retrying(self, error: Exception) -> bool:
        """One writer at a time: nothing to retry."""
        del error
        return False


def _foreign(error: Exception) -> LedgerError | None:
    """Return our error for a value that the driver can't bind."""
    if isinstance(error, UnicodeEncodeError | OverflowError):
        return EncodingError(
            f"a value can't be stored: {error}", remedy="remove lone surrogates and huge numbers"
        )
    return None
