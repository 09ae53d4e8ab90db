"""What one run leaves to the run that takes over from it: a checkpoint, and the record behind it.

The checkpoint is for people, models and code: what the task is, what is open, what was done. The
record is for the runtime: the outcomes of the steps that the code had finished, so that the
successor's code goes on behind them, and all writes of the lineage, so that none is made twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from stanchion.errors import StoreCorrupt
from stanchion.ledger import Entry, EntryPhase, Payload, Place, RunRecord, Store, codec_for
from stanchion.memory import Memory
from stanchion.workflows._trail import Seen

__all__ = [
    "FIRST",
    "HAND_OVER",
    "Checkpoint",
    "Inherited",
    "PerformedWrite",
    "SeenBefore",
    "Start",
    "StepBefore",
    "digests_in",
    "pack",
    "read_start",
    "unpack",
]


HAND_OVER = "hand_over"
"""The kind of the step at which a run hands over."""


@dataclass(frozen=True, slots=True)
class PerformedWrite:
    """An effect of the lineage: what was sent, under which key, and what came of it."""

    tool: str
    key: str
    run: str
    lane: str
    ordinal: int
    sent: str
    """Hex digest of the arguments as sent; empty for a child run."""
    result: str
    """Hex digest of the result."""
    kind: str = "call"
    proposed: str = ""
    """Hex digest of the arguments as they were proposed, if a person changed them."""
    told: bool = False
    final: bool = False
    closed: tuple[str, int] | None = None
    """Where it was undone, or left as it is with a person's knowledge."""
    undone: bool = False


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where a successor starts."""

    number: int
    """Which run of its lineage starts from it: 2 for the first successor."""
    predecessor: str
    """The run that handed over."""
    reason: str
    goal: str = ""
    constraints: tuple[str, ...] = ()
    open_items: tuple[str, ...] = ()
    summary: str = ""
    """What was done, decided and learnt."""
    memory: tuple[Memory, ...] = ()
    """What stood in the run's own memory, the newest of it; all of it can still be recalled."""
    effects: tuple[PerformedWrite, ...] = ()
    """Every write of the lineage, in the order of the outcomes."""


@dataclass(frozen=True, slots=True)
class StepBefore:
    """A finished step of the predecessor's."""

    lane: str
    ordinal: int
    kind: str
    name: str
    request: str | None
    result: str | None
    failed: bool = False
    request_data: str | None = None
    run: str = ""
    """The run that asked, if it is a question to a person: answers are bound to it."""


@dataclass(frozen=True, slots=True)
class SeenBefore:
    """What the step that was handed over had brought from outside."""

    lane: str
    ordinal: int
    kind: str
    name: str
    request: str
    result: str
    request_data: str | None
    by_model: bool


@dataclass(frozen=True, slots=True)
class Inherited:
    """The record that a successor goes on from."""

    steps: tuple[StepBefore, ...] = ()
    at: tuple[str, int] | None = None
    """The step that was handed over before it had ended, if there was one: it begins anew."""
    seen: tuple[SeenBefore, ...] = ()
    denied: tuple[tuple[str, str], ...] = ()
    """Calls that a person refused: the tool, and the digest of its arguments."""
    keys: tuple[str, ...] = ()
    """All keys of the lineage."""
    abandoned: tuple[str, ...] = ()
    """Requests that need a person since the lineage was forked."""


@dataclass(frozen=True, slots=True)
class Start:
    """What a run takes over: nothing, if it is the first of its lineage."""

    checkpoint: Checkpoint | None = None
    inherited: Inherited = field(default_factory=Inherited)

    @property
    def number(self) -> int:
        """Which run of its lineage it is."""
        return 1 if self.checkpoint is None else self.checkpoint.number

    @property
    def effects(self) -> tuple[PerformedWrite, ...]:
        """Every write of the runs before it."""
        return () if self.checkpoint is None else self.checkpoint.effects

    @property
    def abandoned(self) -> frozenset[bytes]:
        """Requests that need a person since the lineage was forked."""
        return frozenset(bytes.fromhex(sent) for sent in self.inherited.abandoned)

    def entries(self, record: RunRecord) -> Iterator[Entry]:
        """Yield the steps as entries that come before all of the successor's own."""
        steps = self.inherited.steps
        for seq, step in enumerate(steps, start=-len(steps)):
            yield Entry(
                run=step.run or record.id,
                seq=seq,
                place=Place(step.lane, step.ordinal),
                phase=EntryPhase.DONE,
                kind=step.kind,
                name=step.name,
                request=_bytes(step.request),
                result=_bytes(step.result),
                facts={"status": "error"} if step.failed else {},
                epoch=0,
                recorded_at=record.created_at,
                chain=b"",
                request_data=None if step.request_data is None else step.request_data.encode(),
            )

    def optional(self) -> Iterator[str]:
        """Yield the lanes of points at which runs handed over: code needn't come to them again."""
        return (step.lane for step in self.inherited.steps if step.kind == HAND_OVER)

    def asked_by(self, record: RunRecord, place: Place) -> str:
        """Return the run whose question to a person stands at a place; a fork asks again."""
        at = place.lane, place.ordinal
        asked = (s.run for s in self.inherited.steps if s.run and (s.lane, s.ordinal) == at)
        return record.id if record.forked_from else next(asked, record.id)

    def seen_at(self, place: Place) -> list[Seen]:
        """Return what the step at a place had seen before it was handed over."""
        at = self.inherited.at
        if at is None or Place(*at) != place:
            return []
        return [
            Seen(
                Place(seen.lane, seen.ordinal),
                seen.kind,
                seen.name,
                bytes.fromhex(seen.request),
                bytes.fromhex(seen.result),
                None if seen.request_data is None else seen.request_data.encode(),
                seen.by_model,
            )
            for seen in self.inherited.seen
        ]


FIRST = Start()
"""What the first run of a lineage takes over."""


@dataclass(frozen=True, slots=True)
class _Left:
    checkpoint: Checkpoint
    inherited: Inherited


_left = codec_for(_Left)


def pack(checkpoint: Checkpoint, inherited: Inherited) -> Payload:
    """Return both as one payload; raise EncodingError if there is too much to leave."""
    return _left.encode(_Left(checkpoint, inherited), what="the checkpoint")


def unpack(data: bytes) -> tuple[Checkpoint, Inherited]:
    """Return both as they were left."""
    left = _left.decode(data, what="checkpoint")
    return left.checkpoint, left.inherited


def digests_in(data: bytes) -> set[bytes]:
    """Return the digests of the payloads that a run which starts from a checkpoint may read."""
    checkpoint, inherited = unpack(data)
    named = {step.result for step in inherited.steps} | {seen.result for seen in inherited.seen}
    named |= {seen.request for seen in inherited.seen if seen.request_data is None}
    for effect in checkpoint.effects:
        named |= {effect.sent, effect.result, effect.proposed}
    return {bytes.fromhex(digest) for digest in named if digest}


async def read_start(store: Store, record: RunRecord) -> Start:
    """Return what a run takes over; raise StoreCorrupt if its checkpoint is gone."""
    if record.checkpoint is None:
        return FIRST
    found = await store.payloads(record.tenant, [record.checkpoint])
    if record.checkpoint not in found:
        raise StoreCorrupt(
            f"the checkpoint that run {record.id} starts from is missing",
            remedy="run `stanchion ledger verify`; an erased payload can't be replayed",
        )
    return Start(*unpack(found[record.checkpoint]))


def _bytes(digest: str | None) -> bytes | None:
    return None if digest is None else bytes.fromhex(digest)
