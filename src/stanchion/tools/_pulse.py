"""Signs of life of a body, and the sign to it that nobody waits any more.

In memory only: a beat tells this process that the body still works, a cancellation tells a body
that runs in a thread, which can't be ended from outside, to end itself. Beats may come from any
thread. Nothing here is recorded, and a beat prolongs nothing but the silence that is allowed.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

from stanchion.values import Json

__all__ = ["Pulse", "Silence"]

T = TypeVar("T")


class Silence(TimeoutError):
    """A body that has to beat hasn't for as long as it may."""


class Pulse:
    """The signs between one attempt's body and whoever waits for it."""

    def __init__(self) -> None:
        self.cancelled = threading.Event()
        """Nobody waits for the body any more."""
        self.progress: Json = None
        """What the newest beat said."""
        self._heard: Callable[[], None] | None = None

    def beat(self, progress: Json = None) -> None:
        """Show that the body still works, and how far it is."""
        if progress is not None:
            self.progress = progress
        heard = self._heard  # another thread may take it away between two looks
        if heard is not None:
            heard()

    async def listen(self, body: Awaitable[T], silence: timedelta) -> T:
        """Wait for the body while it beats; raise Silence when it doesn't for so long."""
        loop, longest = asyncio.get_running_loop(), silence.total_seconds()
        timer = asyncio.timeout(longest)

        def prolong() -> None:
            if self._heard is not None and not timer.expired():
                timer.reschedule(loop.time() + longest)

        def hear() -> None:
            loop.call_soon_threadsafe(prolong)

        try:
            async with timer:
                self._heard = hear
                try:
                    return await body
                finally:
                    self._heard = None
        except TimeoutError as error:
            if timer.expired():
                raise Silence(f"no sign of life for {longest:g} seconds") from error
            raise
