"""What is left behind when a branch is cancelled: its recorded steps, its calls, its open waits.

Waits that were left are noted with the next commit, so that the next incarnation doesn't take them
for open ones. It knows places; which lanes are left, and when, is decided by their conductor.
"""

from __future__ import annotations

from collections.abc import Sequence

from stanchion.ledger import (
    Draft,
    Entry,
    EntryPhase,
    Journal,
    Message,
    Place,
    Wait,
    payload,
)
from stanchion.values import Json
from stanchion.workflows._outside import Outside
from stanchion.workflows._writes import Writes

__all__ = ["RUN_PLACE", "Left", "left_in"]

RUN_PLACE = Place("", -1)
"""Where entries about the run as a whole stand; no step ever does."""


class Left:
    """What the lanes of one incarnation leave."""

    def __init__(self, journal: Journal, writes: Writes, outside: Outside) -> None:
        self._journal = journal
        self._writes = writes
        self._outside = outside
        self._waits: list[Place] = []
        """To be noted with the next commit."""
        self._children: list[str] = []
        """That nobody waits for any more; to be cancelled with the next commit."""

    def lane(self, lane: str) -> None:
        """Stop expecting what a branch that was cancelled recorded, and end its waits."""
        self._journal.forget(lane)
        self._writes.leave(lane)
        self._waits += self._outside.end_within(lane)

    def unattended(self) -> None:
        """End the waits that no lane came to: their branches were cancelled before."""
        self._waits += self._outside.end_unattended()

    def replaced(self, at: Place) -> None:
        """End the waits of steps that are void since the code went on differently at a place."""
        self._waits += self._outside.end_replaced(at)

    def wait(self, wait: Wait, *, for_good: bool) -> None:
        """End a wait, if it is open, whose lane was cancelled; ``for_good`` a child's too."""
        if self._outside.is_open(wait.place):
            self._waits.append(wait.place)
            self._outside.end(wait.place)
            if for_good and wait.kind == "child":
                self._children.append(str(wait.body["child"]))

    def orphans(self, run: str) -> tuple[Message, ...]:
        """Return, once, what tells children that nobody waits for them any more."""
        children, self._children = self._children, []
        request = payload({"by": run})
        return tuple(Message(c, "", "cancel:parent", request, "cancel") for c in children)

    def notes(self) -> list[Draft]:
        """Return, once, the note of the waits that were left since the last commit."""
        if not self._waits:
            return []
        left, self._waits = self._waits, []
        waits: Json = [[place.lane, place.ordinal] for place in left]
        return [Draft(RUN_PLACE, EntryPhase.NOTE, "run", "left", None, None, {"waits": waits})]


def left_in(entries: Sequence[Entry]) -> set[Place]:
    """Return where waits were ended without an outcome and not begun again."""
    left: set[Place] = set()
    for entry in entries:
        if entry.phase is EntryPhase.NOTE:
            left.update(Place(*place) for place in entry.facts.get("waits", ()))
        elif entry.phase is EntryPhase.WAIT:
            left.discard(entry.place)
    return left
