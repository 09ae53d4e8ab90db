"""One store with its outside world, and everything that is started in it.

The parent has one thread and no event loop; what it waits for, a generator polls. It talks to its
processes through files that one side appends to, so that a kill can't leave half a message.
"""

from __future__ import annotations

import math
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from benchmarks.crash._clerk import Tail, add_line, serve_clerk
from benchmarks.crash._faults import Pulse
from benchmarks.crash._processes import fork, kill, seen
from benchmarks.crash._target import serve_target
from benchmarks.crash._worker import Work, serve_worker
from benchmarks.crash._world import PACED, Order

__all__ = ["Arena", "Steps", "Worker", "pause", "run_all", "until"]

T = TypeVar("T")
Steps: TypeAlias = Generator[None, None, T]

PATIENCE_SECONDS = 60.0
"""How long anything is waited for before it counts as never happening."""
MUTANTS_PATIENCE_SECONDS = 8.0
"""The same where a mechanism is missing: a mutant may turn in circles."""


def until(condition: Callable[[], bool], limit: float) -> Steps[bool]:
    """Wait for a condition; return whether it came."""
    end = time.monotonic() + limit
    while not condition():
        if time.monotonic() > end:
            return False
        yield
    return True


def pause(seconds: float) -> Steps[None]:
    """Let some time pass."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield


def run_all(trials: Iterable[Steps[None]], limit: int) -> Steps[None]:
    """Drive trials side by side, at most ``limit`` at once."""
    waiting = iter(trials)
    running: list[Steps[None]] = []
    while True:
        while len(running) < limit and (trial := next(waiting, None)) is not None:
            running.append(trial)
        if not running:
            return
        for trial in list(running):
            try:
                next(trial)
            except StopIteration:
                running.remove(trial)
        yield


@dataclass(eq=False)
class Worker:
    """A worker as its parent sees it."""

    pid: int
    pulse: Pulse
    last: tuple[str, int] = ("running", 0)

    def look(self) -> str:
        """Return ``running``, ``stopped``, ``killed`` or ``exited``."""
        if self.last[0] in {"running", "stopped"}:
            self.last = seen(self.pid) or self.last
        return self.last[0]

    def is_stopped(self) -> bool:
        """Tell whether it stopped itself, or ended."""
        return self.look() != "running"

    def is_gone(self) -> bool:
        """Tell whether it ended."""
        return self.look() in {"killed", "exited"}

    def go_on(self) -> None:
        """Continue after a stop."""
        self.last = ("running", 0)
        os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> bool:
        """Kill it from outside; False if it was gone already."""
        alive = not self.is_gone()
        if alive:
            kill(self.pid)
            self.last = ("killed", signal.SIGKILL)
        return alive


@dataclass(eq=False)
class Arena:
    """Everything that belongs to one store."""

    name: str
    url: str
    folder: Path
    mutant: str = ""
    point_kills: int = 0
    random_kills: int = 0
    open_kills: int = 0
    """Kills at random instants that left an intent without an outcome."""
    turn_kills: int = 0
    """Of workers whose calls waited for their turn."""
    outage_kills: int = 0
    """Of workers while a target was out of order."""
    layer_kills: Counter[str] = field(default_factory=Counter[str])
    """Kills at named points by the gateway's layer, those that nobody died in included."""
    died: dict[str, str] = field(default_factory=dict[str, str])
    """By run, the point at which its worker was killed or stopped."""
    stops: int = 0
    missed: list[str] = field(default_factory=list[str])
    """Faults that no worker came by."""
    orders: dict[str, Order] = field(default_factory=dict[str, Order])
    """By run."""
    ended: dict[str, dict[str, Any]] = field(default_factory=dict[str, "dict[str, Any]"])
    """By run, how it ended."""
    must_ask: set[str] = field(default_factory=set[str])
    """Items whose outcome no machine can know: a person must have been asked."""
    must_not_ask: set[str] = field(default_factory=set[str])
    """Items whose outcome a stopped writer learnt: nobody needs to be asked."""
    paced_since: float = math.inf
    """When the first call of the tool with a rate was ordered."""
    workers: set[Worker] = field(default_factory=set[Worker])

    def __post_init__(self) -> None:
        self._numbers = count(1)
        self._ends = Tail(self.folder / "ended")
        socket, log = self.folder / "target.sock", self.folder / "log"
        self._helpers = [fork(partial(serve_target, socket, log))]
        while not socket.exists():
            time.sleep(0.005)
        self._helpers.append(fork(partial(serve_clerk, self.url, self.folder)))

    def until(self, condition: Callable[[], bool]) -> Steps[bool]:
        """Wait for a condition, as long as it makes sense here."""
        return until(condition, MUTANTS_PATIENCE_SECONDS if self.mutant else PATIENCE_SECONDS)

    def order(self, workflow: str, tool: str = "", *, letter: str = "t") -> str:
        """Have a run started, and return its id."""
        run = f"{letter}{next(self._numbers):07}"
        self.orders[run] = Order(run, tool, workflow)
        if tool == PACED:
            self.paced_since = min(self.paced_since, time.time())
        order = {"name": run, "tool": tool, "workflow": workflow}
        add_line(self.folder / "orders", {"run": run, "workflow": workflow, "order": order})
        return run

    def work(self, **what: Any) -> Worker:
        """Start a worker."""
        pulse = Pulse()
        work = Work(self.url, self.folder, pulse, mutant=self.mutant, **what)
        worker = Worker(fork(partial(serve_worker, work)), pulse)
        self.workers.add(worker)
        return worker

    def dismiss(self, worker: Worker) -> None:
        """End a worker that isn't needed any more."""
        worker.kill()
        worker.pulse.close()
        self.workers.discard(worker)

    def permit(self, run: str) -> None:
        """Let the rescuer take a run."""
        add_line(self.folder / "permitted", run)

    def has_ended(self, run: str) -> bool:
        """Tell whether a run is over."""
        self.ended.update({each["run"]: each for each in self._ends.lines()})
        return run in self.ended

    def going(self, letter: str) -> list[str]:
        """Return the runs that aren't over."""
        return [r for r in self.orders if r.startswith(letter) and not self.has_ended(r)]

    @property
    def kills(self) -> int:
        """All of them."""
        return self.point_kills + self.random_kills + self.turn_kills + self.outage_kills

    def close(self) -> None:
        """End every process."""
        for worker in list(self.workers):
            self.dismiss(worker)
        for pid in self._helpers:
            kill(pid)
        self._helpers.clear()

    def lines(self, name: str) -> list[dict[str, Any]]:
        """Return what was written to one of the files."""
        return list(Tail(self.folder / name).lines())
