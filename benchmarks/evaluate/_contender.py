"""What a contender is asked and what it answers: one JSON line, in a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path

__all__ = ["Answer", "Job", "ask", "expected", "serve"]


@dataclass(frozen=True, slots=True)
class Job:
    """So many cases, so many at a time, each asking a model once that needs so long."""

    cases: int
    concurrency: int
    latency_seconds: float

    @property
    def bound(self) -> float:
        """Return the seconds that the models alone need."""
        return self.cases / self.concurrency * self.latency_seconds


@dataclass(frozen=True, slots=True)
class Answer:
    """From the call that evaluates to its return; imports, the dataset and a new
    store's tables before it don't count."""

    seconds: float
    cpu_seconds: float
    right: int
    """Cases that were scored as right: all are."""


def expected(case: str) -> str:
    """Return what the model says to a case, which is what is expected."""
    return f"{case}, answered"


def ask(module: str, job: Job) -> Answer:
    """Have a contender do a job in a process of its own, in an empty folder."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-m", module, json.dumps(asdict(job))],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    return Answer(**json.loads(done.stdout.splitlines()[-1]))


def serve(evaluate: Callable[[Job], Awaitable[Callable[[], Awaitable[int]]]]) -> None:
    """Do the job that the command line holds: ``evaluate`` prepares, what it returns is timed."""
    job = Job(**json.loads(sys.argv[1]))

    async def whole() -> Answer:
        timed = await evaluate(job)
        began, cpu = time.perf_counter(), time.process_time()
        right = await timed()
        return Answer(time.perf_counter() - began, time.process_time() - cpu, right)

    print(json.dumps(asdict(asyncio.run(whole()))), flush=True)
