"""Every query of the store, as functions of a connection."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from stanchion.ledger._accounts import Accounts
from stanchion.ledger._append import not_found
from stanchion.ledger._documents import Documents
from stanchion.ledger._driver import Connection
from stanchion.ledger._moments import micros, moment
from stanchion.ledger._payload_codec import PayloadCodec
from stanchion.ledger._records import (
    Entry,
    Inbox,
    LateOutcome,
    Payload,
    RunFilter,
    RunRecord,
    Wait,
)
from stanchion.ledger._rows import entries_of, run_of, wait_of
from stanchion.ledger._statements import (
    FETCH_SIZES,
    DialectName,
    Statements,
    payloads_in,
    runs_where,
    waits_where,
)
from stanchion.values import RunState

__all__ = ["Reads"]

_FOREVER = 2**62
"""Later than any time, and more than any limit."""


class Reads:
    """The bodies of queries, used in one thread."""

    def __init__(
        self,
        dialect: DialectName,
        statements: Statements,
        clock: Callable[[], int],
        lease_clock: Callable[[], int | None],
    ) -> None:
        self.documents = Documents(dialect, clock)
        self.accounts = Accounts(dialect, lease_clock)
        self._dialect: DialectName = dialect
        self._sql = statements
        self._lease_clock = lease_clock
        self._codec = PayloadCodec()

    def get(self, connection: Connection, run: str) -> RunRecord:
        """Return a run's projection."""
        rows = connection.rows(self._sql.run_by_id, {"run": run})
        if not rows:
            raise not_found(run)
        return run_of(rows[0])

    def list_runs(self, connection: Connection, where: RunFilter) -> Sequence[RunRecord]:
        """Return runs, newest first."""
        equal: dict[str, Any] = {
            name: value
            for name in ("workflow", "user", "key")
            if (value := getattr(where, name)) != ""
        }
        if where.tenant is not None:
            equal["tenant"] = where.tenant
        parameters = dict(equal)
        for i, state in enumerate(where.states):
            parameters[f"state{i}"] = str(state)
        for i, (tag, value) in enumerate(where.tags.items()):
            parameters |= {f"tag{i}": tag, f"value{i}": value}
        parameters["before"] = _FOREVER if where.before is None else micros(where.before)
        parameters["limit"] = where.limit
        sql = runs_where(self._dialect, tuple(equal), len(where.states), len(where.tags))
        return [run_of(row) for row in connection.rows(sql, parameters)]

    def runnable(
        self, connection: Connection, limit: int, workflows: Sequence[str]
    ) -> Sequence[str]:
        """Return runs of these workflows that need a worker."""
        names = json.dumps(list(workflows))
        parameters = {"now": self._lease_clock(), "limit": limit, "workflows": names}
        return [row[0] for row in connection.rows(self._sql.runnable, parameters)]

    def next_wake(self, connection: Connection) -> datetime | None:
        """Return the earliest time at which a waiting run goes on by itself."""
        wake = connection.rows(self._sql.next_wake, {})[0][0]
        return None if wake is None else moment(wake)

    def late_outcomes(self, connection: Connection, run: str, key: str) -> Sequence[LateOutcome]:
        """Return what fenced writers left about an effect."""
        rows = connection.rows(self._sql.late_of, {"run": run, "key": key})
        return [
            LateOutcome(of, effect, epoch, status, Payload(digest, self._codec.unpack(kept, data)))
            for of, effect, epoch, status, digest, kept, data in rows
        ]

    def inbox(self, connection: Connection, run: str) -> Sequence[Inbox]:
        """Return unread messages, oldest first."""
        rows = connection.rows(self._sql.inbox_unread, {"run": run})
        return [
            Inbox(n, topic, kind, self._codec.unpack(encoding, data), moment(at))
            for n, topic, kind, encoding, data, at in rows
        ]

    def waits(self, connection: Connection, wanted: Mapping[str, str]) -> Sequence[Wait]:
        """Return open waits whose columns have these values."""
        sql = waits_where(self._dialect, tuple(wanted))
        return [wait_of(row) for row in connection.rows(sql, wanted)]

    def entries(self, connection: Connection, run: str, after: int) -> Sequence[Entry]:
        """Return a run's entries after a seq."""
        parameters = {"run": run, "after": after, "limit": _FOREVER}
        return entries_of(connection.rows(self._sql.entries_of, parameters))

    def follow(self, connection: Connection, after: tuple[int, int], limit: int) -> Sequence[Entry]:
        """Return entries of all runs after a cursor, up to the commit horizon."""
        xid, position = after
        parameters = {"xid": xid, "position": position, "limit": limit}
        return entries_of(connection.rows(self._sql.follow, parameters))

    def payloads(
        self, connection: Connection, tenant: str, digests: Sequence[bytes]
    ) -> Mapping[bytes, bytes]:
        """Return the bytes of payloads, those that exist."""
        wanted = list(dict.fromkeys(digests))
        sizes = FETCH_SIZES[self._dialect]
        found: dict[bytes, bytes] = {}
        for start in range(0, len(wanted), sizes[-1]):
            batch = wanted[start : start + sizes[-1]]
            size = next(size for size in sizes if size >= len(batch))
            batch += batch[-1:] * (size - len(batch))
            parameters: dict[str, Any] = {f"d{i}": digest for i, digest in enumerate(batch)}
            parameters["tenant"] = tenant
            for digest, encoding, data in connection.rows(
                payloads_in(self._dialect, size), parameters
            ):
                found[digest] = self._codec.unpack(encoding, data)
        return found

    def states(self, connection: Connection, runs: Sequence[str]) -> Mapping[str, RunState]:
        """Return the state of each run that exists."""
        found: dict[str, RunState] = {}
        for run in runs:
            for row in connection.rows(self._sql.states, {"run": run}):
                found[run] = RunState(row[0])
        return found

    def stats(self, connection: Connection) -> Mapping[str, int]:
        """Return rows per table, bytes of payloads, and runs per state."""
        stats = {table: int(connection.rows(sql, {})[0][0]) for table, sql in self._sql.counts}
        for state, count in connection.rows(self._sql.run_states, {}):
            stats[f"runs.{state}"] = int(count)
        stats["payloads.bytes"] = int(connection.rows(self._sql.payload_bytes, {})[0][0] or 0)
        stats["bytes"] = int(connection.rows(self._sql.store_bytes, {})[0][0] or 0)
        return stats
