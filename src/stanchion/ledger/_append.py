"""The transaction of a run's writer: entries, payloads and every projection, or nothing.

The first statement moves the run's head from the epoch and seq that this writer believes in; if
that changes no row, another writer owns the run. Heads are remembered, so that a commit needs no
query before it writes; what is remembered is filled by finished items and dropped when a commit
fails, and it's never trusted beyond that first statement.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeAlias, TypeGuard

from stanchion.errors import RunNotFound
from stanchion.ledger._accounts import Accounts
from stanchion.ledger._chain import FIELDS, Fields, link
from stanchion.ledger._codec import canonical
from stanchion.ledger._documents import Documents
from stanchion.ledger._driver import Connection
from stanchion.ledger._moments import micros
from stanchion.ledger._payload_codec import PayloadCodec, StoredDigests
from stanchion.ledger._records import (
    Commit,
    Draft,
    NewRun,
    Payload,
    RunChange,
    Settlement,
    Wait,
)
from stanchion.ledger._statements import ACCOUNT, Statements, advance_by
from stanchion.ledger._store import Fenced
from stanchion.values import RunState

__all__ = ["Appender", "Head", "Keeper", "not_found", "payloads_of"]

HEADS = 4096
"""How many runs' heads are remembered."""

_ENDED = {RunState.COMPLETED, RunState.FAILED, RunState.CANCELLED, RunState.HANDED_OVER}


def not_found(run: str) -> RunNotFound:
    """Return the error for a run that doesn't exist."""
    return RunNotFound(
        f"there is no run {run!r} in this ledger",
        remedy="check the id and which store it was started in",
        run=run,
    )


@dataclass(frozen=True, slots=True)
class Head:
    """Where a run's record ends, and for whom."""

    n: int
    tenant: str
    seq: int
    chain: bytes
    epoch: int


SMALL = 128
"""Bytes up to which a request is kept in its entry: a row of its own would cost more, and requests,
unlike results and messages, are hardly ever the same twice."""

_ROW: tuple[str, ...] = (*FIELDS, "run", "chain", "request_data")

_Line: TypeAlias = tuple[Fields, bytes, bytes | None]
"""An entry's own fields, the chain after it, and its request if that is small."""


@dataclass(slots=True)
class _New:
    """What a commit adds to its run's record."""

    commit: Commit
    facts: Sequence[str]
    at: int
    chain: bytes = b""
    lines: list[_Line] = field(default_factory=list[_Line])

    def follow(self, head: Head) -> None:
        """Give the entries their numbers and their chain, after a head."""
        self.chain, self.lines = head.chain, []
        for seq, (draft, facts) in enumerate(
            zip(self.commit.entries, self.facts, strict=True), start=head.seq + 1
        ):
            fields = (
                seq,
                draft.place.lane,
                draft.place.ordinal,
                str(draft.phase),
                draft.kind,
                draft.name,
                None if draft.request is None else draft.request.digest,
                None if draft.result is None else draft.result.digest,
                facts,
                self.commit.epoch,
                self.at,
            )
            self.chain = link(self.chain, self.commit.run, fields)
            data = draft.request.data if _is_small(draft.request) else None
            self.lines.append((fields, self.chain, data))


class Keeper:
    """Inserts payloads that aren't stored yet."""

    def __init__(self, statements: Statements) -> None:
        self._insert = statements.payload_insert
        self._codec = PayloadCodec()
        self._stored = StoredDigests()
        self._pending: dict[tuple[str, bytes], None] = {}

    def keep(self, connection: Connection, tenant: str, payloads: Iterable[Payload | None]) -> None:
        """Insert payloads; they count as stored once the item is finished."""
        for payload in filter(None, payloads):
            key = (tenant, payload.digest)
            if key in self._stored or key in self._pending:
                continue
            encoding, data = self._codec.pack(payload.data)
            row = {"tenant": tenant, "digest": payload.digest, "encoding": encoding, "data": data}
            connection.later(self._insert, row)
            self._pending[key] = None

    def finished(self) -> None:
        """Remember what the item inserted."""
        if self._pending:
            self._stored.add(self._pending)
            self._pending.clear()

    def undone(self) -> None:
        """Drop what the item inserted, since it was taken back."""
        self._pending.clear()

    def forget(self) -> None:
        """Drop all that is remembered, since a commit failed."""
        self._pending.clear()
        self._stored.clear()


