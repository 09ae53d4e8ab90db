"""What a contender is asked and answers, and the loop of its process.

A job is so many steps in so many runs at once on a fresh file; the answer is what that took and
what it left on the disk. One JSON object a line each way. A step's result is 1,024 characters
that no other step of the process returns in the same job.
"""

from __future__ import annotations

import json
import os
import random
import sqlite3
import string
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

__all__ = ["RESULT_BYTES", "Answer", "Job", "Pragmas", "Settings", "folded", "serve", "text"]

RESULT_BYTES = 1024

Settings: TypeAlias = Literal["same", "own"]
"""WAL with ``synchronous=NORMAL`` and the ledger's checkpoint interval, or what it ships with."""

_POOL = 10_000
_SYMBOLS = [c for c in string.ascii_letters + string.digits + string.punctuation if c not in '"\\']
_TABLE = bytes(ord(_SYMBOLS[i % len(_SYMBOLS)]) for i in range(256))
_random = random.Random(20260801)
_texts = [_random.randbytes(RESULT_BYTES).translate(_TABLE).decode() for _ in range(_POOL)]


@dataclass(frozen=True, slots=True)
class Pragmas:
    """A connection's settings, as read back from it."""

    journal_mode: str = "wal"
    synchronous: int = 1
    """1 is NORMAL, 2 is FULL."""
    wal_autocheckpoint: int = 1000

    def statements(self) -> tuple[str, ...]:
        """Return what sets a connection so."""
        return tuple(f"PRAGMA {name}={value}" for name, value in asdict(self).items())

    @classmethod
    def of(cls, read: Callable[[str], object]) -> Pragmas:
        """Read them back; ``read`` executes a statement and returns its only value."""
        return cls(
            str(read("PRAGMA journal_mode")).lower(),
            int(str(read("PRAGMA synchronous"))),
            int(str(read("PRAGMA wal_autocheckpoint"))),
        )


@dataclass(frozen=True, slots=True)
class Job:
    """What to measure."""

    variant: str
    steps: int
    """In each run."""
    runs: int = 1
    """At once."""
    settings: Settings = "same"
    pragmas: Pragmas = field(default_factory=Pragmas)
    """What ``same`` means."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was measured."""

    seconds: float
    """From starting the first run until the last has its result."""
    bytes: int
    """Of all files, once the WAL is folded in."""
    empty_bytes: int
    """Of the same before the first run."""
    pragmas: Pragmas


def text(step: int, run: int = 0, steps: int = 0) -> str:
    """Return the result of a run's step; runs at once don't share results."""
    return _texts[(run * steps + step) % _POOL]


def folded(file: Path) -> int:
    """Fold a database's WAL into it, and return what both take on the disk."""
    connection = sqlite3.connect(file)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    kept = (file, file.with_name(f"{file.name}-wal"))
    return sum(each.stat().st_size for each in kept if each.exists())


def serve(measure: Callable[[Job, Path], Answer]) -> None:
    """Answer jobs from standard input until it ends, each in a folder of its own."""
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    sys.stdout = sys.stderr  # what a library prints isn't an answer
    print(json.dumps({"ready": True}), file=replies, flush=True)
    for line in sys.stdin:
        with tempfile.TemporaryDirectory(prefix="bench-steps-") as folder:
            answer = measure(_job(json.loads(line)), Path(folder))
        print(json.dumps(asdict(answer)), file=replies, flush=True)


def _job(told: Mapping[str, Any]) -> Job:
    fields: dict[str, Any] = {**told, "pragmas": Pragmas(**told["pragmas"])}
    return Job(**fields)
