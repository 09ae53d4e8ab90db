"""Every write to the store besides a commit, as functions of the writer's connection."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeVar

from stanchion.errors import LedgerError
from stanchion.ledger._accounts import Accounts
from stanchion.ledger._append import Appender, Keeper, not_found
from stanchion.ledger._chain import FIELDS, GENESIS, Fields, link
from stanchion.ledger._codec import canonical
from stanchion.ledger._documents import Documents
from stanchion.ledger._driver import Connection, Row
from stanchion.ledger._moments import span_micros
from stanchion.ledger._records import (
    Commit,
    Decide,
    LateOutcome,
    Message,
    NewRun,
    Payload,
    RunRecord,
)
from stanchion.ledger._rows import run_of
from stanchion.ledger._shared import SharedStates
from stanchion.ledger._statements import ACCOUNT, DialectName, Statements, advance_by
from stanchion.values import RunState

__all__ = ["Writes"]

T = TypeVar("T")


class Writes:
    """The transactions' bodies; each runs inside a transaction that the writer holds."""

    def __init__(
        self,
        dialect: DialectName,
        statements: Statements,
        clock: Callable[[], int],
        lease_clock: Callable[[], int | None],
    ) -> None:
        self._sql = statements
        self._clock = clock
        self._lease_clock = lease_clock
        self._keeper = Keeper(statements)
        self.accounts = Accounts(dialect, lease_clock)
        self._shared = SharedStates(dialect, statements, lease_clock)
        self._appender = Appender(
            statements,
            self._keeper,
            clock,
            self.create,
            self.deliver,
            documents=Documents(dialect, clock),
            accounts=self.accounts,
        )

    def finished(self) -> None:
        """Note that an item of the group is done."""
        self._keeper.finished()

    def undone(self) -> None:
        """Note that an item of the group was taken back."""
        self._keeper.undone()

    def forget(self) -> None:
        """Drop everything that is remembered, since a commit failed."""
        self._keeper.forget()
        self._appender.forget()

    def append(self, connection: Connection, commit: Commit) -> None:
        """Write one commit of a run's owner."""
        self._appender.append(connection, commit)

    def create(self, connection: Connection, run: NewRun) -> RunRecord:
        """Create a run, or return the one that has its id or its key."""
        return self._created(connection, run)[0]

    def copy(self, connection: Connection, run: NewRun, through: int) -> RunRecord:
        """Create a run with another's first entries, its own chain and an empty account."""
        source = connection.rows(self._sql.head, {"run": run.forked_from})
        if not source:
            raise not_found(run.forked_from)
        if source[0][1] != run.tenant:
            raise LedgerError(
                f"run {run.forked_from!r} belongs to another tenant",
                remedy="fork a run within its own tenant",
            )
        record, new = self._created(connection, run)
        if not new:
            return record
        n = connection.rows(self._sql.head, {"run": run.id})[0][0]
        of_source = {"n": source[0][0], "through": through}
        chain, seq = GENESIS, 0
        for row in connection.rows(self._sql.entry_copy, of_source):
            seq = row[2]
            chain = self._copy_entry(connection, run.id, n, chain, row)
        moved = {"new_seq": seq, "new_chain": chain, "at": self._clock(), "of_run": n}
        advance = advance_by(self._sql.dialect, ())
        connection.run(advance, {**moved, "at_epoch": 0, "at_seq": 0})
        return run_of(connection.rows(self._sql.run_by_id, {"run": run.id})[0])

    def heartbeat(self, connection: Connection, worker: str, lease: timedelta) -> None:
        """Keep a worker's lease alive."""
        row = {"worker": worker, "lease": span_micros(lease), "now": self._lease_clock()}
        connection.run(self._sql.heartbeat, row)

    def claim(self, connection: Connection, run: str, worker: str) -> RunRecord | None:
        """Own a run with a raised epoch, if nobody else does and it hasn't ended."""
        self._appender.forget(run)
        before = connection.rows(self._sql.run_by_id, {"run": run})
        claimed = connection.run(
            self._sql.claim,
            {"run": run, "claimer": worker, "at": self._clock(), "now": self._lease_clock()},
        )
        rows = connection.rows(self._sql.run_by_id, {"run": run})
        if not rows:
            raise not_found(run)
        if not claimed:
            return None
        return replace(run_of(rows[0]), left_by=run_of(before[0]).worker if before else "")

    def late(self, connection: Connection, outcome: LateOutcome) -> None:
        """Keep what a fenced writer learnt."""
        self._keeper.keep(connection, self._tenant(connection, outcome.run), [outcome.payload])
        row = {
            "run": outcome.run,
            "key": outcome.key,
            "epoch": outcome.epoch,
            "status": outcome.status,
            "payload": outcome.payload.digest,
            "recorded_at": self._clock(),
        }
        connection.later(self._sql.late_insert, row)

    def send(self, connection: Connection, message: Message) -> bool:
        """Put a message into a run's inbox; False if its key was used before."""
        if not self._runs_on(connection, message.run):
            raise not_found(message.run)
        return self.deliver(connection, message)

    def deliver(self, connection: Connection, message: Message) -> bool:
        """Put a message into the inbox of a run that may be gone, or have handed over."""
        rows = self._runs_on(connection, message.run)
        while rows and rows[0][1]:
            if connection.rows(self._sql.inbox_known, {"run": message.run, "key": message.key}):
                return False
            message = replace(message, run=rows[0][1])
            rows = self._runs_on(connection, message.run)
        return bool(rows) and self._deliver(connection, rows[0][0], message)

    def _runs_on(self, connection: Connection, run: str) -> Sequence[Row]:
        """Return a run's tenant and successor; it can't hand over before this is committed."""
        return connection.rows(self._sql.addressee, {"run": run})

    def decide(self, connection: Connection, keys: Sequence[str], decide: Decide[T]) -> T:
        """Change shared states by a decision and return its answer."""
        return self._shared.decide(connection, keys, decide)

    def put(self, connection: Connection, tenant: str, payloads: Sequence[Payload]) -> None:
        """Keep payloads that no entry refers to yet."""
        self._keeper.keep(connection, tenant, payloads)

    def _created(self, connection: Connection, run: NewRun) -> tuple[RunRecord, bool]:
        new = connection.run(self._sql.run_insert, _run_row(run, self._clock())) == 1
        if new:
            contents = (run.input, run.initiator, run.checkpoint)
            self._keeper.keep(connection, run.tenant, contents)
        rows = connection.rows(self._sql.run_by_id, {"run": run.id})
        if not rows:
            key = {"tenant": run.tenant, "workflow": run.workflow, "key": run.key}
            rows = connection.rows(self._sql.run_by_key, key)
        return run_of(rows[0]), new

    def _tenant(self, connection: Connection, run: str) -> str:
        rows = connection.rows(self._sql.head, {"run": run})
        if not rows:
            raise not_found(run)
        return rows[0][1]

    def _deliver(self, connection: Connection, tenant: str, message: Message) -> bool:
        row = {
            "run": message.run,
            "key": message.key,
            "topic": message.topic,
            "kind": message.kind,
            "payload": message.payload.digest,
            "sent_at": self._clock(),
        }
        if connection.run(self._sql.inbox_insert, row) != 1:
            return False
        self._keeper.keep(connection, tenant, [message.payload])
        return True

    def _copy_entry(
        self, connection: Connection, run: str, n: int, chain: bytes, row: Row
    ) -> bytes:
        fields: Fields = row[2:13]
        chain = link(chain, run, fields)
        copied = dict(zip(FIELDS, fields, strict=True), run=n, chain=chain, request_data=row[14])
        connection.later(self._sql.entry_insert, copied)
        return chain


def _run_row(run: NewRun, at: int) -> dict[str, Any]:
    place = run.parent_place
    return {
        "id": run.id,
        "workflow": run.workflow,
        "version": run.version,
        "tenant": run.tenant,
        "user": run.user,
        "key": run.key,
        "tags": canonical(run.tags, what="tags").decode(),
        "state": str(RunState.RUNNING),
        "reason": "",
        "input": run.input.digest,
        "initiator": None if run.initiator is None else run.initiator.digest,
        "result": None,
        "error": None,
        "root": run.root or run.id,
        "parent": run.parent,
        "parent_lane": None if place is None else place.lane,
        "parent_ordinal": None if place is None else place.ordinal,
        "forked_from": run.forked_from,
        "forked_at": run.forked_at,
        "epoch": 0,
        "worker": "",
        "seq": 0,
        "chain": GENESIS,
        **dict.fromkeys(ACCOUNT, 0),
        "created_at": at,
        "updated_at": at,
        "predecessor": run.predecessor,
        "successor": "",
        "checkpoint": None if run.checkpoint is None else run.checkpoint.digest,
    }
