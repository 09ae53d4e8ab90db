"""A run's recorded steps, claimed one by one as its code asks for them again.

The journal compares what the code asks for with what stands at the same place, before anything is
called. It knows places, kinds, names and digests; not what a step does, not where entries come
from. Invariants: a place is claimed once; a mismatch, or a miss while the lane still has unclaimed
entries, is a divergence; entries below a finished composite step are never looked at.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from stanchion.errors import NonDeterminismError
from stanchion.ledger._records import Entry, EntryPhase, Place

__all__ = ["Journal", "Recorded", "lane_below", "lane_of_branch"]


def lane_below(place: Place) -> str:
    """Return the lane in which a composite step's children stand."""
    return f"{place.lane}/{place.ordinal}"


def lane_of_branch(lane: str, fork: int, branch: int) -> str:
    """Return the lane of one branch of the ``fork``-th fork in a lane."""
    return f"{lane}/f{fork}.{branch}"


@dataclass(slots=True)
class Recorded:
    """Everything the ledger holds at one place."""

    entries: list[Entry] = field(default_factory=list[Entry])
    done: Entry | None = None
    """The outcome, if there is one."""

    def add(self, entry: Entry) -> None:
        """Take in the place's next entry."""
        self.entries.append(entry)
        if entry.phase is EntryPhase.DONE:
            self.done = entry

    def last(self, phase: EntryPhase) -> Entry | None:
        """Return the newest entry of a phase."""
        return next((e for e in reversed(self.entries) if e.phase is phase), None)

    @property
    def waiting(self) -> Entry | None:
        """The open wait, if the step waits."""
        return None if self.done else self.last(EntryPhase.WAIT)


class Journal:
    """The recorded steps of one run, by place."""

    def __init__(self, entries: Iterable[Entry], *, accept_drift: bool = False) -> None:
        self._places: dict[Place, Recorded] = {}
        self._unclaimed: defaultdict[str, int] = defaultdict(int)
        self.accept_drift = accept_drift
        """Go on with the code's own order where it differs from the record."""
        self.drift: list[str] = []
        """Divergences that were accepted, as texts."""
        for entry in entries:
            if entry.phase is EntryPhase.NOTE:
                continue
            recorded = self._places.get(entry.place)
            if recorded is None:
                recorded = self._places[entry.place] = Recorded()
                self._unclaimed[entry.place.lane] += 1
            recorded.add(entry)
        self._unfinished = {p: r for p, r in self._places.items() if r.done is None}

    def claim(self, place: Place, kind: str, name: str, request: bytes | None) -> Recorded | None:
        """Return what is recorded for the step that the code asks for, None at the frontier.

        Raises NonDeterminismError when something else is recorded there, before any call.
        """
        recorded = self._places.get(place)
        if recorded is None:
            if self._unclaimed.get(place.lane):
                self._diverge(place, kind, name, "nothing, though later steps of the lane are")
            return None
        first = recorded.entries[0]
        if (first.kind, first.name) != (kind, name):
            self._diverge(place, kind, name, f"{first.kind} {first.name!r}")
            return None
        if request != first.request:
            self._diverge(place, kind, name, "the same step with another request", first.request)
            return None
        self._unclaimed[place.lane] -= 1
        return recorded

    def take(self, place: Place) -> Recorded | None:
        """Claim whatever stands at a place that only the runtime itself addresses."""
        recorded = self._places.get(place)
        if recorded is not None:
            self._unclaimed[place.lane] -= 1
        return recorded

    def has_unclaimed(self, lane: str) -> bool:
        """Tell whether the lane has recorded steps that the code hasn't asked for yet."""
        return self._unclaimed.get(lane, 0) > 0

    def forget(self, lane: str) -> None:
        """Stop expecting the steps of a lane and of the lanes below it (a race's losers)."""
        for known in self._unclaimed:
            if known == lane or known.startswith(f"{lane}/"):
                self._unclaimed[known] = 0

    def unsettled(self) -> set[Place]:
        """Return the places with an intent whose outcome isn't recorded."""
        return {p for p, r in self._replayed(self._unfinished) if r.last(EntryPhase.INTENT)}

    def open_waits(self) -> list[Place]:
        """Return the places whose wait has no outcome and isn't below a finished step."""
        return [p for p, r in self._replayed(self._unfinished) if r.last(EntryPhase.WAIT)]

    def check_finished(self) -> None:
        """Raise NonDeterminismError if the code ended while recorded steps are left over."""
        for lane, count in self._unclaimed.items():
            if count and not self._is_over(lane):
                left = next(p for p in self._places if p.lane == lane)
                self._diverge(left, "end", "of the code", f"{count} step(s) not asked for")

    def replayed(self) -> Iterator[tuple[Place, Recorded]]:
        """Yield the places that replay will visit, those below finished steps left out."""
        return self._replayed(self._places)

    def _replayed(self, places: Mapping[Place, Recorded]) -> Iterator[tuple[Place, Recorded]]:
        over: dict[str, bool] = {}
        for place, recorded in places.items():
            lane = place.lane
            if lane not in over:
                over[lane] = self._is_over(lane)
            if not over[lane]:
                yield place, recorded

    def _is_over(self, lane: str) -> bool:
        """Tell whether a lane is below a finished step, however far; replay never enters it."""
        above, _, last = lane.rpartition("/")
        if not last:
            return False
        step = self._places.get(Place(above, int(last))) if last.isdecimal() else None
        return (step is not None and step.done is not None) or self._is_over(above)

    def _writes_from(self, place: Place) -> str:
        """Name the recorded writes at a place and after it in its lane, and below those."""
        names: list[str] = []
        for known, recorded in self._places.items():
            intent = recorded.last(EntryPhase.INTENT)
            same = known.lane == place.lane and known.ordinal >= place.ordinal
            if intent is not None and (same or known.lane.startswith(f"{place.lane}/")):
                names.append(intent.name)
        return ", ".join(names)

    def _diverge(
        self, place: Place, kind: str, name: str, found: str, digest: bytes | None = None
    ) -> None:
        text = (
            f"the code no longer matches the record at {place.lane or 'root'}[{place.ordinal}]\n"
            f"  code asks for: {kind} {name!r}\n"
            f"  recorded:      {found}"
        )
        if digest is not None:
            text += f" (recorded request {digest.hex()[:12]})"
        writes = self._writes_from(place)
        if not self.accept_drift or writes:
            remedy = "restore the old order of steps, guard the change with run.patched(), "
            remedy += "give the workflow a new version"
            if writes:
                remedy += f"; drift can't be accepted past the writes recorded here: {writes}"
            else:
                remedy += ", or resume with --accept-drift"
            raise NonDeterminismError(
                text,
                remedy=remedy,
                lane=place.lane,
                ordinal=place.ordinal,
                kind=kind,
                name=name,
            )
        self.drift.append(text)
        self.forget(place.lane)
        for known in list(self._places):
            if known.lane == place.lane and known.ordinal >= place.ordinal:
                del self._places[known]
