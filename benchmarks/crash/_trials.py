"""What is done to workers: killed at a point, killed at random, stopped while another takes over.

A trial is a generator that the parent drives; it leaves its traces in the arena.
"""

from __future__ import annotations

import random
import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from benchmarks.crash._arena import Arena, Steps, Worker, pause, until
from benchmarks.crash._faults import Fault, Moment
from benchmarks.crash._world import (
    BRIEF,
    GUARDED,
    LEASE,
    PACED,
    SLOW_SECONDS,
    STEPS,
    helpless,
    item_of,
)

__all__ = [
    "break_line",
    "commit_points",
    "hand_over_late",
    "kill_at",
    "kill_at_random",
    "kill_in_outage",
    "kill_in_turns",
    "rescued",
    "undisturbed",
    "write_twice",
]

_BACKLOG = 8
_QUEUE = 24
_OUTAGE_KILLS = 5
_TURN_SECONDS = (0.3, 1.0)
_SETTLE_SECONDS = 5.0
_RESCUED_SECONDS = 60.0
_STOPPED_SECONDS = 8.0
"""How long a function without a contract is left to its rescuer: a person's no counts only once the
stopped process has ended, or after minutes."""


def undisturbed(arena: Arena, workflow: str, points: list[Fault]) -> Steps[None]:
    """Run a workflow once, and add both sides of its commits and of what its calls passed."""
    known = {name: len(arena.lines(name)) for name in ("commits", "layers")}
    run = arena.order(workflow)
    worker = arena.work(only=run, listing=True)
    yield from arena.until(lambda: arena.has_ended(run))
    arena.dismiss(worker)
    commits, layers = (list[Any](arena.lines(name)[n:]) for name, n in known.items())
    points += commit_points([str(line) for line in commits])
    nth: Counter[tuple[Moment, str]] = Counter()
    for moment, what in layers if workflow != "everything" else ():
        nth[(moment, what)] += 1
        points.append(Fault(moment, what, nth[(moment, what)]))
        arena.layer_kills[_layer(what)] += 0


def _layer(what: str) -> str:
    return what.partition(" ")[0]


def commit_points(names: list[str]) -> Iterator[Fault]:
    """Return both sides of every commit of an undisturbed run."""
    nth: Counter[str] = Counter()
    for name in names:
        nth[name] += 1
        if name == "suspend" and nth[name] > 1:
            continue  # how often a run has to suspend depends on how fast its answers come
        yield Fault("before commit", name, nth[name])
        yield Fault("after commit", name, nth[name])


def rescued(arena: Arena, run: str) -> Steps[bool]:
    """Let the rescuer have a run, and wait for its end."""
    arena.permit(run)
    return (yield from arena.until(lambda: arena.has_ended(run)))


def kill_at(
    arena: Arena,
    fault: Fault,
    tool: str = "",
    *,
    workflow: str = "everything",
    slow: bool = False,
    late: bool = False,
) -> Steps[None]:
    """Kill a worker where it comes by a fault; another one recovers its run.

    With ``slow`` its requests are on their way when it dies; with ``late`` the recovery begins
    when the target has forgotten keys that it keeps briefly.
    """
    run = arena.order("single" if tool else workflow, tool)
    victim = arena.work(only=run, fault=fault, transit_seconds=SLOW_SECONDS if slow else 0.0)
    yield from arena.until(lambda: victim.is_gone() or arena.has_ended(run))
    killed = victim.look() == "killed"
    if killed:
        arena.point_kills += 1
        arena.died[run] = str(fault)
        if fault.moment in {"entering layer", "leaving layer"}:
            arena.layer_kills[_layer(fault.what)] += 1
        if tool and helpless(tool) and fault.moment in {"after send", "after answer"}:
            arena.must_ask.add(item_of(arena.orders[run], tool))
    else:
        arena.missed.append(str(fault))
    arena.dismiss(victim)
    if late:
        yield from pause(BRIEF.total_seconds() + 0.1)
    yield from rescued(arena, run)


def break_line(arena: Arena, tool: str) -> Steps[None]:
    """Break a worker's line when its request is on its way; it recovers by itself."""
    run = arena.order("single", tool)
    worker = arena.work(
        only=run, fault=Fault("after send", tool, signal=0), transit_seconds=SLOW_SECONDS
    )
    if helpless(tool):
        arena.must_ask.add(item_of(arena.orders[run], tool))
    yield from arena.until(lambda: arena.has_ended(run))
    arena.dismiss(worker)