class Appender:
    """Performs commits on the writer's connection."""

    def __init__(
        self,
        statements: Statements,
        keeper: Keeper,
        clock: Callable[[], int],
        create: Callable[[Connection, NewRun], object],
        send: Callable[[Connection, Any], object],
        *,
        documents: Documents,
        accounts: Accounts,
    ) -> None:
        self._accounts = accounts
        self._documents = documents
        self._sql = statements
        self._keeper = keeper
        self._clock = clock
        self._create = create
        self._send = send
        self._heads: dict[str, Head] = {}

    def forget(self, run: str | None = None) -> None:
        """Drop one remembered head, or all of them since a commit failed."""
        if run is None:
            self._heads.clear()
        else:
            self._heads.pop(run, None)

    def append(self, connection: Connection, commit: Commit) -> None:
        """Write a commit; raise Fenced if its epoch isn't the run's any more."""
        new = _New(commit, [_facts(draft) for draft in commit.entries], self._clock())
        head = self._heads.pop(commit.run, None)
        if head is None or head.epoch != commit.epoch or not self._advance(connection, head, new):
            head = self._load(connection, commit)
            if not self._advance(connection, head, new):
                raise Fenced
        for fields, chain, small in new.lines:
            row = dict(zip(_ROW, (*fields, head.n, chain, small), strict=True))
            connection.later(self._sql.entry_insert, row)
        head = Head(head.n, head.tenant, head.seq + len(new.lines), new.chain, commit.epoch)
        self._keeper.keep(connection, head.tenant, payloads_of(commit))
        if commit.change is not None:
            self._change(connection, head, commit.change)
        self._project(connection, head, commit)
        self._remember(commit.run, head)

    def _load(self, connection: Connection, commit: Commit) -> Head:
        rows = connection.rows(self._sql.head, {"run": commit.run})
        if not rows:
            raise not_found(commit.run)
        head = Head(*rows[0])
        if head.epoch != commit.epoch:
            raise Fenced
        return head

    def _remember(self, run: str, head: Head) -> None:
        self._heads[run] = head
        if len(self._heads) > HEADS:
            del self._heads[next(iter(self._heads))]

    def _advance(self, connection: Connection, head: Head, new: _New) -> bool:
        """Move the head past the new entries; False if it isn't where it was believed to be."""
        new.follow(head)
        commit = new.commit
        moved: dict[str, Any] = {
            "new_seq": head.seq + len(new.lines),
            "new_chain": new.chain,
            "at": new.at,
            "of_run": head.n,
            "at_epoch": commit.epoch,
            "at_seq": head.seq,
        }
        spent = _spent(commit.settlement)
        advance = advance_by(self._sql.dialect, tuple(spent))
        return connection.run(advance, moved | spent) == 1

    def _change(self, connection: Connection, head: Head, change: RunChange) -> None:
        row = {
            "of_run": head.n,
            "released": int(change.release),
            "new_state": None if change.state is None else str(change.state),
            "new_reason": None if change.reason is None else _readable(change.reason),
            "new_result": None if change.result is None else change.result.digest,
            "new_error": None if change.error is None else change.error.digest,
            "new_successor": change.successor or None,
        }
        connection.later(self._sql.change, row)

    def _project(self, connection: Connection, head: Head, commit: Commit) -> None:
        """Update everything beside the run's row."""
        for place in commit.closed:
            row = {"run": commit.run, "lane": place.lane, "ordinal": place.ordinal}
            connection.later(self._sql.wait_close, row)
        for wait in commit.opened:
            connection.later(self._sql.wait_open, _wait_row(commit.run, wait))
        for message in commit.taken:
            row = {"message": message, "of_run": commit.run, "at_seq": head.seq}
            connection.later(self._sql.inbox_take, row)
        for child in commit.started:
            self._create(connection, child)
        for message in commit.sent:
            self._send(connection, message)
        if commit.charges:
            self._accounts.charge(connection, commit.charges)
        if commit.change is not None and commit.change.successor:
            over = {"of_run": commit.run, "to_run": commit.change.successor}
            connection.rows(self._sql.handed_over, {"of_run": commit.run})
            connection.later(self._sql.inbox_move, over)
        if commit.documents or commit.withdrawn:
            self._documents.change(connection, head.tenant, commit.withdrawn, commit.documents)
        if commit.change is not None and commit.change.state in _ENDED:
            connection.later(self._sql.waits_clear, {"run": commit.run})


def _is_small(request: Payload | None) -> TypeGuard[Payload]:
    return request is not None and len(request.data) <= SMALL


def _facts(draft: Draft) -> str:
    if not draft.facts:
        return "{}"
    return canonical(draft.facts, what=f"facts of {draft.kind} {draft.name!r}").decode()


def _readable(reason: str) -> str:
    """Replace what no database keeps: a reason may quote anything and mustn't fail a run's end."""
    return reason.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")


@lru_cache(maxsize=64)
def _spent(settlement: Settlement) -> dict[str, Any]:
    """Return what a settlement adds, by column; most are equal, and most columns get nothing."""
    spent = {column: getattr(settlement, column) for column in ACCOUNT}
    return {column: number for column, number in spent.items() if number}


def payloads_of(commit: Commit) -> Sequence[Payload]:
    """Return all payloads that a commit's entries, prompts and end refer to, small requests not."""
    found: list[Payload | None] = []
    for draft in commit.entries:
        found += None if _is_small(draft.request) else draft.request, draft.result
    if commit.change is not None:
        found += commit.change.result, commit.change.error
    return [*filter(None, found), *commit.payloads]


def _wait_row(run: str, wait: Wait) -> dict[str, Any]:
    return {
        "run": run,
        "lane": wait.place.lane,
        "ordinal": wait.place.ordinal,
        "kind": wait.kind,
        "topic": wait.topic,
        "wake_at": None if wait.wake_at is None else micros(wait.wake_at),
        "body": canonical(wait.body, what=f"wait for {wait.kind}").decode(),
    }
