"""Writes of a run by what they say, so that a model that proposes one again is told, not obeyed.

The same write is the same tool with the same canonical arguments, anywhere in the run: in another
agent step, after a restart, under whatever call id. What was made stands in the ledger's intents
and outcomes, so every decision here is one about recorded entries and the same after a crash. A
call from code is never held up: two of them are two effects.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any, TypeAlias

from stanchion.ledger import Draft, Entry, EntryPhase, Place, payload
from stanchion.tools import Contract
from stanchion.workflows._checkpoint import FIRST, PerformedWrite, Start

__all__ = ["Identity", "Made", "Writes", "digest_of"]

Identity: TypeAlias = tuple[str, bytes]
"""A tool and the digest of its canonical arguments."""


def digest_of(contract: Contract, arguments: Mapping[str, Any]) -> bytes:
    """Return the digest under which an intent records these arguments."""
    return payload(json.loads(contract.encode_arguments(arguments))).digest


@dataclass(slots=True)
class Made:
    """A write that was performed."""

    place: Place
    kind: str
    name: str
    sent: bytes
    """Digest of the arguments as sent; a person may have changed them; empty for a child."""
    result: bytes
    told: bool = False
    """A model that proposed it again was answered with its result."""
    final: bool = False
    """A person decided against making it again."""
    closed: Place | None = None
    """Where it was undone, or left as it is with a person's knowledge."""
    is_undone: bool = False
    key: str = ""
    run: str = ""
    """The run that made it, if it was one before this one in its lineage."""


