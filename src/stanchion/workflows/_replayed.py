"""What replay returns: recorded payloads, read a stretch ahead of the code that asks for them.

It knows digests and codecs, and which payloads replaying a journal will need; not what a step does.
What a finished step returned is read when replay comes near it and forgotten once it was returned,
so that a long run is resumed in bounded memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Generic, TypeVar

from stanchion.errors import StoreCorrupt
from stanchion.ledger import (
    Codec,
    Entry,
    EntryPhase,
    Journal,
    Payload,
    Recorded,
    RunRecord,
    read_message,
)
from stanchion.values import Message
from stanchion.workflows._host import Host
from stanchion.workflows._outcomes import decode_error

__all__ = ["Replayed"]

T = TypeVar("T")

AHEAD = 128
"""Recorded values that are read together."""


@dataclass(slots=True)
class _Ahead(Generic[T]):
    """Values in the order in which replay will ask for them, as far as they are held."""

    order: Sequence[bytes]
    held: dict[bytes, T] = field(default_factory=dict[bytes, T])
    at: dict[bytes, int] = field(default_factory=dict[bytes, int])
    uses: Counter[bytes] = field(default_factory=Counter[bytes])

    def __post_init__(self) -> None:
        self.uses.update(self.order)
        for index, digest in enumerate(self.order):
            self.at.setdefault(digest, index)

    def next_after(self, digest: bytes) -> list[bytes]:
        """Return what to read together with a value: what will be asked for after it."""
        start = self.at.get(digest)
        coming = () if start is None else islice(self.order, start, start + AHEAD)
        new = (d for d in coming if self.uses[d] > 0 and d not in self.held)
        return list(dict.fromkeys([digest, *new]))

    def take(self, digest: bytes) -> T | None:
        """Return a value that is held, and hold it no longer than somebody will ask for it."""
        self.uses[digest] -= 1
        return self.held.get(digest) if self.uses[digest] > 0 else self.held.pop(digest, None)


class Replayed:
    """The recorded payloads of one run that its replay needs."""

    def __init__(self, host: Host, record: RunRecord) -> None:
        self._host = host
        self._record = record
        self._open: dict[bytes, bytes] = {}
        """Of what has no outcome yet, and the run's input."""
        self._results: _Ahead[bytes] = _Ahead(())
        self._messages: _Ahead[Message] = _Ahead(())
        self.abandoned: frozenset[bytes] = frozenset()
        """Requests of the writes that the run forked from performed after the fork."""

    async def read(self, journal: Journal) -> None:
        """Read the run's input and what open steps recorded; find out what comes after that."""
        steps = list(journal.replayed())
        wanted = [digest for r in steps for digest in _open(r)]
        wanted += [d for d in (self._record.input, self._record.initiator) if d is not None]
        self._open = await self._fetch(wanted)
        done = sorted((r.done for r in steps if r.done is not None), key=lambda entry: entry.seq)
        self._results = _Ahead([entry.result for entry in done if entry.result is not None])
        said = [e.facts["message"] for e in done if "message" in e.facts]
        self._messages = _Ahead([bytes.fromhex(digest) for digest in said])
        self.abandoned = await self._read_abandoned()

    async def _read_abandoned(self) -> frozenset[bytes]:
        """Read also what runs sent that took over from the one forked from."""
        sent: set[bytes] = set()
        run, after = self._record.forked_from, self._record.forked_at
        while run:
            suffix = await self._host.store.entries(run, after)
            sent.update(e.result for e in suffix if e.phase is EntryPhase.INTENT and e.result)
            run, after = (await self._host.store.get(run)).successor, 0
        return frozenset(sent)

    def payload(self, digest: bytes) -> bytes:
        """Return the bytes of the run's input, or of what an open step recorded."""
        return self._found(self._open.get(digest), digest)

    async def kept(self, digest: bytes) -> bytes:
        """Return the bytes of a payload that nothing else of the replay asks for."""
        return self._found((await self._fetch([digest])).get(digest), digest)

    async def outcome(self, done: Entry, result: Codec[Any]) -> Any:
        """Return what a finished step returned, or raise what it raised."""
        if done.result is None:
            raise StoreCorrupt(
                f"entry {done.seq} of run {done.run} has no result",
                remedy="run `stanchion ledger verify`",
            )
        if done.result not in self._results.held:
            self._results.held |= await self._fetch(self._results.next_after(done.result))
        data = self._found(self._results.take(done.result), done.result)
        if done.facts.get("status") == "error":
            raise decode_error(Payload(done.result, data))
        return result.decode(data, what=f"{done.kind} {done.name!r}")

    async def message(self, digest: bytes) -> Message:
        """Return a model's message from its payload."""
        if digest not in self._messages.held:
            wanted = self._messages.next_after(digest)
            read = await read_message(self._host.store, self._record.tenant, wanted)
            self._messages.held.update(zip(wanted, read, strict=True))
        return self._found(self._messages.take(digest), digest)

    def keep(self, digest: bytes, message: Message) -> None:
        """Hold a message that a model has just sent, so that it needn't be read back."""
        self._messages.held[digest] = message
        self._messages.uses[digest] += 1

    async def _fetch(self, digests: Sequence[bytes]) -> dict[bytes, bytes]:
        return dict(await self._host.store.payloads(self._record.tenant, digests))

    def _found(self, value: T | None, digest: bytes) -> T:
        if value is None:
            raise StoreCorrupt(
                f"the payload {digest.hex()[:12]} of run {self._record.id} is missing",
                remedy="run `stanchion ledger verify`; an erased payload can't be replayed",
            )
        return value


def _open(recorded: Recorded) -> Iterable[bytes]:
    """Return what an open place needs: what its intent sent, or what it asks."""
    if recorded.done is not None:
        return []
    entry = recorded.last(EntryPhase.INTENT) or recorded.waiting
    return [entry.result] if entry is not None and entry.result is not None else []
