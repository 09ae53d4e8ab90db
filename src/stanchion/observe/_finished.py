"""A run's entries folded into its finished steps, one entry at a time.

What a trace needs of a step and no single entry says: when it began, under which step it stands,
the facts of all its entries, the messages of its prompt. Pure: entries in, values out; whoever
follows the ledger keeps one fold for each run and loses nothing by starting it again.

A step began when the step before it in its lane had ended, since the code between two steps takes
no time to speak of; a lane begins when the step or the fork above it does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from stanchion.ledger import Entry, EntryPhase, Place, add_to_log, prompt_digests

__all__ = ["ROOT", "RunFold", "Step"]

ROOT = Place("", -1)
"""Where the run itself stands."""

ENDINGS = frozenset({"completed", "failed", "cancelled", "handed_over"})
"""The notes with which a run ends."""

_BEFORE_LANE = re.compile(r"(.*)/(\d+)(?:/[^/]*[^/\d][^/]*)*")
"""A lane below a step: the step's lane and ordinal, then what isn't a number."""


@dataclass(frozen=True, slots=True)
class Step:
    """A step with an outcome, or a run that has ended."""

    place: Place
    kind: str
    name: str
    seq: int
    started_at: datetime
    ended_at: datetime
    above: Place | None
    """The composite step below which it stands; ROOT for one of the run's own, None for the run."""
    facts: Mapping[str, Any]
    request: bytes | None
    """Digest of the request's payload, unless ``request_data`` has it."""
    request_data: bytes | None
    result: bytes | None
    shown: bytes | None
    """Digest of what a wait showed: a question."""
    sent: bytes | None
    """Digest of the arguments with which a write was sent."""
    prompt: Mapping[str, tuple[bytes, ...]]
    """Digests of a model's prompt by section."""
    marks: tuple[tuple[str, datetime], ...]
    """The phases that it went through before its outcome, and when."""


@dataclass(slots=True)
class RunFold:
    """What a run's entries so far say about the steps that aren't finished."""

    created_at: datetime
    _open: dict[Place, list[Entry]] = field(default_factory=dict[Place, list[Entry]])
    _lanes: dict[str, tuple[datetime, int]] = field(default_factory=dict[str, tuple[datetime, int]])
    """When the last step of each lane ended, and in which incarnation."""
    _log: list[bytes] = field(default_factory=list[bytes])
    seq: int = 0
    """The last entry taken in."""

    def add(self, entry: Entry) -> Step | None:
        """Take in the run's next entry; return the step if it is one's outcome."""
        self.seq = entry.seq
        if not self._lanes:
            self._lanes[""] = (entry.recorded_at, entry.epoch)
        add_to_log(self._log, entry)
        if entry.phase is EntryPhase.NOTE:
            return self._ended(entry) if entry.place == ROOT and entry.name in ENDINGS else None
        entries = self._open.setdefault(entry.place, [])
        entries.append(entry)
        if entry.phase is not EntryPhase.DONE:
            return None
        del self._open[entry.place]
        step = self._finished(entries)
        self._lanes[entry.place.lane] = (entry.recorded_at, entry.epoch)
        return step

    def _finished(self, entries: list[Entry]) -> Step:
        first, done = entries[0], entries[-1]
        facts: dict[str, Any] = {}
        for entry in entries:
            facts |= entry.facts
        return Step(
            place=done.place,
            kind=done.kind,
            name=done.name,
            seq=done.seq,
            started_at=self._began(first, done, facts),
            ended_at=done.recorded_at,
            above=above(done.place.lane),
            facts=facts,
            request=first.request,
            request_data=first.request_data,
            result=done.result,
            shown=_result_in(entries, EntryPhase.WAIT),
            sent=_result_in(entries, EntryPhase.INTENT),
            prompt=prompt_digests(self._log, done),
            marks=tuple((e.phase.value, e.recorded_at) for e in entries[:-1]),
        )

    def _ended(self, note: Entry) -> Step:
        return Step(
            ROOT, "run", note.name, note.seq, self.created_at, note.recorded_at, None, note.facts,
            None, None, note.result, None, None, {}, (),
        )  # fmt: skip

    def _began(self, first: Entry, done: Entry, facts: Mapping[str, Any]) -> datetime:
        if first is done and "seconds" in facts:
            return first.recorded_at - timedelta(seconds=facts["seconds"])
        if first is done or first.phase is EntryPhase.OPEN:  # else its beginning was recorded
            at, epoch = self._last(first.place.lane)
            if epoch == first.epoch:
                return min(at, first.recorded_at)
        return first.recorded_at

    def _last(self, lane: str) -> tuple[datetime, int]:
        """Return when something ended last, in this lane or in one above it."""
        while lane and lane not in self._lanes:
            lane = lane.rpartition("/")[0]
        return self._lanes.get(lane) or self._lanes[""]


def above(lane: str) -> Place:
    """Return the composite step below which a lane stands."""
    found = _BEFORE_LANE.fullmatch(lane)
    return ROOT if found is None else Place(found[1], int(found[2]))


def _result_in(entries: list[Entry], phase: EntryPhase) -> bytes | None:
    return next((e.result for e in reversed(entries) if e.phase is phase), None)
