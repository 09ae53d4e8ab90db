"""Which steps a lane's trail takes in: live as they end, and on replay just as they did.

A composite step that has finished isn't replayed, but what a model's loop saw inside it comes back
from the journal, so that every incarnation judges by the same trail.
"""

from __future__ import annotations

from stanchion.ledger import Entry, Journal, Payload, Place, lane_below
from stanchion.workflows._conductor import Lane
from stanchion.workflows._trail import Seen

__all__ = ["SEEN_KINDS", "see", "see_again"]

SEEN_KINDS = frozenset(
    {"agent", "ask", "call", "child", "decide", "extract", "memory", "receive", "step"}
)
"""Steps that bring values from outside."""

_MOST = 1024
"""Bytes of a request that are kept with what was seen; the ledger has a larger one as a payload."""


def see(lane: Lane, place: Place, kind: str, name: str, *, request: Payload, result: bytes) -> None:
    """Take in what a step brought, if it was something from outside."""
    if kind in SEEN_KINDS:
        data = request.data if len(request.data) <= _MOST else None
        seen = Seen(place, kind, name, request.digest, result, data, lane.by_model)
        lane.trail.own.append(seen)


def see_again(lane: Lane, journal: Journal, done: Entry, request: Payload) -> None:
    """See a replayed step as it was seen live: in a model's loop, its own steps came first."""
    if done.kind == "agent":
        _see_within(lane, journal, done.place)
    if result := _value_of(done):
        see(lane, done.place, done.kind, done.name, request=request, result=result)


def _see_within(lane: Lane, journal: Journal, place: Place) -> None:
    for child in journal.within(lane_below(place)):
        first, result = child.entries[0], _value_of(child.done)
        if first.kind in SEEN_KINDS and first.request and result:
            step = child.place, first.kind, first.name, first.request, result
            lane.trail.own.append(Seen(*step, first.request_data, by_model=True))


def _value_of(done: Entry | None) -> bytes | None:
    """Return the digest of a step's value; None without one or for an error."""
    return None if done is None or done.facts.get("status") == "error" else done.result
