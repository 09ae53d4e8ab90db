"""How much of everything there is to do, by scale, and the trials that follow from it."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from benchmarks.crash._arena import Arena, Steps, run_all
from benchmarks.crash._faults import Fault, Moment
from benchmarks.crash._mutants import LIMITLESS
from benchmarks.crash._trials import (
    break_line,
    hand_over_late,
    kill_at,
    kill_at_random,
    kill_in_outage,
    kill_in_turns,
    undisturbed,
    write_twice,
)
from benchmarks.crash._world import CHAINED, CLASSES, LOOK, PACED, STEPS, UNDOING, helpless

__all__ = ["PLANS", "Plan", "campaign", "probes"]

T = TypeVar("T")

_BODY: tuple[Moment, ...] = ("before send", "after send", "after answer")
_PROBED_TURNS = 4
_EFFECTS = (*CLASSES, *STEPS)


@dataclass(frozen=True, slots=True)
class Plan:
    """A scale."""

    kills: int
    """At random instants, on each store."""
    turns: int
    """Kills of workers whose calls wait for their turn."""
    share: int
    """Of the named points on each store, one in so many is taken."""
    at_once: int = 4
    """Workers that are killed at points side by side."""
    mutants: bool = True


PLANS = {
    "full": Plan(kills=1000, turns=60, share=1),
    "small": Plan(kills=18, turns=5, share=16, at_once=3),
    "tiny": Plan(kills=40, turns=2, share=60, mutants=False),
}


def campaign(arena: Arena, plan: Plan, chance: random.Random) -> Steps[None]:
    """Do all that the plan holds for one store."""
    points: dict[str, list[Fault]] = {name: [] for name in ("everything", *CHAINED)}
    for name, found in points.items():
        yield from undisturbed(arena, name, found)
    rescuer = arena.work(listed=True, concurrency=32)
    trials = [
        *_turns(arena),
        *_points(arena, points, plan.share, chance),
        *_second_writers(arena, plan, chance),
    ]
    chance.shuffle(trials)
    at_random = kill_at_random(arena, plan.kills, chance)
    at_points = run_all([*probes(arena), *trials], plan.at_once)
    in_turns = kill_in_turns(arena, plan.turns, chance)
    yield from run_all([at_points, at_random, in_turns, kill_in_outage(arena, chance)], 4)
    arena.dismiss(rescuer)


def probes(arena: Arena) -> Iterator[Steps[None]]:
    """Return the few trials that every mutant fails at least one of."""
    if arena.mutant in LIMITLESS:
        yield kill_in_turns(arena, _PROBED_TURNS, random.Random(0))
        yield kill_in_outage(arena, random.Random(0))
        return
    yield kill_at(arena, Fault("after send", "plain"), "plain")
    yield break_line(arena, "asked")
    yield write_twice(arena, Fault("before commit", f"done call {LOOK}"), "plain")
    yield hand_over_late(arena, "plain")


def _turns(arena: Arena) -> Iterator[Steps[None]]:
    """Return kills on both sides of taking a token."""
    moments: tuple[Moment, ...] = ("before deciding", "after deciding")
    for moment in moments:
        yield kill_at(arena, Fault(moment, "rate"), PACED)


def _points(
    arena: Arena, points: Mapping[str, list[Fault]], share: int, chance: random.Random
) -> Iterator[Steps[None]]:
    """Return kills at named points: one in ``share`` of each sort, from a random start."""
    for name, found in points.items():
        for fault in _some(found, share, chance):
            yield kill_at(arena, fault, workflow=name)
    undone = [Fault(moment, tool) for tool in UNDOING for moment in _BODY]
    for fault in _some(undone, share, chance):
        yield kill_at(arena, fault, workflow="regret")
    for fault in _some([Fault(m, tool) for tool in _EFFECTS for m in _BODY], share, chance):
        yield kill_at(arena, fault, fault.what)
    for tool in _some(list(_EFFECTS), share, chance):
        yield kill_at(arena, Fault("after send", tool), tool, slow=True)
    for tool in _some(list(_EFFECTS), share, chance):
        yield break_line(arena, tool)
    brief = [name for name, each in CLASSES.items() if each.key == "brief"]
    for tool in _some(brief, share, chance):
        yield kill_at(arena, Fault("after send", tool), tool, late=True)


def _second_writers(arena: Arena, plan: Plan, chance: random.Random) -> Iterator[Steps[None]]:
    """Return trials with two writers on one run, for each class of effects."""
    points: list[tuple[Fault, str]] = []
    for tool in _EFFECTS:
        kind = "step" if tool in STEPS else "call"
        points.append((Fault("before commit", f"intent {kind} {tool}"), tool))
        points.append((Fault("after commit", f"intent {kind} {tool}"), tool))
        points.append((Fault("before commit", f"done {kind} {tool}"), tool))
        points += [(Fault(moment, tool), tool) for moment in _BODY]
    for fault, tool in _some(points, plan.share, chance):
        yield write_twice(arena, fault, tool)
    tools = [tool for tool in _EFFECTS if helpless(tool)]
    for tool in tools if plan.share == 1 else ():
        yield hand_over_late(arena, tool)


def _some(points: list[T], share: int, chance: random.Random) -> list[T]:
    return points[chance.randrange(min(share, len(points))) :: share]