class Writes:
    """What a run has made or is about to make, and what those before it in its lineage made."""

    def __init__(self, entries: Iterable[Entry], start: Start = FIRST) -> None:
        self.made: list[Made] = []
        """In the order of their outcomes."""
        self._known: defaultdict[Identity, list[Made]] = defaultdict(list)
        self._denied = {(tool, bytes.fromhex(sent)) for tool, sent in start.inherited.denied}
        self._held: defaultdict[Identity, set[Place]] = defaultdict(set)
        self._holds: defaultdict[Place, set[Identity]] = defaultdict(set)
        self._proposed: dict[Place, bytes] = {}
        self._sent: dict[Place, bytes] = {}
        self._repeated: dict[Place, tuple[Place, bool]] = {}
        self._key_at: dict[Place, str] = {}
        entries = list(entries)
        self.keys = {e.facts["key"] for e in entries if e.phase is EntryPhase.INTENT}
        self.keys.update(start.inherited.keys)
        """Keys under which the lineage has sent something, or may have."""
        self._numbers: defaultdict[tuple[str, str, bytes], Iterator[int]] = defaultdict(count)
        for write in start.effects:
            self._take_over(write)
        for entry in entries:
            self.note(entry)

    def last(self, identity: Identity) -> Made | None:
        """Return the newest write of this identity, as proposed or as sent, that still stands."""
        return next((m for m in reversed(self._known[identity]) if not m.is_undone), None)

    def count(self, identity: Identity) -> int:
        """Return how often exactly this was sent and made: the number of the next one's key."""
        return sum(made.sent == identity[1] for made in self._known[identity])

    def unused(self, call: tuple[str, str, bytes], mint: Callable[[int], str]) -> str:
        """Return the key of a call's first number that neither this run nor its record has used.

        The call is its lineage, its tool and its arguments.
        """
        return next(key for key in map(mint, self._numbers[call]) if key not in self.keys)

    def is_denied(self, identity: Identity) -> bool:
        """Tell whether a person refused this call when a model proposed it."""
        return identity in self._denied

    def sent_otherwise(self, place: Place) -> bytes | None:
        """Return the arguments with which a call was sent, if a person changed those proposed."""
        sent = self._sent.get(place)
        return None if sent == self._proposed.get(place, sent) else sent

    def repeated(self, place: Place) -> tuple[Place, bool] | None:
        """Return where the call was made whose result answered the one at a place, if it was one.

        The second part says whether a person had decided against making it again.
        """
        return self._repeated.get(place)

    def within(self, lane: str) -> list[Made]:
        """Return what was made in a lane and below it, in the order of the outcomes."""
        return [made for made in self.made if f"{made.place.lane}/".startswith(f"{lane}/")]

    def standing(self, lane: str) -> list[Made]:
        """Return what was made in a lane and below it and is neither undone nor left."""
        return [made for made in self.within(lane) if made.closed is None]

    # From one run to the next

    def performed(self, run: str, lane: str = "") -> list[PerformedWrite]:
        """Return all that was made, for the run that takes over from ``run``.

        What was made below ``lane`` gets a lane of its own: that one begins anew.
        """
        return [self._performed(made, run, lane) for made in self.made]

    def denied(self) -> list[Identity]:
        """Return what a person refused."""
        return sorted(self._denied)

    def _performed(self, made: Made, run: str, lane: str) -> PerformedWrite:
        by, place = made.run or run, made.place
        begins_anew = bool(lane) and f"{place.lane}/".startswith(f"{lane}/")
        if begins_anew:
            place = Place(f"{lane}~{by}{place.lane[len(lane) :]}", place.ordinal)
        changed = self.sent_otherwise(made.place)
        return PerformedWrite(
            made.name,
            made.key,
            by,
            place.lane,
            place.ordinal,
            made.sent.hex(),
            made.result.hex(),
            made.kind,
            "" if changed is None else self._proposed[made.place].hex(),
            made.told and not begins_anew,
            made.final,
            None if made.closed is None else (made.closed.lane, made.closed.ordinal),
            made.is_undone,
        )

    def _take_over(self, write: PerformedWrite) -> None:
        place = Place(write.lane, write.ordinal)
        sent, result = bytes.fromhex(write.sent), bytes.fromhex(write.result)
        made = Made(place, write.kind, write.tool, sent, result, write.told, write.final)
        made.closed = None if write.closed is None else Place(*write.closed)
        made.is_undone, made.key, made.run = write.undone, write.key, write.run
        if write.proposed:
            self._proposed[place], self._sent[place] = bytes.fromhex(write.proposed), sent
        self._add(made)

    # Calls under way

    def is_held(self, identity: Identity, besides: Place) -> bool:
        """Tell whether the same call is under way at another place."""
        return bool(self._held.get(identity, set()) - {besides})

    def hold(self, identity: Identity, place: Place) -> None:
        """Say that this call is under way."""
        self._held[identity].add(place)
        self._holds[place].add(identity)

    def release(self, place: Place) -> None:
        """Say that the call at a place is over, or won't be made now."""
        for identity in self._holds.pop(place, ()):
            self._held[identity].discard(place)
            if not self._held[identity]:
                del self._held[identity]

    def take_over(self, identity: Identity) -> None:
        """Release whoever is under way with this call: they aren't coming."""
        for place in list(self._held.get(identity, ())):
            self.release(place)

    def leave(self, lane: str) -> None:
        """Release the calls of a lane that was cancelled."""
        for place in [p for p in self._holds if f"{p.lane}/".startswith(f"{lane}/")]:
            self.release(place)

    # Entries

    def note(self, entry: Entry | Draft) -> None:
        """Take in an entry, recorded earlier or just now."""
        facts: Mapping[str, Any] = entry.facts
        if entry.phase is EntryPhase.INTENT:
            self.keys.add(facts["key"])
        match entry.phase:
            case EntryPhase.OPEN if "proposed" in facts:
                self._proposed[entry.place] = bytes.fromhex(facts["proposed"])
                self.hold((entry.name, self._proposed[entry.place]), entry.place)
            case EntryPhase.INTENT if entry.kind in _WRITES and (sent := _result(entry)):
                self._sent[entry.place] = sent
                self._key_at[entry.place] = facts["key"]
                self.hold((entry.name, sent), entry.place)
            case EntryPhase.DONE:
                self._end(entry)
            case _:
                pass

    def _end(self, entry: Entry | Draft) -> None:
        self.release(entry.place)
        facts: Mapping[str, Any] = entry.facts
        result = _result(entry)
        succeeded = facts.get("status") != "error"
        if entry.place in self._sent:
            if succeeded and result is not None:
                self._made(entry, result)
        elif entry.kind in _UNDOING:
            self._close(entry, facts)
        elif entry.kind == "child" and succeeded and result is not None:
            self.made.append(Made(entry.place, entry.kind, entry.name, b"", result))
        elif "repeats" in facts:
            repeated = self.last((entry.name, bytes.fromhex(facts["repeats"])))
            if repeated is not None:
                repeated.told = True
                repeated.final |= _DENIED in facts.get("verdicts", ())
                self._repeated[entry.place] = repeated.place, repeated.final
        elif _DENIED in facts.get("verdicts", ()) and entry.place in self._proposed:
            self._denied.add((entry.name, self._proposed[entry.place]))

    def _made(self, entry: Entry | Draft, result: bytes) -> None:
        made = Made(entry.place, entry.kind, entry.name, self._sent[entry.place], result)
        made.key = self._key_at[entry.place]
        self._add(made)

    def _add(self, made: Made) -> None:
        self.made.append(made)
        for identity in self._identities(made):
            self._known[identity].append(made)

    def _close(self, entry: Entry | Draft, facts: Mapping[str, Any]) -> None:
        undone = facts.get("undoes")
        left = [Place(*place) for place in (*facts.get("left", ()), *facts.get("children", ()))]
        for made in self.made:
            if undone is not None and made.place == Place(*undone):
                made.closed, made.is_undone = entry.place, True
            elif made.place in left:
                made.closed = entry.place

    def _identities(self, made: Made) -> Iterator[Identity]:
        yield made.name, made.sent
        if self.sent_otherwise(made.place) is not None:
            yield made.name, self._proposed[made.place]


_WRITES = {"call", "step"}
_UNDOING = {"compensate", "undo"}
_DENIED = ["review", "refuse: denied"]


def _result(entry: Entry | Draft) -> bytes | None:
    result = entry.result
    return result if result is None or isinstance(result, bytes) else result.digest
