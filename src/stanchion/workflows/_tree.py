"""A run's steps as a tree, put together from its entries. Pure: entries in, values out.

What every reader of a run starts from: terminal, console, traces. A step ends when its outcome was
recorded. It began when the step before it in its lane had ended, as the code between two steps
takes no time to speak of; after a restart nobody knows when, and it counts from its first record.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import reduce
from typing import Any, Literal

from stanchion.ledger import (
    ACCEPTED,
    Entry,
    EntryPhase,
    Place,
    Settlement,
    is_replaced,
    lane_below,
)
from stanchion.values import Step

__all__ = ["spent_by", "steps_of"]

Status = Literal["open", "waiting", "intent", "unknown", "ok", "error"]

_STATUS: dict[EntryPhase, Status] = {
    EntryPhase.WAIT: "waiting",
    EntryPhase.INTENT: "intent",
    EntryPhase.UNKNOWN: "unknown",
}
_SUMS = tuple(name for name in Settlement.__slots__ if name != "steps")


def steps_of(entries: Iterable[Entry]) -> tuple[Step, ...]:
    """Return a run's outermost steps with their children, in the order in which they stand.

    Branches of a fork follow each other where the fork stands. Notes about the run are no steps.
    """
    forest = _Forest()
    for entry in entries:
        forest.add(entry)
    return tuple(forest.lane("", forest.started))


def spent_by(step: Step) -> Settlement:
    """Return what a step and all below it used; ``steps`` counts them, itself included."""
    own = {name: step.facts.get("settlement", {}).get(name, 0) for name in _SUMS}
    total = Settlement(steps=1, **own)
    return reduce(_sum, (spent_by(child) for child in step.children), total)


def _sum(left: Settlement, right: Settlement) -> Settlement:
    return Settlement(*(getattr(left, n) + getattr(right, n) for n in Settlement.__slots__))


@dataclass(slots=True)
class _Moment:
    """When a lane was last known to move, and in which incarnation."""

    at: datetime | None = None
    epoch: int = 0


@dataclass(slots=True)
class _Lane:
    """The steps of one lane and the lanes that branch off it."""

    places: list[Place] = field(default_factory=list[Place])
    branches: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """Lanes of each fork, by the fork's name."""


@dataclass(slots=True)
class _Forest:
    """All entries by place, and the lanes in which they stand."""

    started: _Moment = field(default_factory=_Moment)
    places: dict[Place, list[Entry]] = field(default_factory=dict[Place, list[Entry]])
    lanes: dict[str, _Lane] = field(default_factory=dict[str, _Lane])

    def add(self, entry: Entry) -> None:
        if self.started.at is None:
            self.started = _Moment(entry.recorded_at, entry.epoch)
        if entry.phase is EntryPhase.NOTE:
            if entry.name == ACCEPTED:
                self._replace(entry.place)
            return
        known = self.places.setdefault(entry.place, [])
        if not known:
            self._known_lane(entry.place.lane).places.append(entry.place)
        known.append(entry)

    def _replace(self, at: Place) -> None:
        """Drop the steps that the code went on without."""
        for place in [place for place in self.places if is_replaced(place, at)]:
            del self.places[place]
            self.lanes[place.lane].places.remove(place)
        for path in [path for path in self.lanes if path != at.lane]:
            if is_replaced(Place(path, 0), at):
                del self.lanes[path]

    def _known_lane(self, path: str) -> _Lane:
        lane = self.lanes.get(path)
        if lane is None:
            lane = self.lanes[path] = _Lane()
            above, _, last = path.rpartition("/")
            if last and not last.isdigit():
                self._known_lane(above).branches[last.partition(".")[0]].append(path)
        return lane

    def lane(self, path: str, began: _Moment) -> list[Step]:
        """Return the steps of a lane and of its branches, each fork where it stands."""
        lane = self.lanes.get(path)
        if lane is None:
            return []
        found: list[Step] = []
        moment = began
        for item in sorted([*lane.places, *lane.branches], key=lambda i: self._first(lane, i)):
            if isinstance(item, Place):
                step, moment = self._step(item, moment)
                found.append(step)
            else:
                for branch in sorted(lane.branches[item], key=_number):
                    found.extend(self.lane(branch, moment))
        return found

    def _first(self, lane: _Lane, item: Place | str) -> int:
        """Return the first entry's number at a place, or in any branch of a fork."""
        if isinstance(item, Place):
            return self.places[item][0].seq
        return min(self._first_below(branch) for branch in lane.branches[item])

    def _first_below(self, path: str) -> int:
        lane = self.lanes[path]
        return min(self._first(lane, item) for item in [*lane.places, *lane.branches])

    def _step(self, place: Place, before: _Moment) -> tuple[Step, _Moment]:
        entries = self.places[place]
        first, last = entries[0], entries[-1]
        done = next((e for e in reversed(entries) if e.phase is EntryPhase.DONE), None)
        facts = _facts(entries)
        step = Step(
            lane=place.lane,
            ordinal=place.ordinal,
            kind=first.kind,
            name=first.name,
            status=_status(done or last),
            started_at=_began(first, done, before, facts),
            ended_at=None if done is None else done.recorded_at,
            request=_hex(next((e.request for e in entries if e.request), None)),
            result=_hex(next((e.result for e in reversed(entries) if e.result), None)),
            facts=facts,
            seq=(done or last).seq,
        )
        below = self.lane(lane_below(place), before)
        if below:
            earliest = min(step.started_at, *(child.started_at for child in below))
            step = replace(step, children=tuple(below), started_at=earliest)
        return step, _Moment((done or last).recorded_at, (done or last).epoch)


def _facts(entries: Sequence[Entry]) -> Mapping[str, Any]:
    """Merge the facts of a step's entries; later ones count."""
    merged: dict[str, Any] = {}
    for entry in entries:
        merged |= entry.facts
    return merged


def _status(entry: Entry) -> Status:
    if entry.phase is EntryPhase.DONE:
        return "error" if entry.facts.get("status") == "error" else "ok"
    if entry.facts.get("not_performed"):
        return "open"
    return _STATUS.get(entry.phase, "open")


def _began(first: Entry, done: Entry | None, before: _Moment, facts: Mapping[str, Any]) -> datetime:
    """Return when a step began, as far as the record tells."""
    if done is first and "seconds" in facts:
        return first.recorded_at - timedelta(seconds=facts["seconds"])
    alone = done is first or first.phase is EntryPhase.OPEN  # else its first entry is its beginning
    if alone and before.at is not None and before.epoch == first.epoch:
        return min(before.at, first.recorded_at)
    return first.recorded_at


def _number(branch: str) -> tuple[int, ...]:
    """Sort branches by their numbers, not their digits."""
    last = branch.rpartition("/")[2]
    return tuple(int(part) for part in last.partition(".")[2].split(".") if part.isdigit())


def _hex(digest: bytes | None) -> str | None:
    return None if digest is None else digest.hex()
