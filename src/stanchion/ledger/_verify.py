"""Verification: everything that the ledger says about itself, recomputed and compared.

Checked are payloads against their digests, each run's entries against their chain, its prompts
against the messages before them, and the projections (seq, chain, state, result, account, open
waits) against the entries. Memory is bounded by a page, and by the open places of one run. It may
run while others write: a run that moves meanwhile is read again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from zstandard import ZstdError

from stanchion.errors import RunNotFound
from stanchion.ledger._chain import GENESIS, link
from stanchion.ledger._driver import Row
from stanchion.ledger._payload_codec import PayloadCodec
from stanchion.ledger._prompts import reach_of
from stanchion.ledger._records import EntryPhase, Place, RunRecord, Settlement, Wait
from stanchion.ledger._rows import facts_of
from stanchion.ledger._scan import ENTRIES_A_PAGE, Scan, scan_for
from stanchion.ledger._sql_store import SqlStore
from stanchion.ledger._statements import ACCOUNT
from stanchion.values import RunState

__all__ = ["Finding", "Progress", "VerifyReport", "verify"]

KEPT_FINDINGS = 1000
"""How many findings a report names; the rest are only counted."""

_ATTEMPTS = 5
_ENDED = {str(s) for s in RunState} - {str(RunState.RUNNING), str(RunState.WAITING)}
_PARKED = {"unregistered", "diverged"}
"""Notes of a run that waits for other code; what it waited for before, it reaches again later."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that contradicts the rest of the ledger."""

    run: str
    """The run concerned, empty if none refers to it."""
    seq: int
    """The entry concerned, 0 for the run as a whole."""
    problem: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a verification has come."""

    runs: int = 0
    entries: int = 0
    payloads: int = 0


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What was checked and what was found."""

    checked: Progress
    findings: tuple[Finding, ...]
    """The first findings, at most KEPT_FINDINGS."""
    found: int
    """All findings, also those that aren't listed."""

    @property
    def ok(self) -> bool:
        """True if nothing was found."""
        return self.found == 0


async def verify(
    store: SqlStore, *, progress: Callable[[Progress], None] | None = None
) -> VerifyReport:
    """Check the whole store; ``progress`` is called after every page and run."""
    verification = _Verification(store, progress or (lambda _: None))
    await verification.check_runs()
    await verification.check_payloads()
    await verification.check_strays()
    return verification.report()


@dataclass(slots=True)
class _Account:
    """What the entries of one run add up to."""

    tenant: str
    forked_at: int
    seq: int = 0
    chain: bytes = GENESIS
    sums: dict[str, int] = field(default_factory=lambda: dict.fromkeys(ACCOUNT, 0))
    logged: int = 0
    """How far the log of the messages in prompts reaches."""
    open: dict[Place, int] = field(default_factory=dict[Place, int])
    ended: tuple[int, str, bytes | None] | None = None
    drifted: bool = False
    parked: bool = False

    def add(self, row: Row, facts: Mapping[str, Any]) -> None:
        """Take in one entry; one inherited from the run forked from only opens and closes waits."""
        place, phase, kind, name = Place(row[3], row[4]), row[5], row[6], row[7]
        self._follow_waits(row[2], place, phase, parked=name == "unregistered")
        for lane, ordinal in facts.get("waits", ()):  # of branches that were cancelled
            self.open.pop(Place(lane, ordinal), None)
        if row[2] <= self.forked_at:
            return
        spent = {"steps": int(phase == EntryPhase.DONE), **facts.get("settlement", {})}
        for column in ACCOUNT:
            self.sums[column] += spent.get(column, 0)
        self.drifted |= bool(facts.get("accept_drift"))
        if phase == EntryPhase.NOTE and kind == "run":
            self.ended = (row[2], name, row[9]) if name in _ENDED else None
            self.parked = name in _PARKED

    def _follow_waits(self, seq: int, place: Place, phase: str, *, parked: bool) -> None:
        if phase == EntryPhase.WAIT or parked:
            self.open[place] = seq
        elif phase == EntryPhase.DONE:
            below = f"{place.lane}/{place.ordinal}"
            over = [p for p in self.open if p == place or f"{p.lane}/".startswith(f"{below}/")]
            for known in over:
                del self.open[known]


