"""The boundary to durable storage.

What it knows: runs, entries, payloads, waits, inbox, leases, shared states, and which commit
survives what. What it refuses to know: models, tools, workflows, replay. Implemented by the SQL
store on SQLite, on PostgreSQL and on ``:memory:``; one conformance suite (``tests/conformance``)
runs on all three.

Every method may raise StoreUnavailable (nothing was written, try again), StoreCorrupt or
SchemaMismatch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from stanchion.ledger._records import (
    Account,
    Charge,
    Commit,
    Decide,
    DocumentFilter,
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
from stanchion.values import RunState

__all__ = ["Fenced", "NoRoom", "Store"]

T = TypeVar("T")


class Fenced(BaseException):
    """Another writer owns the run now: stop, record nothing more. A signal, not an error."""


class NoRoom(Exception):
    """An account can't hold what a commit wants of it; nothing was written. A signal."""

    def __init__(self, account: str, quantity: str) -> None:
        super().__init__(account, quantity)
        self.account = account
        self.quantity = quantity


class Store(Protocol):
    """A ledger's storage. Safe to use from one event loop and by many processes at once."""

    # Runs
    async def create(self, run: NewRun) -> RunRecord:
        """Create a run in state ``running``, owned by nobody.

        With a key that its tenant and workflow already used, or an id that exists, return the
        existing run unchanged.
        """
        ...

    async def get(self, run: str) -> RunRecord:
        """Return the run's projection, or raise RunNotFound."""
        ...

    async def list(self, where: RunFilter) -> Sequence[RunRecord]:
        """Return runs, newest first."""
        ...

    async def copy(self, run: NewRun, through: int) -> RunRecord:
        """Create ``run`` with the entries of ``run.forked_from`` up to seq ``through``."""
        ...

    # The writer's side
    async def heartbeat(self, worker: str, lease: timedelta) -> None:
        """Keep the worker's lease alive until now plus ``lease``, by the database's clock."""
        ...

    async def claim(self, run: str, worker: str) -> RunRecord | None:
        """Own the run with a raised epoch, in one conditional update.

        Return None if another worker with a live lease owns it, or if it has ended; a failed run
        with an unread ``resume`` message can be claimed. A worker may claim again what it owns (its
        own earlier incarnation is fenced by the new epoch).
        """
        ...

    async def append(self, commit: Commit) -> None:
        """Write one commit, whole or not at all.

        Raises Fenced if ``commit.epoch`` isn't the run's epoch any more, and NoRoom if an account
        can't hold what its charges want; nothing is written then.
        """
        ...

    async def runnable(self, limit: int, workflows: Sequence[str]) -> Sequence[str]:
        """Return runs of these workflows that need a worker.

        Running and unowned, or owned by an expired lease; waiting or failed with an unread
        ``cancel`` or ``resume``; waiting with an unread message for one of its waits, or with a
        wait whose time has come.
        """
        ...

    async def next_wake(self) -> datetime | None:
        """Return the earliest time at which a waiting run goes on by itself."""
        ...

    async def late(self, outcome: LateOutcome) -> None:
        """Keep what a fenced writer learnt about an effect. Needs no epoch."""
        ...

    async def late_outcomes(self, run: str, key: str) -> Sequence[LateOutcome]:
        """Return what fenced writers left about this effect, oldest first."""
        ...

    # What runs share
    async def decide(self, keys: Sequence[str], decide: Decide[T]) -> T:
        """Change the shared states of these keys in one transaction and return the answer.

        Nobody else changes them meanwhile. ``decide`` is given the database's time; it may be
        called again, and what it answered before doesn't count then.
        """
        ...

    async def charge(self, charges: Sequence[Charge]) -> None:
        """Change accounts beside any run; raise NoRoom if one can't hold what is wanted."""
        ...

    async def lease(self, whole: Charge, worker: str, least: int) -> int:
        """Move up to ``whole.hold`` of an account into the worker's share of it, ``share_of``.

        Return how much: less near the ceiling, and 0 where less than ``least`` would be left.
        """
        ...

    async def give_back(self, worker: str) -> int:
        """Return to their accounts what the worker's shares don't hold, and dead workers' shares.

        Return how many shares were changed.
        """
        ...

    async def accounts(self, names: Sequence[str] = ()) -> Sequence[Account]:
        """Return how these accounts stand, in each quantity; all of them without names."""
        ...

    # Everybody else's side
    async def send(self, message: Message) -> bool:
        """Put a message into a run's inbox; False if its key was used before."""
        ...

    async def inbox(self, run: str) -> Sequence[Inbox]:
        """Return unread messages, oldest first."""
        ...

    async def waits(
        self, *, run: str | None = None, kind: str | None = None, topic: str | None = None
    ) -> Sequence[Wait]:
        """Return open waits, oldest first."""
        ...

    # Readers
    async def entries(self, run: str, after: int = 0) -> Sequence[Entry]:
        """Return a run's entries with seq above ``after``, in order."""
        ...

    async def payloads(self, tenant: str, digests: Sequence[bytes]) -> Mapping[bytes, bytes]:
        """Return the canonical bytes of payloads; erased or unknown ones are missing."""
        ...

    # Search
    async def find(self, where: DocumentFilter, query: str) -> Sequence[Found]:
        """Return the documents whose words answer a query best, best first, then newest.

        A document comes into being with a commit, in the transaction of the entry that it belongs
        to: ``Commit(..., documents=(Document(scope=f"run:{run}", key=str(seq), text=text,
        body=draft.result.digest),))``. What is found names the payload that holds the text:
        ``store.payloads(tenant, [found.body])``. Any text is a query; only its words count, at most
        32 of them, and none has a meaning of its own. A document needn't have them all. Give one
        label at a time where what has one mustn't hide what has another. Nothing outside of the
        tenant and the scopes given is looked at. With many documents that have a word, the newest
        500 count.
        """
        ...

    async def documents(self, where: DocumentFilter) -> Sequence[Found]:
        """Return documents, newest first."""
        ...

    async def count_documents(self, where: DocumentFilter) -> int:
        """Return how many documents there are, whatever the filter's limit."""
        ...

    async def follow(self, after: tuple[int, int], limit: int) -> Sequence[Entry]:
        """Return entries of all runs after a cursor, up to the commit horizon.

        An entry whose transaction commits late is never skipped: nothing is returned that an
        earlier-started, still open transaction could precede.
        """
        ...

    async def put(self, tenant: str, payloads: Sequence[Payload]) -> None:
        """Keep payloads that no entry refers to yet."""
        ...

    async def stats(self) -> Mapping[str, int]:
        """Return rows per table, bytes stored, and runs per state (``runs.completed``...)."""
        ...

    async def states(self, runs: Sequence[str]) -> Mapping[str, RunState]:
        """Return the state of each run that exists."""
        ...

    async def close(self) -> None:
        """Finish what is queued and release files, threads and connections."""
        ...
