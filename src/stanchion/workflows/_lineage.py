"""Runs that start each other, as children or from the bodies of tools: where that has to end.

A run knows which one started it, whatever process it is in, so the runs above it can be read from
the store. Below so many, or where those above were given the same input twice, none is started; and
a run that ended like that says so in its last entry, so that whoever called it ends too instead of
calling again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from stanchion.errors import Refused, RunNotFound, StanchionError
from stanchion.ledger import Payload, Place, RunRecord, Store
from stanchion.tools import CIRCLES, Caller, current_caller
from stanchion.workflows._workflow import Workflow

__all__ = ["CIRCLE", "child_id", "circle_below", "circle_in", "circle_of", "lineage", "started_by"]

CIRCLE = "circle"
"""The fact of a step, and of a run's last entry: the rule by which runs below weren't started."""


def child_id(parent: str, place: Place) -> str:
    """Return the id of the child that a run starts at a place."""
    seed = f"{parent}|{place.lane}|{place.ordinal}".encode()
    return f"{parent[:8]}-{hashlib.sha256(seed).hexdigest()[:24]}"


async def lineage(store: Store, run: RunRecord, at_most: int) -> list[RunRecord]:
    """Return a run and those above it, one more than may be."""
    found = [run]
    while found[-1].parent and len(found) <= at_most:
        found.append(await store.get(found[-1].parent))
    return found


def circle_in(
    above: Sequence[RunRecord], workflow: Workflow[Any, Any, Any], value: bytes
) -> Refused | None:
    """Return why no run of this workflow may be started below these; None if it may.

    ``value`` is the digest of its input.
    """
    same = [r for r in above if (r.workflow, r.input) == (workflow.name, value)]
    if len(above) > workflow.max_depth:
        rule = "depth"
    elif len(same) > 1:
        rule = "circle"
    else:
        return None
    return Refused(
        f"{workflow.name} isn't started: {CIRCLES[rule]}",
        remedy="end the circle, or raise @workflow(max_depth=...) if it is meant",
        rule=rule,
    )


async def started_by(
    store: Store, workflow: Workflow[Any, Any, Any], value: Payload
) -> Caller | None:
    """Return the run of this store from one of whose steps a run is started now, if from any.

    Raises Refused if that would go round in circles.
    """
    caller = current_caller()
    if caller is None:
        return None
    try:
        above = await lineage(store, await store.get(caller.run), workflow.max_depth)
    except RunNotFound:
        return None
    refused = circle_in(above, workflow, value.digest)
    if refused is not None:
        caller.refused = refused.facts["rule"]
        raise refused
    return caller


async def circle_below(store: Store, caller: Caller) -> str:
    """Return the rule that ended a run which the caller's step started; empty if none did."""
    for run in () if caller.refused else caller.started:
        try:
            record = await store.get(run)
            last = await store.entries(run, record.seq - 1)
        except StanchionError:  # another store's run; or what is recorded next fails as well
            continue
        for entry in last:
            if said := circle_of(entry.facts):
                return said[CIRCLE]
    return caller.refused


def circle_of(facts: Mapping[str, Any]) -> dict[str, str]:
    """Return what facts say of circles, as a fact."""
    return {CIRCLE: facts[CIRCLE]} if CIRCLE in facts else {}
