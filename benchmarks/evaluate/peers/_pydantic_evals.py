"""pydantic-evals: its dataset with a task that waits as long as the model; nothing is recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from pydantic_evals import Case, Dataset
from pydantic_evals.evaluators import EqualsExpected

from benchmarks.evaluate._contender import Job, expected, serve


async def prepare(job: Job) -> Callable[[], Awaitable[int]]:
    async def task(case: str) -> str:
        await asyncio.sleep(job.latency_seconds)
        return expected(case)

    names = [f"case {n}" for n in range(job.cases)]
    dataset = Dataset(
        name="cases",
        cases=[Case(name=name, inputs=name, expected_output=expected(name)) for name in names],
        evaluators=[EqualsExpected()],
    )

    async def timed() -> int:
        report = await dataset.evaluate(task, max_concurrency=job.concurrency, progress=False)
        return sum(case.assertions["EqualsExpected"].value for case in report.cases)

    return timed


if __name__ == "__main__":
    serve(prepare)
