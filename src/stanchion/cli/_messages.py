"""Orders to a run: sent to its inbox, and carried out here if an app is given.

Without an app only the message is written; the process that serves the run takes it up.
"""

from __future__ import annotations

import shlex
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

import typer

from stanchion.cli._output import emit_json
from stanchion.cli._stores import find_run, messenger, settings_for
from stanchion.cli._targets import load_app
from stanchion.cli._watch import Manner, interruptible, watch
from stanchion.engine import Stanchion

__all__ = ["Delivery", "Order", "carry_out"]

Order: TypeAlias = Callable[[Stanchion, str], Awaitable[str]]
"""Gives an order about a run, by its whole id (empty if unknown); returns the run to follow."""

ELSEWHERE = (
    "a process that serves it takes this up (`stanchion serve MODULE:APP`); --app does it here"
)


@dataclass(frozen=True, slots=True)
class Delivery:
    """How an order reaches its run."""

    said: str
    """The order in a word, for the person who gives it."""
    store: str | None
    target: str | None
    """The app or workflow that moves the run here; without one the order waits in its inbox."""
    as_json: bool = False


def carry_out(order: Order, run: str, delivery: Delivery) -> int:
    """Give an order; with a target follow the run here. Return the exit code."""
    hint: dict[str, str] = {}
    send = _leave if delivery.target is None else _move
    return interruptible(send(order, run, delivery, hint), hint=hint)


async def _leave(order: Order, run: str, delivery: Delivery, _: dict[str, str]) -> int:
    """Put the order into the run's inbox and say who takes it up."""
    async with messenger(delivery.store) as app:
        moved = await order(app, await _whole(app, run))
    if delivery.as_json:
        emit_json({"run": moved, "said": delivery.said})
    else:
        typer.echo(f"{delivery.said}: run {moved}\n{ELSEWHERE}")
    return 0


async def _move(order: Order, run: str, delivery: Delivery, hint: dict[str, str]) -> int:
    """Carry the order out in this process."""
    options = f" --store {shlex.quote(delivery.store)}" if delivery.store else ""
    target = str(delivery.target)
    async with load_app([target], settings_for(delivery.store)) as app:
        moved = await order(app, await _whole(app, run))
        hint["command"] = f"stanchion runs resume {moved} --app {shlex.quote(target)}{options}"
        return await watch(app, moved, Manner(delivery.as_json, options=options))


async def _whole(app: Stanchion, run: str) -> str:
    return (await find_run(app.store, run)).id if run else ""