def write_twice(arena: Arena, fault: Fault, tool: str) -> Steps[None]:
    """Stop a worker at a fault, let another one finish its run, then let the first one go on."""
    run = arena.order("single", tool)
    first = arena.work(only=run, fault=replace(fault, signal=signal.SIGSTOP))
    yield from arena.until(lambda: first.is_stopped() or arena.has_ended(run))
    if first.look() == "stopped":
        arena.stops += 1
        arena.died[run] = f"stopped {fault}"
        arena.permit(run)
        limit = _STOPPED_SECONDS if tool in STEPS else _RESCUED_SECONDS
        yield from until(lambda: arena.has_ended(run), limit)
        yield from _go_on(first)
    else:
        arena.missed.append(f"stop {fault}")
    arena.dismiss(first)
    yield from rescued(arena, run)


def hand_over_late(arena: Arena, tool: str) -> Steps[None]:
    """Stop a worker before it records an answer, and let it go on while another one recovers."""
    kind = "step" if tool.startswith("step") else "call"
    run = arena.order("single", tool)
    fault = Fault("before commit", f"done {kind} {tool}", 1, signal.SIGSTOP)
    first = arena.work(only=run, fault=fault)
    yield from arena.until(lambda: first.is_stopped() or arena.has_ended(run))
    second = arena.work(only=run, fault=Fault("reading late outcomes", "", 1, signal.SIGSTOP))
    yield from arena.until(lambda: second.is_stopped() or arena.has_ended(run))
    item = item_of(arena.orders[run], tool)
    # On a busy machine the call may have timed out: then it was asked about before.
    asked_before = any(line["item"] == item for line in arena.lines("answers"))
    if (first.look(), second.look()) == ("stopped", "stopped") and not asked_before:
        arena.stops += 2
        arena.must_not_ask.add(item)
        yield from _go_on(first)
        second.go_on()
    else:
        arena.missed.append(f"late outcome of {tool}")
    arena.permit(run)
    yield from arena.until(lambda: arena.has_ended(run))
    arena.dismiss(first)
    arena.dismiss(second)


def _go_on(worker: Worker) -> Steps[None]:
    """Let a stopped worker do what it was about to do, and nothing else."""
    worker.pulse.retire()
    worker.go_on()
    yield from until(worker.is_gone, _SETTLE_SECONDS)


def kill_at_random(arena: Arena, kills: int, chance: random.Random) -> Steps[None]:
    """Kill one worker after the other at random instants, from the first commit on."""
    span = LEASE.total_seconds()
    for _ in range(kills):
        while len(arena.going("r")) < _BACKLOG:
            arena.order("everything", letter="r")
        victim = arena.work(only="r", concurrency=4)
        yield from arena.until(lambda: victim.pulse.commits > 0)  # noqa: B023 (it ends within the turn)
        yield from pause(chance.uniform(0.0, span))
        open_intents = victim.pulse.open_intents
        if victim.kill():
            arena.random_kills += 1
            arena.open_kills += open_intents > 0
        arena.dismiss(victim)
    last = arena.work(only="r", concurrency=16)
    yield from arena.until(lambda: not arena.going("r"))
    arena.dismiss(last)


def kill_in_turns(arena: Arena, kills: int, chance: random.Random) -> Steps[None]:
    """Kill workers whose calls wait for their turn; one lives on beside them, and finishes."""
    steady = arena.work(only="p", concurrency=3)
    for _ in range(kills):
        while len(arena.going("p")) < _QUEUE:
            arena.order("single", PACED, letter="p")
        victim = arena.work(only="p", concurrency=3)
        yield from arena.until(lambda: victim.pulse.commits > 0)  # noqa: B023 (it ends within the turn)
        yield from pause(chance.uniform(*_TURN_SECONDS))
        arena.turn_kills += victim.kill()
        arena.dismiss(victim)
    yield from arena.until(lambda: not arena.going("p"))
    arena.dismiss(steady)


def kill_in_outage(arena: Arena, chance: random.Random) -> Steps[None]:
    """Kill workers one after the other while a target is out of order, until all had an answer."""
    for _ in range(12):
        arena.order("patient", GUARDED, letter="g")
    steady = arena.work(only="g", concurrency=2)
    while arena.going("g") and arena.outage_kills < _OUTAGE_KILLS:
        victim = arena.work(only="g", concurrency=1)
        yield from pause(chance.uniform(0.6, 1.2))
        arena.outage_kills += victim.kill()
        arena.dismiss(victim)
    yield from arena.until(lambda: not arena.going("g"))
    arena.dismiss(steady)
