"""A run followed through the ledger, whoever moves it: new entries until it ends or is held up.

Held up means that only the outside can move it: a person, an event, somebody who resumes it.
Timers and children that still move are waited for.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Literal

from stanchion.ledger import Entry, RunRecord, Store
from stanchion.values import RunState

__all__ = ["News", "follow", "standing_of"]

Standing = Literal["moves", "held", "ended"]

_SHORTEST_SECONDS = 0.02
_LONGEST_SECONDS = 0.3
_ORDERS = {"cancel", "resume"}


@dataclass(frozen=True, slots=True)
class News:
    """What was found at one look."""

    record: RunRecord
    entries: Sequence[Entry]
    """Those recorded since the look before."""
    standing: Standing


async def follow(store: Store, run: str) -> AsyncGenerator[News]:
    """Yield news of a run, the last one when it has ended; the reader stops earlier if it likes.

    Looks often while something happens, and less often while nothing does.
    """
    after, pause = 0, _SHORTEST_SECONDS
    while True:
        record = await store.get(run)  # before its entries, so that none of an ended run is missed
        entries = await store.entries(run, after)
        after = max([after, *(entry.seq for entry in entries)])
        standing = await standing_of(store, record)
        yield News(record, entries, standing)
        if standing == "ended":
            return
        await asyncio.sleep(pause)
        pause = _SHORTEST_SECONDS if entries else min(2 * pause, _LONGEST_SECONDS)


async def standing_of(store: Store, record: RunRecord) -> Standing:
    """Tell whether a run moves by itself, is held up by the outside, or has ended."""
    if record.state is RunState.RUNNING:
        return "moves"
    inbox = await store.inbox(record.id)
    if record.state is not RunState.WAITING:
        resumed = record.state is RunState.FAILED and any(m.kind == "resume" for m in inbox)
        return "moves" if resumed else "ended"
    waits = await store.waits(run=record.id)
    topics = {wait.topic for wait in waits if wait.topic}
    if any(message.kind in _ORDERS or message.topic in topics for message in inbox):
        return "moves"
    for wait in waits:
        if wait.kind == "timer":
            return "moves"
        if wait.kind == "child":
            child = await store.get(wait.body["child"])
            if await standing_of(store, child) != "held":
                return "moves"
    return "held"
