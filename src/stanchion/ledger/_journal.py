"""A run's recorded steps, claimed one by one as its code asks for them again.

The journal compares what the code asks for with what stands at the same place, before anything is
called. It knows places, kinds, names and digests; not what a step does, not where entries come
from. Invariants: a place is claimed once; a mismatch, or a miss while the lane still has unclaimed
entries, is a divergence; entries below a finished composite step are never looked at.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stanchion.errors import NonDeterminismError
from stanchion.ledger._records import Entry, EntryPhase, Place

__all__ = ["ACCEPTED", "Journal", "Recorded", "is_replaced", "lane_below", "lane_of_branch"]

ACCEPTED = "accepted"
"""The note, at a place, that a person let the code go on there in another way than is recorded."""


def lane_below(place: Place) -> str:
    """Return the lane in which a composite step's children stand."""
    return f"{place.lane}/{place.ordinal}"


def lane_of_branch(lane: str, fork: int, branch: int, kind: str = "f") -> str:
    """Return the lane of one branch of the ``fork``-th fork in a lane; a saga's kind is ``s``."""
    return f"{lane}/{kind}{fork}.{branch}"


def is_replaced(known: Place, at: Place) -> bool:
    """Tell whether what stands at a place is void once the code went on differently ``at`` one.

    That is what follows in the same lane, and what is below those steps.
    """
    if known.lane == at.lane:
        return known.ordinal >= at.ordinal
    below = known.lane.removeprefix(f"{at.lane}/")
    step = below.partition("/")[0]
    return below != known.lane and step.isdigit() and int(step) >= at.ordinal


