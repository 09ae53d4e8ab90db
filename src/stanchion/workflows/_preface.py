"""What a commit says before its own entries: accepted differences, steps begun, waits left behind.

Each is a fact that came up meanwhile and that nobody waits for: it is written when something that
follows from it is, and costs no commit of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from stanchion.ledger import ACCEPTED, Draft, EntryPhase, Journal, Place, lane_below
from stanchion.workflows._left import Left

__all__ = ["Preface"]


class Preface:
    """What the next commits of one incarnation begin with."""

    def __init__(self, journal: Journal, left: Left) -> None:
        self.accepted_by = ""
        """Who accepts differences between the code and the record in this incarnation."""
        self._journal = journal
        self._left = left
        self._opening: dict[Place, Callable[[], Draft]] = {}

    def open_later(self, place: Place, opening: Callable[[], Draft]) -> None:
        """Write a composite step's opening entry together with its first child's entry."""
        self._opening[place] = opening

    def settle(self, place: Place) -> None:
        """Say that a step has its outcome: it needs no opening entry any more."""
        self._opening.pop(place, None)

    def drafts(self, following: Sequence[Draft]) -> list[Draft]:
        """Return, once, what stands before these entries in their commit."""
        return [*self._acceptances(), *self._openings(following), *self._left.notes()]

    def _acceptances(self) -> list[Draft]:
        """Note the differences that were accepted, before anything is recorded past them."""
        accepted, self._journal.accepted = self._journal.accepted, []
        for place, _ in accepted:
            self._left.replaced(place)
        return [
            Draft(
                place,
                EntryPhase.NOTE,
                "run",
                ACCEPTED,
                facts={"by": self.accepted_by, "difference": text},
            )
            for place, text in accepted
        ]

    def _openings(self, following: Sequence[Draft]) -> list[Draft]:
        if not self._opening or not following:
            return []
        lane = following[0].place.lane
        above = [p for p in self._opening if f"{lane}/".startswith(f"{lane_below(p)}/")]
        return [self._opening.pop(place)() for place in above]
