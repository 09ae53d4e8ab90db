"""Stanchion: each case a run of a workflow with one turn of an agent, in a SQLite file."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from benchmarks.evaluate._contender import Job, expected, serve
from stanchion import Run, Stanchion, workflow
from stanchion.evaluate import Case, Dataset, Experiment, evaluate, exact
from stanchion.models import ModelRequest, ScriptedModel
from stanchion.values import TextPart

LOG = Path("asked.log")


@workflow
async def answer(run: Run, text: str) -> str:
    done = await run.agent(goal="Answer.", tools=[], input=text)
    return done.output or ""


def slow(seconds: float) -> ScriptedModel:
    """Return a model that answers after a while, and notes what it was asked."""
    log = LOG.open("a", buffering=1)

    async def said(request: ModelRequest) -> str:
        (part,) = request.messages[-1].parts
        assert isinstance(part, TextPart)
        log.write(f"{part.content}\n")
        await asyncio.sleep(seconds)
        return expected(part.content)

    return ScriptedModel(said)


async def prepare(job: Job) -> Callable[[], Awaitable[int]]:
    names = [f"case {n}" for n in range(job.cases)]
    dataset = Dataset(tuple(Case(name, expected(name), id=name) for name in names))
    experiment = Experiment(answer, dataset, {"exact": exact()}, concurrency=job.concurrency)
    models = {"strong": slow(job.latency_seconds)}

    app = Stanchion("sqlite:///ledger.db", models=models)
    await app.open()

    async def timed() -> int:
        found = await evaluate(app, experiment, progress=lambda p: print(p.done, flush=True))
        await app.close()
        return sum(result.scores["exact"] == 1 for result in found.results)

    return timed


if __name__ == "__main__":
    serve(prepare)
