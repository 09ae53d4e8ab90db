"""The in-process engine: one asyncio loop that finds runs to move and moves them.

It keeps the worker's lease alive, asks the store for runs that need a worker (new, woken, or left
by a process that died), moves up to a limit of them at once, and hands messages to those in memory.
A run that waits isn't here at all.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from stanchion.errors import LedgerError
from stanchion.workflows import Host, Incarnation, advance

__all__ = ["Engine"]

_log = logging.getLogger("stanchion.engine")


class Engine:
    """Moves the runs of one store that its host serves."""

    def __init__(
        self,
        host: Host,
        *,
        concurrency: int = 100,
        lease: timedelta = timedelta(seconds=15),
        poll: timedelta = timedelta(seconds=0.5),
        moved: Callable[[str], None] = lambda run: None,
    ) -> None:
        self.host = host
        self._concurrency = concurrency
        self._lease = lease
        self._poll = poll
        self._moved = moved
        self._wake = asyncio.Event()
        self._wanted: set[str] = set()
        self._failed: set[str] = set()
        """Runs that this worker still owns, so that no query returns them: moved again."""
        self._moving: dict[str, asyncio.Task[None]] = {}
        self._incarnations: dict[str, Incarnation] = {}
        self._asked_at = host.clock.now()
        """When the store was last asked for runs to move."""
        self._parked: set[str] = set()
        """Runs of versions that aren't served here: parked once, then left alone."""
        self._stopping = False

    def notify(self, run: str) -> None:
        """Say that a run was created or has a message."""
        self._wanted.add(run)
        self._wake.set()

    async def serve(self) -> None:
        """Move runs until cancelled or stopped."""
        await self.host.store.heartbeat(self.host.worker, self._lease)
        heart = asyncio.create_task(self._beat())
        try:
            while not self._stopping:
                await self._round()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(await self._pause()):
                        await self._wake.wait()
                self._wake.clear()
        finally:
            heart.cancel()
            await asyncio.gather(heart, return_exceptions=True)

    async def stop(self, grace: timedelta) -> None:
        """Let steps in flight finish, then stop; what didn't finish is recovered later."""
        self._stopping = True
        self._wake.set()
        for incarnation in self._incarnations.values():
            incarnation.interrupt()
        if self._moving:
            await asyncio.wait(self._moving.values(), timeout=grace.total_seconds())
        for task in self._moving.values():
            task.cancel()
        await asyncio.gather(*self._moving.values(), return_exceptions=True)

    async def _round(self) -> None:
        try:
            wanted, self._wanted = self._wanted, set()
            for incarnation in [i for run, i in self._incarnations.items() if run in wanted]:
                await incarnation.poke()  # meanwhile others may end
            self._asked_at = self.host.clock.now()
            if len(self._moving) < self._concurrency:
                runnable = set(await self._runnable())
                again = self._failed - self._moving.keys()
                self._failed -= again
                self._start_all((again | runnable) - self._moving.keys() - self._parked)
        except LedgerError as error:
            _log.warning("the store isn't available, trying again: %s", error.message)

    async def _runnable(self) -> list[str]:
        served = sorted({definition.name for definition in self.host.workflows})
        free = self._concurrency - len(self._moving)
        return list(await self.host.store.runnable(free, served))

    def _start_all(self, runs: set[str]) -> None:
        for run in sorted(runs):
            task = asyncio.create_task(self._move(run), name=f"stanchion run {run}")
            self._moving[run] = task
            task.add_done_callback(partial(self._ended, run))

    async def _move(self, run: str) -> None:
        def watch(incarnation: Incarnation) -> None:
            self._incarnations[run] = incarnation

        try:
            record = await advance(self.host, run, watch)
            if record is None:  # another worker has it, or is writing to it
                await asyncio.sleep(self._poll.total_seconds())
            elif not self.host.workflows.find(record.workflow, record.version):
                self._parked.add(run)
        except LedgerError as error:
            _log.warning("run %s stopped, the store isn't available: %s", run, error.message)
            self._failed.add(run)
            await asyncio.sleep(self._poll.total_seconds())
        except Exception:  # noqa: BLE001 (one run must not stop the others)
            _log.exception("run %s stopped by an unexpected error", run)
            self._failed.add(run)
            await asyncio.sleep(self._lease.total_seconds())

    def _ended(self, run: str, _: asyncio.Task[None]) -> None:
        self._moving.pop(run, None)
        self._incarnations.pop(run, None)
        self._moved(run)
        self._wake.set()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._lease.total_seconds() / 3)
            try:
                await self.host.store.heartbeat(self.host.worker, self._lease)
            except LedgerError as error:
                _log.warning("the lease couldn't be renewed: %s", error.message)

    async def _pause(self) -> float:
        """Return the seconds until the store must be asked again."""
        poll = self._poll.total_seconds()
        try:
            for incarnation in list(self._incarnations.values()):
                await incarnation.poke()
            wake_at = await self.host.store.next_wake()
        except LedgerError:
            return poll
        if wake_at is None:
            return poll
        if wake_at <= self._asked_at:  # due already when asked: it is for another app
            return poll
        return max(0.0, min(poll, (wake_at - self.host.clock.now()).total_seconds()))
