"""A contender's process as the one who measures sees it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from typing import IO, Any, Self

from benchmarks.steps._contender import Answer, Job, Pragmas

__all__ = ["Contender", "ContenderFailed"]


class ContenderFailed(Exception):
    """The process ended or couldn't start; what it said went to standard error."""


class Contender:
    """One process, asked one job at a time."""

    def __init__(self, module: str) -> None:
        self._module = module
        self._process: subprocess.Popen[str] = subprocess.Popen(
            [sys.executable, "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def wait_ready(self) -> None:
        """Wait until its imports are done."""
        self._told()

    def measure(self, job: Job) -> Answer:
        """Have a job done."""
        pipe = _open(self._process.stdin)
        print(json.dumps(asdict(job)), file=pipe, flush=True)
        told = self._told()
        fields: dict[str, Any] = {**told, "pragmas": Pragmas(**told["pragmas"])}
        return Answer(**fields)

    def _told(self) -> dict[str, Any]:
        line = _open(self._process.stdout).readline()
        if not line:
            raise ContenderFailed(f"{self._module} ended")
        return json.loads(line)


def _open(pipe: IO[str] | None) -> IO[str]:
    if pipe is None:
        raise ContenderFailed("no pipe")
    return pipe
