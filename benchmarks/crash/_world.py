"""What there is to do: the classes of effects, the orders, and how long everything takes.

Every effect of an order has a name of its own, so that the log outside tells for each of them how
often it was performed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import product
from typing import Literal, TypeAlias

from stanchion.tools import Breaker, Rate

__all__ = [
    "BRIEF",
    "CARE_SECONDS",
    "CHAINED",
    "CLASSES",
    "GRACE",
    "GUARD",
    "GUARDED",
    "LEASE",
    "LOOK",
    "OUTAGE_SECONDS",
    "PACE",
    "PACED",
    "POLL",
    "REGRETTED",
    "SERVED",
    "SLOW_SECONDS",
    "STEPS",
    "TIMEOUT",
    "TOOLS_OUTSIDE",
    "TURN",
    "UNDOING",
    "Key",
    "Order",
    "ToolClass",
    "helpless",
    "item_of",
    "undoing",
    "wanted",
]

LEASE = timedelta(seconds=0.4)
"""A dead worker's runs are free after this."""
POLL = timedelta(seconds=0.04)
TIMEOUT = timedelta(seconds=0.6)
"""Of every tool."""
GRACE = timedelta(seconds=0.2)
SLOW_SECONDS = 0.9
"""How long a slow request is on its way at most: it arrives just after somebody asked for it, but
always within what a reconciler has to wait."""
CARE_SECONDS = 1.5
"""How long the person looks before saying that something did not happen."""
BRIEF = timedelta(seconds=2.5)
"""How long the target keeps keys where it keeps them briefly."""

Key: TypeAlias = Literal["", "key", "brief"]


@dataclass(frozen=True, slots=True)
class ToolClass:
    """One combination of capabilities."""

    key: Key
    reconcile: bool
    compensate: bool
    needs_review: bool
    blocking: bool
    """A synchronous body."""

    @property
    def name(self) -> str:
        """The tool's name, from what its target can do."""
        parts = (self.key, "asked" if self.reconcile else "", "undo" if self.compensate else "")
        return "_".join(part for part in parts if part) or "plain"


def _classes() -> tuple[ToolClass, ...]:
    keys: tuple[Key, ...] = ("", "key", "brief")
    combinations = product(keys, (False, True), (False, True))
    return tuple(
        ToolClass(key, reconcile, compensate, needs_review=n in {1, 6, 8}, blocking=n % 4 in {1, 2})
        for n, (key, reconcile, compensate) in enumerate(combinations)
    )


CLASSES = {each.name: each for each in _classes()}
STEPS = ("step", "step_blocking")
"""Functions without a contract."""
LOOK = "look"
"""The read."""
PACED = "paced"
"""A write with a key that may be called only so often, by all workers together."""
PACE = Rate(10, per=timedelta(seconds=1), burst=8)
GUARDED = "guarded"
"""A read whose target fails from the first call on, for a while."""
GUARD = Breaker(failures=6, cooldown=timedelta(seconds=1))
OUTAGE_SECONDS = 5.0
REGRETTED = ("key_undo", "undo", "asked_undo")
"""What is made in a saga that fails, in this order."""
TURN = ("key", "plain", "asked")
"""What an agent makes, two of it once more."""
SERVED = "key_asked"
"""What is called through served tools."""
CHAINED = ("turn", "regret", "served:crash")
"""Workflows that are killed at each of their commits and layers, beside ``everything``."""


def undoing(tool: str) -> str:
    """Return what a tool's compensation is called."""
    return f"undo {tool}"


UNDOING = {undoing(name): CLASSES[name] for name in REGRETTED}
TOOLS_OUTSIDE = CLASSES | UNDOING | {PACED: ToolClass("key", *4 * (False,))}
"""What the target knows of each tool that has an effect."""


def helpless(tool: str) -> bool:
    """Tell whether only a person can say what became of an unknown call."""
    known = TOOLS_OUTSIDE.get(tool)
    return tool in STEPS or (known is not None and not known.key and not known.reconcile)


@dataclass(frozen=True, slots=True)
class Order:
    """The input of a run."""

    name: str
    tool: str = ""
    """The only effect to perform; empty for all of them."""
    workflow: str = "everything"


def item_of(order: Order, tool: str, *, child: bool = False) -> str:
    """Return the name of one effect of an order."""
    return f"{order.name}/{tool}{'/child' if child else ''}"


def wanted(order: Order) -> dict[str, str]:
    """Return the effects of an order, as items with their tools."""
    if order.tool == GUARDED:
        return {}  # it comes through as often as its run is recovered
    if order.tool:
        return {item_of(order, order.tool): order.tool}
    match order.workflow:
        case "turn":
            return {item_of(order, tool): tool for tool in TURN}
        case "served:crash":
            return {item_of(order, SERVED): SERVED}
        case "regret":
            made = {item_of(order, tool): tool for tool in REGRETTED}
            return made | {f"{item}/undone": undoing(tool) for item, tool in made.items()}
        case _:
            pass
    own = {item_of(order, tool): tool for tool in (*CLASSES, *STEPS)}
    return own | {item_of(order, tool, child=True): tool for tool in ("plain", "key")}
