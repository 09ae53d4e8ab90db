"""What a contender is asked and what it answers: one JSON line each, in a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from benchmarks.loops._honest import HONEST
from benchmarks.loops._stuck import STUCK, WORDS
from benchmarks.loops._world import Case, World

__all__ = [
    "HONEST_PATTERNS",
    "STUCK_PATTERNS",
    "TWO_AGENTS",
    "Outcome",
    "Trial",
    "ask",
    "messages",
    "serve",
    "unstopped",
]

TWO_AGENTS = "two agents calling each other"

_GENERATORS = {generator.__name__: generator for generator in STUCK}
STUCK_PATTERNS = (*_GENERATORS, TWO_AGENTS)
HONEST_PATTERNS = {generator.__name__: generator for generator in HONEST}


@dataclass(frozen=True, slots=True)
class Trial:
    """One pattern under one seed."""

    pattern: str
    seed: int
    size: int = 0
    """Calls of honest work."""

    def case(self) -> Case:
        """Return the case; two agents are played by the contender itself."""
        source = random.Random(f"{self.pattern} {self.seed}")
        if self.size:
            return HONEST_PATTERNS[self.pattern](source, self.size)
        return _GENERATORS[self.pattern](source)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a trial ended."""

    end: Literal["stopped", "finished", "never"]
    """The contender ended it; the model came to its own end; the harness had to end it."""
    wasted: int
    """Proposals that brought nothing, the one that was stopped included."""
    kept: bool
    """What the calls had brought was there at the end."""
    how: str = ""
    """In the contender's own words: a stop reason, an exception."""


def messages(trial: Trial) -> Iterator[str]:
    """Yield what two agents say to each other: the same words, or other ones each time."""
    source = random.Random(f"{trial.pattern} {trial.seed}")
    fixed = source.random() < 0.5
    said = " ".join(source.sample(WORDS, 4))
    while True:
        yield f"please settle {said}"
        if not fixed:
            said = " ".join(source.sample(WORDS, 4))


def unstopped(world: World) -> Outcome:
    """Return the outcome of a trial that nobody stopped."""
    return Outcome("finished" if world.finished else "never", world.wasted, kept=True)


def serve(measure: Callable[[Trial], Coroutine[Any, Any, Outcome]]) -> None:
    """Answer trials from standard input until it ends."""
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    sys.stdout = sys.stderr  # what a library prints isn't an answer
    for line in sys.stdin:
        outcome = asyncio.run(measure(Trial(**json.loads(line))))
        print(json.dumps(asdict(outcome)), file=replies, flush=True)


def ask(module: str, trials: Sequence[Trial]) -> list[Outcome]:
    """Have a contender play trials in a process of its own."""
    asked = "".join(f"{json.dumps(asdict(trial))}\n" for trial in trials)
    done = subprocess.run(
        [sys.executable, "-m", module], input=asked, stdout=subprocess.PIPE, text=True, check=True
    )
    return [Outcome(**json.loads(line)) for line in done.stdout.splitlines()]
