"""What replay returns: recorded payloads, read in one go when a run is loaded.

It knows digests and codecs, and which payloads replaying a journal will need; not what a step does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

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


class Replayed:
    """The recorded payloads of one run that its replay needs."""

    def __init__(self, host: Host, record: RunRecord) -> None:
        self._host = host
        self._record = record
        self._payloads: Mapping[bytes, bytes] = {}
        self._messages: dict[bytes, Message] = {}
        self.abandoned: frozenset[bytes] = frozenset()
        """Requests of the writes that the run forked from performed after the fork."""

    async def read(self, journal: Journal) -> None:
        """Read the run's input and what the steps that replay visits recorded."""
        wanted = [digest for r in journal.replayed() for digest in _needed(r)]
        wanted += [d for d in (self._record.input, self._record.initiator) if d is not None]
        self._payloads = await self._host.store.payloads(self._record.tenant, wanted)
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
        """Return a recorded payload's bytes."""
        try:
            return self._payloads[digest]
        except KeyError:
            raise StoreCorrupt(
                f"the payload {digest.hex()[:12]} of run {self._record.id} is missing",
                remedy="run `stanchion ledger verify`; an erased payload can't be replayed",
            ) from None

    def outcome(self, done: Entry, result: Codec[Any]) -> Any:
        """Return what a finished step returned, or raise what it raised."""
        if done.result is None:
            raise StoreCorrupt(
                f"entry {done.seq} of run {done.run} has no result",
                remedy="run `stanchion ledger verify`",
            )
        data = self.payload(done.result)
        if done.facts.get("status") == "error":
            raise decode_error(Payload(done.result, data))
        return result.decode(data, what=f"{done.kind} {done.name!r}")

    async def message(self, digest: bytes) -> Message:
        """Return a model's message from its payload."""
        known = self._messages.get(digest)
        if known is None:
            read = await read_message(self._host.store, self._record.tenant, [digest])
            known = self._messages[digest] = read[0]
        return known

    def keep(self, digest: bytes, message: Message) -> None:
        """Remember a message that a model has just sent, so that it needn't be read back."""
        self._messages[digest] = message


def _needed(recorded: Recorded) -> Iterable[bytes]:
    """Return what replaying a place needs: its outcome, what its intent sent, or what it asks."""
    entry = recorded.done or recorded.last(EntryPhase.INTENT) or recorded.waiting
    return [entry.result] if entry is not None and entry.result is not None else []
