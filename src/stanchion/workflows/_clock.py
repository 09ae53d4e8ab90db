"""Time as the runtime sees it: what it is now, and waiting until then.

The only clock of a run's own bookkeeping; leases use the database's. ``stanchion.testing`` has one
that tests move by hand.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Protocol

__all__ = ["Clock", "SystemClock"]


class Clock(Protocol):
    """A source of aware UTC times."""

    def now(self) -> datetime:
        """Return the current time."""
        ...

    async def sleep_until(self, when: datetime) -> None:
        """Return once ``now()`` is at or after ``when``."""
        ...


class SystemClock:
    """The machine's clock. A jump backwards only prolongs a wait, never shortens it."""

    def now(self) -> datetime:
        """Return the current time."""
        return datetime.now(UTC)

    async def sleep_until(self, when: datetime) -> None:
        """Sleep in pieces, so that a clock that is set forward is noticed within a minute."""
        while (left := (when - self.now()).total_seconds()) > 0:  # noqa: ASYNC110 (a clock has no event)
            await asyncio.sleep(min(left, 60.0))