@dataclass(slots=True)
class Recorded:
    """Everything the ledger holds at one place."""

    place: Place
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
        self._lanes: dict[str, dict[int, Recorded]] = {}
        """What is recorded, by lane and ordinal."""
        self._forked: defaultdict[str, list[str]] | None = None
        self._claimed: set[Place] = set()
        self.accept_drift = accept_drift
        """Go on with the code's own order where it differs from the record."""
        self.accepted: list[tuple[Place, str]] = []
        """Differences that were accepted and aren't in the record yet, with both sides as text."""
        unexpected: dict[str, int] = {}
        for entry in entries:
            if entry.phase is EntryPhase.NOTE:
                if entry.name == ACCEPTED:
                    self._replace(entry.place)
                    below = [
                        lane for lane in self._lanes if lane.startswith(f"{entry.place.lane}/")
                    ]
                    unexpected |= {lane: len(self._lanes[lane]) for lane in below}
                continue
            place = entry.place
            lane = self._lanes.setdefault(place.lane, {})
            recorded = lane.get(place.ordinal)
            if recorded is None:
                recorded = lane[place.ordinal] = Recorded(place)
            recorded.add(entry)
        self._unclaimed = {
            lane: len(steps) - unexpected.get(lane, 0) for lane, steps in self._lanes.items()
        }

    def claim(self, place: Place, kind: str, name: str, request: bytes | None) -> Recorded | None:
        """Return what is recorded for the step that the code asks for, None at the frontier.

        Raises NonDeterminismError when something else is recorded there, before any call.
        """
        recorded = self.peek(place)
        if recorded is None:
            if self.has_unclaimed(place.lane):
                self._diverge(place, kind, name, "nothing, though later steps of the lane are")
            self._claimed.add(place)
            return None
        first = recorded.entries[0]
        if (first.kind, first.name) != (kind, name):
            self._diverge(place, kind, name, f"{first.kind} {first.name!r}")
            return None
        if request != first.request:
            self._diverge(place, kind, name, "the same step with another request", first.request)
            return None
        self._unclaimed[place.lane] -= 1
        self._claimed.add(place)
        return recorded

    def kind_at(self, place: Place) -> str | None:
        """Return the kind of the step that is recorded at a place, None at the frontier."""
        recorded = self.peek(place)
        return None if recorded is None else recorded.entries[0].kind

    def facts_at(self, place: Place) -> Mapping[str, Any]:
        """Return the facts of a recorded step's outcome, none without one."""
        recorded = self.peek(place)
        return {} if recorded is None or recorded.done is None else recorded.done.facts

    def done_at(self, place: Place) -> int | None:
        """Return the number of the entry with a recorded step's outcome, None without one."""
        recorded = self.peek(place)
        return None if recorded is None or recorded.done is None else recorded.done.seq

    def is_claimed(self, place: Place) -> bool:
        """Tell whether the code has asked for a step, or for one that it is part of."""
        lane = place.lane
        while place not in self._claimed and lane:
            lane, _, last = lane.rpartition("/")
            place = Place(lane, int(last)) if last.isdigit() else place
        return place in self._claimed

    def take(self, place: Place) -> Recorded | None:
        """Claim whatever stands at a place that only the runtime itself addresses."""
        recorded = self.peek(place)
        if recorded is not None:
            self._unclaimed[place.lane] -= 1
        return recorded

    def peek(self, place: Place) -> Recorded | None:
        """Return what is recorded at a place without claiming it."""
        lane = self._lanes.get(place.lane)
        return None if lane is None else lane.get(place.ordinal)

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
        return {r.place for r in self._unfinished() if r.last(EntryPhase.INTENT)}

    def open_waits(self) -> list[Place]:
        """Return the places whose wait has no outcome and isn't below a finished step."""
        return [r.place for r in self._unfinished() if r.last(EntryPhase.WAIT)]

    def _unfinished(self) -> Iterator[Recorded]:
        return (recorded for recorded in self.replayed() if recorded.done is None)

    def check_finished(self) -> None:
        """Raise NonDeterminismError if the code ended while recorded steps are left over."""
        for lane, count in self._unclaimed.items():
            if count > 0 and not self._is_over(lane):
                steps = self._lanes[lane]
                left = steps[sorted(steps)[-count]]
                self._diverge(left.place, "end", "of the code", f"{count} step(s) not asked for")

    def replayed(self) -> Iterator[Recorded]:
        """Yield what replay will visit, lane by lane, that below finished steps left out."""
        for lane, steps in self._lanes.items():
            if not self._is_over(lane):
                yield from steps.values()

    def _is_over(self, lane: str) -> bool:
        """Tell whether a lane is below a finished step, however far; replay never enters it."""
        above, _, last = lane.rpartition("/")
        if not last:
            return False
        step = self.peek(Place(above, int(last))) if last.isdecimal() else None
        return (step is not None and step.done is not None) or self._is_over(above)

    def within(self, lane: str) -> list[Recorded]:
        """Return what is recorded in a lane and its branches, also below a finished step.

        It is in the lane's own order; the branches of a fork stand where the fork was, one after
        the other.
        """
        forks: dict[str, list[Recorded]] = defaultdict(list)
        for branch in self._branches().get(lane, ()):
            fork = branch[len(lane) + 2 :].partition(".")[0]
            forks[fork] += self._lanes[branch].values()
        groups = [[recorded] for recorded in self._lanes.get(lane, {}).values()]
        groups = sorted(
            filter(None, [*groups, *forks.values()]), key=lambda g: min(_first(r) for r in g)
        )
        return [recorded for group in groups for recorded in sorted(group, key=_in_order)]

    def _branches(self) -> Mapping[str, Sequence[str]]:
        """Return the lanes of branches by the lane that forked."""
        if self._forked is None:
            self._forked = defaultdict(list)
            for lane in self._lanes:
                above, _, last = lane.rpartition("/")
                if last.startswith("f"):
                    self._forked[above].append(lane)
        return self._forked

    def _writes_from(self, place: Place) -> str:
        """Name the recorded writes at a place and after it in its lane, and below those."""
        names: list[str] = []
        for lane, steps in self._lanes.items():
            first = place.ordinal if lane == place.lane else 0
            if f"{lane}/".startswith(f"{place.lane}/"):
                intents = [r.last(EntryPhase.INTENT) for n, r in steps.items() if n >= first]
                names += [intent.name for intent in intents if intent is not None]
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
            remedy = "restore the old order of steps or guard the change with run.patched(), and "
            remedy += "resume the run; give changed code a new version; if nothing was changed, "
            remedy += "take time and chance from run.now(), run.random() and run.sleep()"
            if writes:
                remedy += f"; drift can't be accepted past the writes recorded here: {writes}"
            else:
                remedy += "; or resume with --accept-drift"
            raise NonDeterminismError(
                text,
                remedy=remedy,
                lane=place.lane,
                ordinal=place.ordinal,
                kind=kind,
                name=name,
            )
        self.accepted.append((place, f"{kind} {name!r} instead of {found}"))
        self.forget(place.lane)
        self._replace(place)

    def _replace(self, at: Place) -> None:
        """Drop what is void since the code went on differently at a place."""
        self._forked = None
        for steps in self._lanes.values():
            for known in [recorded.place for recorded in steps.values()]:
                if is_replaced(known, at):
                    del steps[known.ordinal]


def _first(recorded: Recorded) -> int:
    return recorded.entries[0].seq


def _in_order(recorded: Recorded) -> tuple[int, int]:
    """Order the steps of one fork: by branch, then as they came in it."""
    branch = recorded.place.lane.rpartition(".")[2]
    return (int(branch) if branch.isdecimal() else 0, recorded.place.ordinal)
