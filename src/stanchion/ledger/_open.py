"""Opening a store by its address.

``sqlite:///relative.db``, ``sqlite:////absolute.db``, ``sqlite://:memory:`` or
``postgresql://user@host/database``. What can't be a durable store is refused here, with a remedy.
"""

from __future__ import annotations

from pathlib import Path

from stanchion.errors import ConfigurationError, MissingDependency, StoreCorrupt
from stanchion.ledger._driver import Driver
from stanchion.ledger._moments import Clock
from stanchion.ledger._network_files import network_file_system
from stanchion.ledger._records import Durability
from stanchion.ledger._schema import ensure_schema
from stanchion.ledger._sql_store import SqlStore
from stanchion.ledger._sqlite import BUSY_TIMEOUT_SECONDS, SqliteDriver

__all__ = ["open_store"]

_MOUNTS = Path("/proc/self/mountinfo")


def open_store(
    url: str,
    *,
    durability: Durability = Durability.PROCESS,
    clock: Clock | None = None,
    busy_timeout_seconds: float = BUSY_TIMEOUT_SECONDS,
) -> SqlStore:
    """Open a store, and create it if it doesn't exist.

    ``durability`` is what every commit survives at least. ``clock`` replaces the host's and the
    database's clock, for tests. ``busy_timeout_seconds`` is how long a commit to SQLite waits for
    another process. Raises StoreUnavailable, StoreCorrupt, SchemaMismatch, ConfigurationError for
    an address that can't be used, or MissingDependency.
    """
    driver = _driver(url, busy_timeout_seconds)
    try:
        connection = driver.connect()
        try:
            ensure_schema(driver, connection)
        except BaseException:
            connection.close()
            raise
    except Exception as error:
        translated = driver.translate(error)
        if translated is None:
            raise
        raise translated from error
    return SqlStore(driver, connection, durability=durability, clock=clock)


def _driver(url: str, busy_timeout_seconds: float) -> Driver:
    if url.startswith(("postgresql://", "postgres://")):
        return _postgres(url)
    if not url.startswith("sqlite://"):
        raise ConfigurationError(
            f"{url.partition('://')[0]!r} isn't a store that Stanchion knows",
            remedy="use sqlite:///file.db, sqlite://:memory: or postgresql://user@host/database",
        )
    address = url.removeprefix("sqlite://")
    if address in {":memory:", "/:memory:"}:
        return SqliteDriver(":memory:")
    if not address.startswith("/") or len(address) < 2 or address.endswith("/"):
        raise ConfigurationError(
            f"{url!r} names no file",
            remedy="write three slashes before a relative path, four before an absolute one",
        )
    return local_file(address[1:], busy_timeout_seconds)


def local_file(path: str, busy_timeout_seconds: float, mounts: Path = _MOUNTS) -> SqliteDriver:
    """Return the driver of a file, unless the mounts say that it lies on a network file system."""
    resolved = Path(path).expanduser().resolve()
    if mounts.exists():
        kind = network_file_system(str(resolved), mounts.read_text("utf-8", "replace"))
        if kind is not None:
            raise ConfigurationError(
                f"{resolved} lies on a network file system ({kind}), where SQLite can lose data",
                remedy="put the file on a local disk, or use PostgreSQL",
            )
    if resolved.is_file() and 0 < resolved.stat().st_size < 100:
        raise StoreCorrupt(
            f"{resolved} isn't a SQLite database", remedy="name another file, or remove this one"
        )
    return SqliteDriver(str(resolved), busy_timeout_seconds)


def _postgres(url: str) -> Driver:
    try:
        # An optional extra.
        from stanchion.ledger._postgres import PostgresDriver
    except ImportError as error:
        raise MissingDependency(
            "PostgreSQL needs the package psycopg",
            remedy="pip install 'stanchion[postgres]'",
        ) from error
    return PostgresDriver(url)
