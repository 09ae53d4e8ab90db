"""Branches of a run: together, over items, in a race, in order of completion, within a time limit.

Each branch has its lane, so that branches don't depend on each other's timing. Where timing can be
seen (who won, which came next), it is an entry of its own and the same on replay.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Sequence
from typing import Any, TypeVar, cast

from stanchion.ledger import codec_for, lane_of_branch, payload
from stanchion.workflows._conductor import Branch, Suspended
from stanchion.workflows._incarnation import Incarnation, StepScope

__all__ = ["as_completed", "gather", "map_items", "race"]

T = TypeVar("T")
I = TypeVar("I")  # noqa: E741 (an item)

_index = codec_for(int)


async def gather(incarnation: Incarnation, awaitables: Sequence[Awaitable[T]]) -> list[T]:
    """Run branches together; the first failure cancels the others and is raised."""
    return await map_items(incarnation, lambda awaitable: awaitable, awaitables, None)


async def map_items(
    incarnation: Incarnation,
    fn: Callable[[I], Awaitable[T]],
    items: Iterable[I],
    limit: int | None,
) -> list[T]:
    """Run ``fn`` for each item, at most ``limit`` at once; results in the items' order."""
    conductor = incarnation.conductor
    fork = conductor.lane().new_fork()
    todo = list(items)
    branches: list[Branch[T]] = []
    try:
        while True:
            running = [b for b in branches if not b.task.done()]
            while len(branches) < len(todo) and (limit is None or len(running) < limit):
                index = len(branches)
                branches.append(conductor.spawn(_coroutine(fn(todo[index])), fork, index))
                running.append(branches[-1])
            for branch in branches:
                if branch.task.done():
                    branch.task.result()  # raises the failure
            if not running:
                return [_joined(incarnation, b) for b in branches]
            await conductor.first_ended(running)
    except BaseException:
        for awaitable in todo[len(branches) :]:
            _close(awaitable)
        await end_branches(incarnation, branches)
        raise


async def race(incarnation: Incarnation, awaitables: Sequence[Awaitable[T]]) -> tuple[int, T]:
    """Return the index and the result of the first branch to end; the others are cancelled."""
    conductor = incarnation.conductor
    fork = conductor.lane().new_fork()
    branches: dict[int, Branch[T]] = {}

    async def decide(_: StepScope) -> int:
        for index, awaitable in enumerate(awaitables):
            branches[index] = conductor.spawn(_coroutine(awaitable), fork, index)
        try:
            winner = await conductor.first_ended(list(branches.values()))
        except BaseException:
            await end_branches(incarnation, list(branches.values()))
            raise
        await end_branches(incarnation, [b for b in branches.values() if b is not winner])
        _raise_signal(winner)
        return winner.index

    request = payload({"branches": len(awaitables)})
    index: int = await incarnation.perform("race", "race", request, _index, decide, fork=fork)
    if not branches:  # replayed: only the winner's branch runs, over its recorded steps
        lane = conductor.lane()
        for loser, awaitable in enumerate(awaitables):
            if loser != index:
                _close(awaitable)
                incarnation.journal.forget(lane_of_branch(lane.path, fork, loser))
        branches[index] = conductor.spawn(_coroutine(awaitables[index]), fork, index)
        await conductor.first_ended([branches[index]])
    return index, _joined(incarnation, branches[index])


async def as_completed(
    incarnation: Incarnation, awaitables: Sequence[Awaitable[T]]
) -> AsyncIterator[tuple[int, T]]:
    """Yield (index, result) in the order of completion, which is recorded."""
    conductor = incarnation.conductor
    fork = conductor.lane().new_fork()
    left = {i: conductor.spawn(_coroutine(a), fork, i) for i, a in enumerate(awaitables)}
    try:
        while left:
            request = payload({"left": len(left)})

            async def choose(_: StepScope) -> int:
                ended = await conductor.first_ended(list(left.values()))
                _raise_signal(ended)
                return ended.index

            index = await incarnation.perform(
                "race", "as_completed", request, _index, choose, fork=fork
            )
            branch = left.pop(index)
            await conductor.first_ended([branch])
            yield index, _joined(incarnation, branch)
    finally:
        await end_branches(incarnation, list(left.values()))


async def end_branches(incarnation: Incarnation, branches: Sequence[Branch[Any]]) -> None:
    """Cancel branches and wait until they have ended; a write in flight gets its outcome first.

    Raises Suspended if one of them waits for that: what cancelled them isn't over yet.
    """
    for branch in branches:
        incarnation.conductor.cancel(branch, gently=incarnation.owed.by_lane(branch.lane))
    with incarnation.conductor.lane().shield():  # or nobody would wait for them
        while running := [b for b in branches if not b.task.done()]:
            await incarnation.conductor.first_ended(running)
    if incarnation.conductor.over:  # they go on in the next incarnation
        raise Suspended
    for branch in branches:
        incarnation.left.lane(branch.lane)


def _joined(incarnation: Incarnation, branch: Branch[T]) -> T:
    """Return what a branch came to; from now on the current lane has seen what it saw."""
    incarnation.conductor.lane().trail.join(branch.trail)
    return branch.task.result()


def _raise_signal(branch: Branch[Any]) -> None:
    """Raise what ended the incarnation instead of recording it as a branch's end."""
    if branch.task.cancelled():
        raise asyncio.CancelledError
    error = branch.task.exception()
    if error is not None and not isinstance(error, Exception):
        raise error


def _coroutine(awaitable: Awaitable[T]) -> Coroutine[Any, Any, T]:
    """Return what a task can drive; a coroutine as it is, so that none is left unawaited."""
    if isinstance(awaitable, Coroutine):
        return cast("Coroutine[Any, Any, T]", awaitable)

    async def wait() -> T:
        return await awaitable

    return wait()


def _close(awaitable: Any) -> None:
    if isinstance(awaitable, Coroutine):
        awaitable.close()
