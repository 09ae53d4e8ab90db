"""A worker: the production engine over a store that can kill or stop its own process.

What the wrapper adds is seen only from outside: it counts commits, restricts which runs this worker
takes, and triggers the fault.
"""

from __future__ import annotations

import asyncio
import logging
import os
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.crash._clerk import Tail, add_line
from benchmarks.crash._desk import WORKFLOWS, Client, employ, play
from benchmarks.crash._faults import Fault, Moment, Pulse, Trigger, name_of
from benchmarks.crash._layers import watch_layers
from benchmarks.crash._mutants import MUTANTS
from benchmarks.crash._processes import outlive_nobody
from benchmarks.crash._world import GRACE, LEASE, POLL
from stanchion.engine import Engine
from stanchion.ledger import Commit, Decide, LateOutcome, RunRecord, Store, open_store
from stanchion.models import ScriptedModel
from stanchion.workflows import Host, Workflows

__all__ = ["Work", "serve_worker"]

T = TypeVar("T")

_ALL = 10_000


@dataclass(frozen=True, slots=True)
class Work:
    """What a worker is to do."""

    url: str
    folder: Path
    pulse: Pulse
    only: str = ""
    """Ids of the runs it takes begin with this."""
    listed: bool = False
    """It takes only runs that the parent has listed as permitted."""
    fault: Fault | None = None
    transit_seconds: float = 0.0
    """How long its requests are on their way."""
    concurrency: int = 6
    listing: bool = False
    """It writes down the names of its commits."""
    mutant: str = ""


def serve_worker(work: Work) -> None:
    """Serve until killed or the parent is gone."""
    logging.disable(logging.WARNING)  # a foreign writer's run and a lost answer are to be expected
    asyncio.run(_serve(work))


async def _serve(work: Work) -> None:
    trigger = Trigger(work.fault)
    store: Store = open_store(work.url)
    if work.mutant:
        store = MUTANTS[work.mutant](store)
    watched = WatchedStore(store, work, trigger)
    seen: Any = watched  # it passes on what it doesn't watch
    client = Client(work.folder / "target.sock", trigger, transit_seconds=work.transit_seconds)
    employ(client)

    def hit(moment: Moment, what: str) -> None:
        if work.listing:
            add_line(work.folder / "layers", [moment, what])
        trigger.hit(moment, what)

    watch_layers(hit)
    engines: list[Engine] = []

    def notify(run: str) -> None:
        engines[0].notify(run)

    host = Host(
        store=seen,
        workflows=Workflows(WORKFLOWS.values()),
        worker=f"worker-{os.getpid()}-{uuid.uuid4().hex[:8]}",
        models={"strong": ScriptedModel(play)},
        deps=client,
        grace=GRACE,
        notify=notify,
    )
    engine = Engine(host, concurrency=work.concurrency, lease=LEASE, poll=POLL, moved=watched.moved)
    engines.append(engine)
    serving = asyncio.create_task(engine.serve())
    gone = asyncio.create_task(outlive_nobody())
    retired = asyncio.create_task(watched.has_retired())
    await asyncio.wait([serving, gone, retired], return_when=asyncio.FIRST_COMPLETED)
    if serving.done():
        serving.result()
    os._exit(0)


class WatchedStore:
    """A store whose commits are counted, named and, one of them, deadly."""

    def __init__(self, store: Store, work: Work, trigger: Trigger) -> None:
        self._store = store
        self._work = work
        self._trigger = trigger
        self._permitted: set[str] = set()
        self._permits = Tail(work.folder / "permitted")
        self._moving: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def runnable(self, limit: int, workflows: Sequence[str]) -> Sequence[str]:
        """Return only what this worker may take."""
        if self._work.pulse.retired:
            return []
        self._permitted.update(self._permits.lines())
        found = await self._store.runnable(_ALL, workflows)
        return [run for run in found if self._may(run)][:limit]

    def _may(self, run: str) -> bool:
        order = run.partition("-")[0]
        return run.startswith(self._work.only) and (
            not self._work.listed or order in self._permitted
        )

    async def claim(self, run: str, worker: str) -> RunRecord | None:
        """Claim a run, and know it."""
        self._moving.add(run)
        return await self._store.claim(run, worker)

    def moved(self, run: str) -> None:
        """Note that a run was moved as far as it went."""
        self._moving.discard(run)

    async def has_retired(self) -> None:
        """Return when the worker is to take no more runs and has none."""
        while not self._work.pulse.retired or self._moving:  # noqa: ASYNC110 (set by the parent)
            await asyncio.sleep(POLL.total_seconds())

    async def append(self, commit: Commit) -> None:
        """Commit, between the fault's two sides."""
        name = name_of(commit)
        self._trigger.hit("before commit", name)
        await self._store.append(commit)
        self._work.pulse.committed(commit)
        if self._work.listing:
            add_line(self._work.folder / "commits", name)
        self._trigger.hit("after commit", name)

    async def decide(self, keys: Sequence[str], decide: Decide[T]) -> T:
        """Change what all runs share, between the fault's two sides."""
        name = keys[0].partition(":")[0]
        self._trigger.hit("before deciding", name)
        answer = await self._store.decide(keys, decide)
        self._trigger.hit("after deciding", name)
        return answer

    async def late_outcomes(self, run: str, key: str) -> Sequence[LateOutcome]:
        """Read what fenced writers left."""
        self._trigger.hit("reading late outcomes")
        return await self._store.late_outcomes(run, key)
