"""The store on SQL: the protocol's methods over one writer thread and one reader thread.

It knows which work goes to which thread and at which durability; the statements, transactions and
drivers are beside it. A database in memory is read through its writer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from stanchion.ledger._append import payloads_of
from stanchion.ledger._driver import Connection, Driver
from stanchion.ledger._moments import Clock, host_micros, micros
from stanchion.ledger._reads import Reads
from stanchion.ledger._records import (
    Account,
    Charge,
    Commit,
    Decide,
    DocumentFilter,
    Durability,
    Entry,
    Found,
    Inbox,
    LateOutcome,
    Message,
    NewRun,
    Payload,
    RunFilter,
    RunRecord,
    Wait,
)
from stanchion.ledger._statements import statements_for
from stanchion.ledger._tables import REVISION
from stanchion.ledger._writer import Reader, Writer
from stanchion.ledger._writes import Writes
from stanchion.values import RunState

__all__ = ["SqlStore"]

T = TypeVar("T")

SMALL = 64 * 1024
"""Bytes below which the payloads of a commit are compressed in less time than a thread takes."""


class SqlStore:
    """A ledger in SQLite or PostgreSQL. Made by ``open_store``; close it when done."""

    def __init__(
        self,
        driver: Driver,
        connection: Connection,
        *,
        durability: Durability = Durability.PROCESS,
        clock: Clock | None = None,
    ) -> None:
        self.dialect = driver.dialect
        self._durability = durability
        self._clock = clock
        statements = statements_for(driver.dialect)
        lease_clock = self._server_time if driver.server_clock else self._now
        self._writes = Writes(driver.dialect, statements, self._now, lease_clock)
        self._reads = Reads(driver.dialect, statements, self._now, lease_clock)
        self._writer = Writer(driver, "stanchion-writer", self._writes)
        self._writer.adopt(connection)
        self._reader = self._writer if driver.shared else Reader(driver, "stanchion-reader")

    def _now(self) -> int:
        return host_micros() if self._clock is None else micros(self._clock())

    def _server_time(self) -> int | None:
        """Return the time for leases: None lets the server use its own clock."""
        return None if self._clock is None else micros(self._clock())

    def _synced(self, durability: Durability) -> bool:
        return Durability.POWER_LOSS in (durability, self._durability)

    async def create(self, run: NewRun) -> RunRecord:
        """Create a run, or return the one that has its id or its key."""
        return await self._writer.do(
            partial(self._writes.create, run=run), synced=self._synced(Durability.PROCESS)
        )

    async def get(self, run: str) -> RunRecord:
        """Return the run's projection, or raise RunNotFound."""
        return await self._reader.do(partial(self._reads.get, run=run))

    async def list(self, where: RunFilter) -> Sequence[RunRecord]:
        """Return runs, newest first."""
        return await self._reader.do(partial(self._reads.list_runs, where=where))

    async def copy(self, run: NewRun, through: int) -> RunRecord:
        """Create ``run`` with the entries of ``run.forked_from`` up to seq ``through``."""
        return await self._writer.do(
            partial(self._writes.copy, run=run, through=through),
            synced=self._synced(Durability.PROCESS),
        )

    async def heartbeat(self, worker: str, lease: timedelta) -> None:
        """Keep the worker's lease alive until now plus ``lease``, by the database's clock."""
        await self._writer.do(partial(self._writes.heartbeat, worker=worker, lease=lease))

    async def claim(self, run: str, worker: str) -> RunRecord | None:
        """Own the run with a raised epoch, or return None if that isn't possible now."""
        return await self._writer.do(partial(self._writes.claim, run=run, worker=worker))

    async def append(self, commit: Commit) -> None:
        """Write one commit; raise Fenced if the run is lost."""
        work = partial(self._writes.append, commit=commit)
        synced = self._synced(commit.durability)
        if not synced and sum(len(kept.data) for kept in payloads_of(commit)) < SMALL:
            await self._writer.do_small(work)
        else:
            await self._writer.do(work, synced=synced)

    async def runnable(self, limit: int, workflows: Sequence[str]) -> Sequence[str]:
        """Return runs of these workflows that need a worker."""
        return await self._reader.do(
            partial(self._reads.runnable, limit=limit, workflows=workflows)
        )

    async def next_wake(self) -> datetime | None:
        """Return the earliest time at which a waiting run goes on by itself."""
        return await self._reader.do(self._reads.next_wake)

    async def late(self, outcome: LateOutcome) -> None:
        """Keep what a fenced writer learnt about an effect."""
        await self._writer.do(
            partial(self._writes.late, outcome=outcome), synced=self._synced(Durability.PROCESS)
        )

    async def late_outcomes(self, run: str, key: str) -> Sequence[LateOutcome]:
        """Return what fenced writers left about this effect, oldest first."""
        return await self._reader.do(partial(self._reads.late_outcomes, run=run, key=key))

    async def decide(self, keys: Sequence[str], decide: Decide[T]) -> T:
        """Change the shared states of these keys in one transaction and return the answer."""
        return await self._writer.do_small(partial(self._writes.decide, keys=keys, decide=decide))

    async def charge(self, charges: Sequence[Charge]) -> None:
        """Change accounts beside any run; raise NoRoom if one can't hold what is wanted."""
        await self._writer.do(
            partial(self._writes.accounts.charge, charges=charges),
            synced=self._synced(Durability.PROCESS),
        )

    async def lease(self, whole: Charge, worker: str, least: int) -> int:
        """Move up to ``whole.hold`` of an account into the worker's share of it."""
        work = partial(self._writes.accounts.lease, whole=whole, worker=worker, least=least)
        return await self._writer.do(work)

    async def give_back(self, worker: str) -> int:
        """Return what the worker's shares don't hold, and dead workers' shares."""
        return await self._writer.do(partial(self._writes.accounts.give_back, worker=worker))

    async def accounts(self, names: Sequence[str] = ()) -> Sequence[Account]:
        """Return how these accounts stand, in each quantity; all of them without names."""
        return await self._reader.do(partial(self._reads.accounts.standing, names=names))

    async def send(self, message: Message) -> bool:
        """Put a message into a run's inbox; False if its key was used before."""
        return await self._writer.do(
            partial(self._writes.send, message=message), synced=self._synced(Durability.PROCESS)
        )

    async def inbox(self, run: str) -> Sequence[Inbox]:
        """Return unread messages, oldest first."""
        return await self._reader.do(partial(self._reads.inbox, run=run))

    async def waits(
        self, *, run: str | None = None, kind: str | None = None, topic: str | None = None
    ) -> Sequence[Wait]:
        """Return open waits, oldest first."""
        given = {"run": run, "kind": kind, "topic": topic}
        wanted = {name: value for name, value in given.items() if value is not None}
        return await self._reader.do(partial(self._reads.waits, wanted=wanted))

    async def entries(self, run: str, after: int = 0) -> Sequence[Entry]:
        """Return a run's entries with seq above ``after``, in order."""
        return await self._reader.do(partial(self._reads.entries, run=run, after=after))

    async def payloads(self, tenant: str, digests: Sequence[bytes]) -> Mapping[bytes, bytes]:
        """Return the canonical bytes of payloads; erased or unknown ones are missing."""
        return await self._reader.do(partial(self._reads.payloads, tenant=tenant, digests=digests))

    async def find(self, where: DocumentFilter, query: str) -> Sequence[Found]:
        """Return the documents whose words answer a query best."""
        return await self._reader.do(partial(self._reads.documents.find, where=where, query=query))

    async def documents(self, where: DocumentFilter) -> Sequence[Found]:
        """Return documents, newest first."""
        return await self._reader.do(partial(self._reads.documents.page, where=where))

    async def count_documents(self, where: DocumentFilter) -> int:
        """Return how many documents there are, whatever the filter's limit."""
        return await self._reader.do(partial(self._reads.documents.count, where=where))

    async def follow(self, after: tuple[int, int], limit: int) -> Sequence[Entry]:
        """Return entries of all runs after a cursor, up to the commit horizon."""
        return await self._reader.do(partial(self._reads.follow, after=after, limit=limit))

    async def put(self, tenant: str, payloads: Sequence[Payload]) -> None:
        """Keep payloads that no entry refers to yet."""
        await self._writer.do(
            partial(self._writes.put, tenant=tenant, payloads=payloads),
            synced=self._synced(Durability.PROCESS),
        )

    async def stats(self) -> Mapping[str, int]:
        """Return rows per table, bytes stored, and runs per state."""
        return await self._reader.do(self._reads.stats)

    async def states(self, runs: Sequence[str]) -> Mapping[str, RunState]:
        """Return the state of each run that exists."""
        return await self._reader.do(partial(self._reads.states, runs=runs))

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Perform a query on the reader's connection; verification does."""
        return await self._reader.do(query)

    async def describe(self) -> Mapping[str, str]:
        """Return what a person checks first: dialect, file or server, journal, schema."""
        settings = await self._reader.do(lambda connection: connection.describe())
        return {**settings, "schema": REVISION, "durability": str(self._durability)}

    async def close(self) -> None:
        """Finish what is queued and release files, threads and connections."""
        if self._reader is not self._writer:
            await self._reader.close()
        await self._writer.close()
