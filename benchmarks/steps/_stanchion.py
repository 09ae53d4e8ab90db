"""Stanchion: one run with so many steps, ``run.read`` of a function or ``run.call`` of a tool.

An app with its engine over a SQLite file; every step is committed before its result is returned to
the workflow. The function and the tool are async and return at once.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.steps._contender import Answer, Job, Pragmas, folded, serve, text
from stanchion import Run, Stanchion, tool, workflow
from stanchion.ledger import open_store


@dataclass(frozen=True, slots=True)
class Work:
    """How much one run is to do."""

    run: int
    steps: int


async def produce(step: int, run: int, steps: int) -> str:
    return text(step, run, steps)


@tool(read=True)
async def look_up(step: int, run: int, steps: int) -> str:
    """Return the text of a step."""
    return text(step, run, steps)


@workflow
async def reads(run: Run, work: Work) -> int:
    for step in range(work.steps):
        await run.read(produce, step, work.run, work.steps)
    return work.steps


@workflow(tools=[look_up])
async def calls(run: Run, work: Work) -> int:
    for step in range(work.steps):
        await run.call(look_up, step, work.run, work.steps)
    return work.steps


WORKFLOWS = {"read": reads, "call": calls}


def measure(job: Job, folder: Path) -> Answer:
    """Run a job to its end; its own settings are the same settings."""
    return asyncio.run(_measure(job, folder))


async def _measure(job: Job, folder: Path) -> Answer:
    file = folder / "ledger.db"
    store = open_store(f"sqlite:///{file}")
    empty = folded(file)
    definition = WORKFLOWS[job.variant]
    async with Stanchion(store=store) as app:
        began = time.perf_counter()
        started = [await app.start(definition, Work(run, job.steps)) for run in range(job.runs)]
        for handle in started:
            await handle.result()
        seconds = time.perf_counter() - began
        pragmas = await store.read(_pragmas)
    return Answer(seconds, folded(file), empty, pragmas)


def _pragmas(connection: Any) -> Pragmas:
    return Pragmas.of(lambda sql: connection.rows(sql, {})[0][0])


if __name__ == "__main__":
    serve(measure)
