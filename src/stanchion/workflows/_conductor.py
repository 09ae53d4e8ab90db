"""Lanes, and whether a run can still move by itself.

Each scope of a run is a lane, driven by an asyncio task. The conductor counts the lanes that are
live (executing, or with a step in flight). When none is, and some wait for the outside, the
incarnation is over: every waiting lane gets ``Suspended``, and all that matters is in the ledger
already. It knows tasks and futures; nothing of steps, stores or models.

A lane that performs a write is shielded: cancelling it, or stopping the run, takes effect after the
write has an outcome. With ``replay_everywhere`` an incarnation makes one new step a lane and
releases replayed steps in a shuffled order, so that tests see every await suspended and replayed.
"""

from __future__ import annotations

import asyncio
import contextvars
import random
from collections.abc import Coroutine, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from stanchion.errors import ConcurrentScopeError, WorkflowError
from stanchion.ledger import Place, lane_below, lane_of_branch
from stanchion.workflows._trail import Trail

__all__ = ["Branch", "Conductor", "Lane", "Suspended"]

T = TypeVar("T")


class Suspended(BaseException):
    """The run waits for the outside; this incarnation records nothing more. A signal."""


@dataclass(slots=True)
class _Strand:
    """One task's state, shared by the lanes that it drives."""

    parent: _Strand | None = None
    """Of the lane that branched off into it."""
    shields: int = 0
    cancelled: bool = False
    seals: int = 0
    """Scopes that it is in and that are being undone: nothing new begins there."""
    steps: int = 0
    """Steps in flight, one inside the other."""
    waiting: asyncio.Future[Any] | None = None
    """What it waits for, of other lanes or the outside: its task does nothing of its own."""
    is_cut: bool = False

    def is_told_to_end(self) -> bool:
        """Tell whether it was cancelled, or what it branched off from."""
        return self.cancelled or (self.parent is not None and self.parent.is_told_to_end())

    def is_sealed(self) -> bool:
        """Tell whether it is in a scope that is being undone."""
        return self.seals > 0 or (self.parent is not None and self.parent.is_sealed())


class Lane:
    """One scope's sequence of steps."""

    __slots__ = ("busy", "by_model", "conductor", "forks", "ordinal", "path", "strand", "trail")

    def __init__(self, conductor: Conductor, path: str, strand: _Strand, trail: Trail) -> None:
        self.conductor = conductor
        self.path = path
        self.strand = strand
        self.trail = trail
        self.by_model = False
        """Whether a model chooses the steps of this lane."""
        self.ordinal = 0
        self.forks = 0
        self.busy: tuple[str, str] | None = None

    def step(self, kind: str, name: str) -> Lane:
        """Hold the lane for one step: ``with lane.step(...) as place``."""
        if self.conductor.over:
            raise Suspended
        if self.busy is not None:
            other, running = self.busy
            raise ConcurrentScopeError(
                f"{kind} {name!r} started while {other} {running!r} is still in flight in the same "
                "scope",
                remedy="give each branch its own scope: await run.gather(first, second)",
            )
        self.busy = (kind, name)
        return self

    def __enter__(self) -> Place:
        place = Place(self.path, self.ordinal)
        self.ordinal += 1
        self.strand.steps += 1
        return place

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.strand.steps -= 1
        self.busy = None
        if kind is asyncio.CancelledError:
            self.conductor.took_cut(self.strand)

    @contextmanager
    def shield(self) -> Generator[None]:
        """Put off cancellation until a write has an outcome."""
        self.strand.shields += 1
        try:
            yield
        finally:
            self.strand.shields -= 1

    @contextmanager
    def seal(self) -> Generator[None]:
        """Let recorded steps return and nothing new begin, here and in branches."""
        self.strand.seals += 1
        try:
            yield
        finally:
            self.strand.seals -= 1

    def new_fork(self) -> int:
        """Return the number of this lane's next fork."""
        self.forks += 1
        return self.forks - 1


_current: contextvars.ContextVar[Lane] = contextvars.ContextVar("stanchion_lane")


@dataclass(slots=True)
class Branch(Generic[T]):
    """One coroutine of a fork, in its own lane."""

    index: int
    lane: str
    task: asyncio.Task[T]
    strand: _Strand
    trail: Trail


@dataclass(slots=True)
class _Blocked:
    future: asyncio.Future[Any]
    strand: _Strand
    stands_by: bool = False
    """It waits for another lane, not for the outside."""


