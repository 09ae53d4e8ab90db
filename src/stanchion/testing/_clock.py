"""A clock that moves when a test says so."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from datetime import UTC, datetime, timedelta

__all__ = ["FakeClock"]

PATIENCE = 0.005
"""Real seconds that an automatic clock gives everything else before it jumps."""


class FakeClock:
    """Time for tests. ``advance`` moves it; an automatic one jumps to whatever is waited for."""

    def __init__(self, start: datetime | None = None, *, automatic: bool = False) -> None:
        self._now = start or datetime(2026, 1, 1, tzinfo=UTC)
        self._automatic = automatic
        self._order = itertools.count()
        self._sleepers: list[tuple[datetime, int, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        """Return the current time."""
        return self._now

    @property
    def is_awaited(self) -> bool:
        """Whether somebody sleeps until a time that hasn't come."""
        return any(not future.done() for _, _, future in self._sleepers)

    def advance(self, by: timedelta) -> None:
        """Move forwards, or backwards as real clocks sometimes do, and wake who is due."""
        self._now += by
        while self._sleepers and self._sleepers[0][0] <= self._now:
            future = heapq.heappop(self._sleepers)[2]
            if not future.done():
                future.set_result(None)

    def advance_to(self, when: datetime) -> None:
        """Move forwards to a time, unless it is past already."""
        if when > self._now:
            self.advance(when - self._now)

    async def sleep_until(self, when: datetime) -> None:
        """Return once the clock has been moved to ``when``."""
        if when <= self._now:
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (when, next(self._order), future))
        while self._automatic and not future.done():
            await asyncio.wait([future], timeout=PATIENCE)
            if not future.done() and self._sleepers[0][2] is future:
                self.advance_to(when)
            self._drop_abandoned()
        await future

    def _drop_abandoned(self) -> None:
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)
