"""What a lane still owes, and so must be replayed to before it may be cancelled.

Read from the record: writes whose outcome is to be found, sagas that nobody else would undo. It
knows places and what was made there; waiting for a lane that owes is its conductor's.
"""

from __future__ import annotations

import re

from stanchion.ledger import Journal, Place, lane_below, lane_of_branch
from stanchion.workflows._writes import Writes

__all__ = ["Owed"]

_SAGA = re.compile(r"/s\d+\.")
"""In the path of a lane: it is a saga's, or below one."""
_UNDO = "/undo/"
"""In the path of a lane: what stands there undoes a saga."""


class Owed:
    """What the lanes of one incarnation owe."""

    def __init__(self, journal: Journal, writes: Writes) -> None:
        self._journal = journal
        self._writes = writes
        self._unsettled = journal.unsettled()
        """Where a write was sent and has no outcome yet."""

    def settle(self, place: Place) -> None:
        """Say that the step at a place has an outcome."""
        self._unsettled.discard(place)

    def by_lane(self, lane: str) -> bool:
        """Tell whether a lane can't be cancelled before it is replayed to where it was.

        It holds a write whose outcome is still to be found, which is settled first, or a saga that
        has made something and that replay hasn't come to yet: nobody else undoes that.
        """
        return self._by_writes(f"{lane}/") or self._by_sagas(f"{lane}/")

    def by_step(self, place: Place, fork: int | None) -> bool:
        """Tell the same of one step, with the branches of its fork if it waits for any."""
        if place in self._unsettled or self._by_writes(f"{lane_below(place)}/"):
            return True
        branches = "" if fork is None else lane_of_branch(place.lane, fork, 0).removesuffix("0")
        return bool(branches) and (self._by_writes(branches) or self._by_sagas(branches))

    def _by_writes(self, lanes: str) -> bool:
        # What undoes a saga isn't waited for: it begins anew when its lane is cancelled again.
        below = [p.lane for p in self._unsettled if f"{p.lane}/".startswith(lanes)]
        return any(_UNDO not in lane.removeprefix(lanes) for lane in below)

    def _by_sagas(self, lanes: str) -> bool:
        return any(
            f"{made.place.lane}/".startswith(lanes)
            and _SAGA.search(made.place.lane, len(lanes) - 1)
            and not self._journal.is_claimed(made.place)
            for made in self._writes.made
        )