class _Verification:
    def __init__(self, store: SqlStore, progress: Callable[[Progress], None]) -> None:
        self._store = store
        self._scan: Scan = scan_for(store.dialect)
        self._progress = progress
        self._findings: list[Finding] = []
        self._found = 0
        self._counts: dict[str, int] = {}

    def report(self) -> VerifyReport:
        return VerifyReport(Progress(**self._counts), tuple(self._findings), self._found)

    def _find(self, run: str, seq: int, problem: str) -> None:
        self._found += 1
        if len(self._findings) < KEPT_FINDINGS:
            self._findings.append(Finding(run, seq, problem))

    def _count(self, what: str, number: int = 1) -> None:
        self._counts[what] = self._counts.get(what, 0) + number
        self._progress(Progress(**self._counts))

    # Runs

    async def check_runs(self) -> None:
        after = 0
        while page := await self._store.read(partial(self._scan.runs, after=after)):
            for n, run in page:
                await self._check_run(n, run)
                self._count("runs")
            after = page[-1][0]

    async def _check_run(self, n: int, run: str) -> None:
        """Check a run as it stood at one moment; it may move on while it's read."""
        try:
            record, waits = await self._settled(run)
        except RunNotFound:  # removed meanwhile
            return
        account = await self._check_entries(n, record)
        self._check_projection(record, account)
        self._check_state(record, account)
        if waits is not None:
            self._check_waits(record, account, waits)
        named = (record.input, record.initiator, record.result, record.error, record.checkpoint)
        contents = [(digest, 0) for digest in named if digest is not None]
        await self._check_present(record, contents)
        last = await self._store.read(partial(self._scan.last, n=n))
        if last > (await self._store.get(run)).seq:
            self._find(run, last, "the entry comes after the last one that the run counts")

    async def _settled(self, run: str) -> tuple[RunRecord, Sequence[Wait] | None]:
        """Return a run and its waits at one moment; no waits if it never stands still."""
        record = await self._store.get(run)
        for _ in range(_ATTEMPTS):
            before = record
            waits = await self._store.waits(run=run)
            record = await self._store.get(run)
            if record == before:
                return record, waits
        return record, None

    async def _check_entries(self, n: int, record: RunRecord) -> _Account:
        account = _Account(record.tenant, record.forked_at)
        while True:
            query = partial(self._scan.entries, n=n, after=account.seq, through=record.seq)
            page = await self._store.read(query)
            if not page:
                return account
            messages = self._check_page(record.id, account, page)
            for seq in _changed(page):
                self._find(record.id, seq, "the request doesn't have its digest")
            await self._check_present(record, [*_digests(page), *messages])
            self._count("entries", len(page))
            if len(page) < ENTRIES_A_PAGE:
                return account

    def _check_page(
        self, run: str, account: _Account, page: Sequence[Row]
    ) -> list[tuple[bytes, int]]:
        """Check the chain, add up, and return the messages' digests that the entries name."""
        messages: list[tuple[bytes, int]] = []
        for row in page:
            seq = row[2]
            if seq != account.seq + 1:
                self._find(run, seq, f"entries {account.seq + 1} to {seq - 1} are missing")
            if link(account.chain, run, row[2:13]) != row[13]:
                self._find(run, seq, "the entry or one before it was changed: its chain differs")
            # Go on from what is stored, so that one change is one finding.
            account.seq, account.chain = seq, row[13]
            try:
                facts = facts_of(row[10])
                messages += [(digest, seq) for digest in self._check_prompt(run, account, facts)]
            except (ValueError, TypeError, AttributeError):
                self._find(run, seq, "the facts can't be read")
                continue
            account.add(row, facts)
        return messages

    def _check_prompt(self, run: str, account: _Account, facts: Mapping[str, Any]) -> list[bytes]:
        """Check that a prompt refers to what is in the log, and return the digests it names."""
        named, reached, end = reach_of(facts)
        account.logged = max(account.logged, end)
        if reached > account.logged:
            self._find(run, account.seq, "the prompt refers to messages that no entry has added")
        return named

    def _check_projection(self, record: RunRecord, account: _Account) -> None:
        if account.seq != record.seq:
            problem = f"the run counts {record.seq} entries, its last one is {account.seq}"
            self._find(record.id, account.seq, problem)
        elif account.chain != record.chain:
            self._find(record.id, account.seq, "the run's chain isn't its last entry's")
        sums = Settlement(**account.sums)
        for column in ACCOUNT:
            has, should = getattr(record.account, column), getattr(sums, column)
            if has != should:
                problem = f"the account has {has} {column}, the entries add up to {should}"
                self._find(record.id, 0, problem)

    def _check_state(self, record: RunRecord, account: _Account) -> None:
        state = str(record.state)
        if account.ended is None:
            if state in _ENDED:
                self._find(record.id, 0, f"the run is {state}, no entry says so")
            return
        seq, name, result = account.ended
        if name != state:
            self._find(record.id, seq, f"the entry says {name}, the run is {state}")
        elif result != (record.result or record.error):
            self._find(record.id, seq, "the run's result isn't the one that its last entry names")

    def _check_waits(self, record: RunRecord, account: _Account, waits: Sequence[Wait]) -> None:
        if str(record.state) in _ENDED:
            return  # a wait that is left over is a stray
        for wait in waits:
            if wait.place not in account.open:
                self._find(record.id, 0, f"an open wait at {_spot(wait.place)} without its entry")
        if record.state is not RunState.WAITING or account.drifted or account.parked:
            return
        for place in account.open.keys() - {wait.place for wait in waits}:
            if account.open[place] <= account.forked_at:
                continue  # opened again when the fork comes to it
            problem = f"the wait at {_spot(place)} is missing among the open waits"
            self._find(record.id, account.open[place], problem)

    async def _check_present(
        self,
        record: RunRecord,
        contents: Sequence[tuple[bytes, int]],
    ) -> None:
        missing = await self._store.read(
            partial(
                self._scan.missing,
                tenant=record.tenant,
                contents=[digest for digest, _ in contents],
            )
        )
        for digest, seq in contents:
            if digest in missing:
                self._find(record.id, seq, f"payload {digest.hex()[:12]} is missing")

    # Contents

    async def check_payloads(self) -> None:
        codec = PayloadCodec()
        tenant, digest = "", b""
        while page := await self._store.read(
            partial(self._scan.payloads, tenant=tenant, digest=digest)
        ):
            for tenant, digest, encoding, data in page:
                try:
                    intact = hashlib.sha256(codec.unpack(encoding, data)).digest() == digest
                except (ZstdError, TypeError):  # damaged, or no bytes at all
                    intact = False
                if not intact:
                    await self._find_at(tenant, digest, "payload", "doesn't have its digest")
            self._count("payloads", len(page))

    async def check_strays(self) -> None:
        for run, problem in await self._store.read(self._scan.strays):
            self._find(run, 0, problem)

    async def _find_at(self, tenant: str, digest: bytes, what: str, problem: str) -> None:
        """Report a content under the first entry that refers to it."""
        query = partial(self._scan.mentioned, tenant=tenant, digest=digest)
        run, seq = await self._store.read(query)
        self._find(run, seq, f"{what} {digest.hex()[:12]} {problem}")


def _digests(page: Iterable[Row]) -> list[tuple[bytes, int]]:
    """Return the digests of the payloads that entries refer to, each with its entry's seq."""
    named = [(row[9], row[2]) for row in page] + [(row[8], row[2]) for row in page if not row[14]]
    return [(digest, seq) for digest, seq in named if digest is not None]


def _digest_of(data: bytes | str) -> bytes:
    """Return the digest of what stands in a column for bytes; SQLite would keep text there too."""
    return hashlib.sha256(data.encode() if isinstance(data, str) else data).digest()


def _changed(page: Iterable[Row]) -> list[int]:
    """Return the seqs of the entries whose own small request was changed."""
    kept = [(row[2], row[8], row[14]) for row in page if row[14] is not None]
    return [seq for seq, digest, data in kept if _digest_of(data) != digest]


def _spot(place: Place) -> str:
    return f"{place.lane or 'root'}[{place.ordinal}]"
