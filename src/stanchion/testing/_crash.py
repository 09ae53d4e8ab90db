"""A crash before and after every commit of a workflow, each followed by a recovery.

The crash is a signal that no workflow can catch and after which the dead process's store does
nothing any more, as after kill -9; the recovery is another worker on the same store. Real kills of
real processes are in ``benchmarks/crash``; this is the version for a workflow's own tests.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar, cast

from stanchion.ledger import Commit, Store, open_store
from stanchion.models import Model
from stanchion.testing._clock import FakeClock
from stanchion.testing._simulate import Answers, Simulated, Simulation
from stanchion.values import Principal
from stanchion.workflows import Ceiling, ReplayMode, Workflow

__all__ = ["Crash", "CrashingStore", "SimulatedCrash", "crash_at_every_commit"]

O = TypeVar("O")  # noqa: E741 (the output)
I = TypeVar("I")  # noqa: E741 (the input)

Side = Literal["before", "after"]


class SimulatedCrash(BaseException):
    """The process is gone. A signal: no ``except Exception`` sees it."""


class CrashingStore:
    """A store whose process dies before or after its ``at``-th commit."""

    def __init__(self, store: Store, at: int, side: Side) -> None:
        self._store = store
        self._at = at
        self._side = side
        self._dead = False
        self.commits: list[str] = []
        """What each commit was, for example ``intent call refund``."""

    def __getattr__(self, name: str) -> Any:
        if self._dead:
            raise SimulatedCrash
        return getattr(self._store, name)

    async def append(self, commit: Commit) -> None:
        """Pass a commit on, or die."""
        if self._dead:
            raise SimulatedCrash
        self.commits.append(_name(commit))
        dies = len(self.commits) == self._at
        if dies and self._side == "before":
            self._dead = True
            raise SimulatedCrash
        await self._store.append(commit)
        if dies:
            self._dead = True
            raise SimulatedCrash


@dataclass(frozen=True, slots=True)
class Crash(Generic[O]):
    """One crash and what came of the run after it."""

    point: str
    """The commit that the crash was before or after."""
    side: Side
    number: int
    result: Simulated[O]


async def crash_at_every_commit(
    workflow: Workflow[Any, I, O],
    input: I,  # noqa: A002
    *,
    models: Callable[[], Mapping[str, Model]] = dict,
    answers: Answers = (),
    deps: Any = None,
    initiator: Principal | None = None,
    before: Callable[[], None] = lambda: None,
    ceilings: Sequence[Ceiling] = (),
) -> AsyncIterator[Crash[O]]:
    """Yield one recovered run for each side of each commit of an undisturbed run.

    ``before`` puts the world outside back to its beginning, ``models`` makes fresh scripted models.
    """
    number = 0
    while True:
        number += 1
        for side in ("before", "after"):
            before()
            clock = FakeClock(automatic=True)
            store = open_store("sqlite://:memory:", clock=clock.now)
            try:
                crashing = CrashingStore(store, number, side)
                dying = cast("Store", crashing)
                first = Simulation(
                    dying,
                    clock,
                    models(),
                    deps,
                    replay=ReplayMode(),  # so that the commits are those of production
                    worker="first",
                    ceilings=ceilings,
                )
                run = await first.create(workflow, input, initiator)
                try:
                    await first.drive(workflow, run, answers)
                    return  # the run ended without reaching this commit: all are done
                except SimulatedCrash:
                    pass
                second = Simulation(
                    store, clock, models(), deps, worker="second", ceilings=ceilings
                )
                second.questions.extend(first.questions)
                result = await second.drive(workflow, run, answers)
                yield Crash(crashing.commits[-1], side, number, result)
            finally:
                await store.close()


def _name(commit: Commit) -> str:
    if not commit.entries:
        return "suspend"
    last = commit.entries[-1]
    return f"{last.phase} {last.kind} {last.name}"