@dataclass(slots=True)
class Conductor:
    """The lanes of one incarnation."""

    replay_everywhere: bool = False
    shuffle: random.Random | None = None
    over: bool = False
    """Nothing is recorded any more."""
    signal: BaseException | None = None
    """What a lane was told to end with: how the workflow ends after that doesn't count."""
    interrupted: bool = False
    """The incarnation ended though the run could go on: stopped from outside, or in a test mode."""
    live: int = 1
    _stopping: BaseException | None = None
    _blocked: dict[Place, _Blocked] = field(default_factory=dict[Place, _Blocked])
    _turns: list[asyncio.Future[None]] = field(default_factory=list["asyncio.Future[None]"])
    _parked: dict[asyncio.Task[Any], asyncio.Future[None]] = field(
        default_factory=dict["asyncio.Task[Any]", "asyncio.Future[None]"]
    )

    _strands: dict[asyncio.Task[Any], _Strand] = field(
        default_factory=dict["asyncio.Task[Any]", _Strand]
    )

    # Lanes

    @contextmanager
    def root(self) -> Generator[Lane]:
        """Drive the root lane in the current task."""
        lane = Lane(self, "", _Strand(), Trail())
        task = asyncio.current_task()
        if task is not None:
            self._strands[task] = lane.strand
        token = _current.set(lane)
        try:
            yield lane
        finally:
            _current.reset(token)
            self._strands.clear()

    def lane(self) -> Lane:
        """Return the lane that the current task drives; raise outside the run's workflow."""
        lane = _current.get(None)
        if lane is None or lane.conductor is not self:
            raise WorkflowError(
                "a step was started outside its run's workflow",
                remedy="use a Run only inside the workflow that received it",
            )
        return lane

    @contextmanager
    def below(self, place: Place, suffix: str = "") -> Generator[Lane]:
        """Drive the lane below a composite step."""
        with self.drive(f"{lane_below(place)}{suffix}") as lane:
            yield lane

    @contextmanager
    def scope(self, kind: str = "f") -> Generator[Lane]:
        """Drive a new lane of the current one, in the same task."""
        current = self.lane()
        with self.drive(lane_of_branch(current.path, current.new_fork(), 0, kind)) as lane:
            yield lane

    @contextmanager
    def drive(self, path: str) -> Generator[Lane]:
        """Drive the lane of a path, in the same task."""
        current = self.lane()
        lane = Lane(self, path, current.strand, current.trail)
        token = _current.set(lane)
        try:
            yield lane
        finally:
            _current.reset(token)

    # Branches

    def spawn(self, coroutine: Coroutine[Any, Any, T], fork: int, index: int) -> Branch[T]:
        """Start one branch of a fork of the current lane."""
        current = self.lane()
        path = lane_of_branch(current.path, fork, index)
        strand, trail = _Strand(current.strand), current.trail.fork()
        context = contextvars.copy_context()
        lane = Lane(self, path, strand, trail)
        lane.by_model = current.by_model
        context.run(_current.set, lane)
        self.live += 1
        task = asyncio.get_running_loop().create_task(coroutine, context=context)
        self._strands[task] = strand
        task.add_done_callback(self._ended)
        return Branch(index, path, task, strand, trail)

    def cancel(self, branch: Branch[Any], *, gently: bool) -> None:
        """Ask it to end: at once, or, ``gently`` or in a write, before it does anything new."""
        strand = branch.strand
        strand.cancelled = True
        if gently or strand.shields or branch.task.done():
            return
        if strand.waiting is not None and not strand.waiting.done():
            self.live += 1  # from now on, not only once its task gets to run
            strand.waiting = None
        branch.task.cancel()

    async def first_ended(self, branches: Sequence[Branch[Any]]) -> Branch[Any]:
        """Park the current lane until a branch has ended; return the first in order that has."""
        if not any(b.task.done() for b in branches):
            woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._parked.update({b.task: woken for b in branches})
            try:
                await self._wait(woken)
            finally:
                for branch in branches:
                    self._parked.pop(branch.task, None)
        return next(b for b in branches if b.task.done())

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._strands.pop(task, None)
        parent = self._parked.pop(task, None)
        if parent is not None:
            self._wake(parent)  # the parent counts as live before the branch stops counting
        if not task.cancelled():
            task.exception()  # seen: the parent decides what it means
        self._idle()

    # Waiting

    async def block(self, place: Place, *, stands_by: bool = False) -> Any:
        """Wait for the outside: return what ``deliver`` brings, or raise what ends the wait."""
        self.check()
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._blocked[place] = _Blocked(future, self.lane().strand, stands_by)
        try:
            return await self._wait(future)
        finally:
            self._blocked.pop(place, None)

    async def before_new_step(self, place: Place) -> None:
        """Raise what ends this lane; in a scope that is being undone, wait until that comes."""
        self.check()
        strand = self.lane().strand
        if strand.is_sealed() and not strand.shields:
            while await self.stand_by(place):
                pass  # another call has ended, not this lane
            raise asyncio.CancelledError

    async def stand_by(self, place: Place) -> bool:
        """Wait until another lane lets those that stand by go on; False if none ever will."""
        return await self.block(place, stands_by=True)

    def go_on(self) -> None:
        """Wake the lanes that stand by, to look again at what they wait for."""
        for blocked in list(self._blocked.values()):
            if blocked.stands_by:
                self._wake(blocked.future, True)  # noqa: FBT003 (the answer itself)

    def blocked(self) -> list[Place]:
        """Return the places that wait for the outside."""
        return [place for place, b in self._blocked.items() if not b.future.done()]

    def deliver(self, place: Place, value: Any) -> bool:
        """Wake the lane that waits at a place; False if none does."""
        blocked = self._blocked.get(place)
        return blocked is not None and not self.over and self._wake(blocked.future, value)

    async def replay_turn(self) -> None:
        """Let the shuffled order decide when this replayed step returns."""
        if self.shuffle is not None:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._turns.append(turn)
            await self._wait(turn)

    async def after_new_step(self, place: Place) -> None:
        """End this lane's progress after a new step, in the mode that replays at every await."""
        if self.replay_everywhere:
            self.interrupted = True
            await self.block(place)

    async def _wait(self, future: asyncio.Future[Any]) -> Any:
        strand = self.lane().strand
        strand.waiting = future
        self._idle()
        try:
            return await future
        except asyncio.CancelledError:
            if future.cancelled() and strand.waiting is future:
                self.live += 1  # nobody woke this lane: it moves again because it is cancelled
            raise
        finally:
            strand.waiting = None

    def _wake(self, future: asyncio.Future[Any], value: Any = None) -> bool:
        if future.done():
            return False
        self.live += 1
        if isinstance(value, BaseException):
            future.set_exception(value)
        else:
            future.set_result(value)
        return True

    # Ending

    def check(self) -> None:
        """Raise what ends this lane before it does anything new, unless a write is in flight."""
        if self.over:
            raise Suspended
        strand = self.lane().strand
        if strand.shields:
            return
        if strand.is_told_to_end():
            raise asyncio.CancelledError
        if self._stopping is not None:
            self.signal = self._stopping
            raise self._stopping

    def stop(self, signal: BaseException) -> None:
        """End each lane with the signal, at its next new step or in its wait."""
        self._stopping = signal
        for blocked in list(self._blocked.values()):
            if not blocked.strand.shields and self._wake(blocked.future, signal):
                self.signal = signal

    def interrupt(self) -> None:
        """End the incarnation after the steps in flight, though the run could go on."""
        self.interrupted = True
        self.stop(Suspended())

    def end(self, signal: BaseException | None = None) -> None:
        """End the incarnation: nothing new begins or is recorded, and every lane that waits ends.

        Not even the wait for a write's outcome goes on: it is taken up by the next incarnation.
        """
        self.over = True
        self.signal = signal or Suspended()
        for future in (*self._turns, *(b.future for b in self._blocked.values())):
            self._wake(future, Suspended())

    def cut(self) -> None:
        """Cancel, once, the steps that are performed at this moment, except writes."""
        for task, strand in self._strands.items():
            if strand.steps and not (strand.waiting or strand.shields or strand.is_cut):
                strand.is_cut = True
                task.cancel()

    def took_cut(self, strand: _Strand) -> None:
        """Take a cut off its task: it isn't one from outside, which would end the process."""
        task = asyncio.current_task()
        if strand.is_cut and task is not None and task.cancelling() == 1:
            task.uncancel()

    def is_shut_down(self) -> bool:
        """Tell whether the process ends: the workflow's own task was cancelled from outside."""
        return any(task.cancelling() and not s.parent for task, s in self._strands.items())

    def is_alone(self) -> bool:
        """Tell whether the current lane is the workflow's own and no branch is at work."""
        return self.lane().strand.parent is None and len(self._strands) == 1

    def is_cancelled(self) -> bool:
        """Tell whether the current lane was told to end for good, not only in this process."""
        stopped, strand = isinstance(self._stopping, asyncio.CancelledError), self.lane().strand
        return not self.over and (stopped or strand.is_told_to_end() or strand.is_sealed())

    def _idle(self) -> None:
        self.live -= 1
        if self.live > 0 or self.over:
            return
        self._turns = [turn for turn in self._turns if not turn.done()]  # cancelled meanwhile
        if self._turns and self.shuffle is not None:
            self._wake(self._turns.pop(self.shuffle.randrange(len(self._turns))))
        elif waiting := [b for b in self._blocked.values() if not b.future.done()]:
            if all(b.stands_by for b in waiting):
                self._wake(waiting[0].future, False)  # noqa: FBT003 (the answer itself)
            else:
                self.end()
