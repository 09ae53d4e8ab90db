"""inspect-ai: its generate() solver and exact() scorer, with its log file as it writes it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from inspect_ai import Task, eval_async
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ModelAPI, ModelOutput, get_model, modelapi
from inspect_ai.scorer import exact
from inspect_ai.solver import generate

from benchmarks.evaluate._contender import Job, expected, serve


async def prepare(job: Job) -> Callable[[], Awaitable[int]]:
    class Slow(ModelAPI):
        async def generate(self, input, tools, tool_choice, config):  # noqa: A002
            await asyncio.sleep(job.latency_seconds)
            return ModelOutput.from_content(self.model_name, expected(input[-1].text))

        def max_connections(self) -> int:
            return job.concurrency

    modelapi(name="slow")(lambda: Slow)
    names = [f"case {n}" for n in range(job.cases)]
    samples = [Sample(id=name, input=name, target=expected(name)) for name in names]
    task = Task(dataset=MemoryDataset(samples), solver=generate(), scorer=exact())

    async def timed() -> int:
        (log,) = await eval_async(
            task,
            model=get_model("slow/model"),
            max_samples=job.concurrency,
            max_connections=job.concurrency,
            log_dir="logs",
        )
        assert log.status == "success", log.error
        return sum(sample.scores["exact"].value == "C" for sample in log.samples or [])

    return timed


if __name__ == "__main__":
    serve(prepare)
