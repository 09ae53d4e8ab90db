"""Sagas: a scope whose writes are undone, newest first, when its body fails or is cancelled.

A saga is a lane, so what belongs to it is what was recorded there and below, whoever proposed it.
To undo it is one composite step in a lane of its own. Below it stands a write for each one undone,
with an intent, a key and everything that settles an unknown one; what nothing can undo is listed
for a person. All of it is under a shield: a cancellation waits until it is over.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

from stanchion.ledger import Place, codec_for, lane_below, payload
from stanchion.review import Occasion, left_over
from stanchion.tools import (
    Tool,
    ask_whether_undone,
    by_name,
    compensate,
    compensation_of,
    mint_key,
)
from stanchion.values import Json, Question, ToolCall, ToolError
from stanchion.workflows._effects import Effect, perform_effect
from stanchion.workflows._host import Host
from stanchion.workflows._incarnation import Incarnation, StepScope
from stanchion.workflows._lineage import child_id
from stanchion.workflows._people import ask_person
from stanchion.workflows._workflow import Workflow
from stanchion.workflows._writes import Made, Writes

__all__ = ["saga"]

_error = codec_for(ToolError | None)
_leftovers = codec_for(list[dict[str, Any]])

_UNDECLARED = "nothing is declared that undoes it"

CHILDREN_SINCE = 8
"""The first version of composite steps that undoes what a child made, instead of listing it."""


@asynccontextmanager
async def saga(incarnation: Incarnation, workflow: Workflow[Any, Any, Any]) -> AsyncGenerator[None]:
    """Give the body a lane of its own, and undo what was made there if it doesn't end well."""
    conductor = incarnation.conductor
    with conductor.scope("s") as lane:
        undo_lane = f"{lane.path}/undo"
        is_being_undone = incarnation.journal.has_unclaimed(undo_lane)
        try:
            with lane.seal() if is_being_undone else nullcontext():
                yield
        except (Exception, asyncio.CancelledError) as error:
            is_cancelled = is_being_undone or conductor.is_cancelled()
            if isinstance(error, asyncio.CancelledError) and not is_cancelled:
                raise  # the process ends, not the run
            if incarnation.fault is None and (
                is_being_undone or incarnation.writes.standing(lane.path)
            ):
                with lane.shield(), conductor.drive(undo_lane):
                    await _undo(incarnation, workflow, lane.path)
            raise


async def _undo(incarnation: Incarnation, workflow: Workflow[Any, Any, Any], lane: str) -> None:
    body = partial(_undo_all, workflow, lane)
    await incarnation.perform("undo", "saga", payload(None), _leftovers, body)


@dataclass(frozen=True, slots=True)
class _Effect:
    """A write to undo: the run's own, or one of a child of its."""

    made: Made
    workflow: Workflow[Any, Any, Any] | None
    """None if the child's isn't served here."""
    root: str
    """The lineage of the run that made it."""
    child: str = ""
    """The run that made it, unless it is the saga's own."""

    @property
    def place(self) -> Json:
        """Where it was made."""
        return [*_written(self.made.place)]

    def tool(self) -> Tool[..., Any] | None:
        """Return its tool, if that can undo it."""
        if self.workflow is None or self.made.kind != "call":
            return None
        tool = by_name(self.workflow.tools).get(self.made.name)
        return None if tool is None or tool.contract.compensate is None else tool


async def _undo_all(
    workflow: Workflow[Any, Any, Any], saga_lane: str, scope: StepScope
) -> list[dict[str, Any]]:
    incarnation, left, children = scope.incarnation, list[tuple[_Effect, str]](), list[Json]()
    below = lane_below(scope.place)
    undone = 0
    for index, made in reversed(list(enumerate(incarnation.writes.within(saga_lane)))):
        if made.closed is not None and not f"{made.closed.lane}/".startswith(f"{below}/"):
            continue  # by a saga inside of this one
        effects = [_Effect(made, workflow, incarnation.record.root)]
        if made.kind == "child" and scope.loop >= CHILDREN_SINCE:
            children += [effects[0].place]
            effects = await _made_by_child(incarnation.host, incarnation.record.id, made)
        for nth, effect in enumerate(effects):
            why = await _undo_one(scope, f"/{index}.{nth}", effect)
            undone += not why
            left += [(effect, why)] if why else []
    listed = [await _described(incarnation, each.made, why) for each, why in left]
    if listed:
        await _show(scope, listed, undone)
    own = [each.place for each, _ in left if not each.child]
    scope.facts |= {"undone": undone, "left": own}
    scope.facts |= {"children": children} if children else {}
    return listed


async def _made_by_child(host: Host, parent: str, made: Made) -> list[_Effect]:
    """Return what a child that has ended made and what still stands of it, newest first.

    Its own children's too: what they made is as old as their end.
    """
    record = await host.store.get(child_id(parent, made.place))
    definition = host.workflows.find(record.workflow, record.version)
    found: list[_Effect] = []
    for each in reversed(Writes(await host.store.entries(record.id)).standing("")):
        if each.kind == "child":
            found += await _made_by_child(host, record.id, each)
        else:
            found.append(_Effect(each, definition, record.root, record.id))
    return found


async def _undo_one(scope: StepScope, lane: str, effect: _Effect) -> str:
    """Undo one write in a lane of its own; return why it couldn't be, if it couldn't."""
    tool = effect.tool()
    if tool is None:
        return _UNDECLARED
    with scope.below(lane):
        error = await _compensate(scope.incarnation, tool, effect)
    return "" if error is None else error.problem


async def _compensate(
    incarnation: Incarnation, tool: Tool[..., Any], undo: _Effect
) -> ToolError | None:
    """Undo one write, as a write; return what the target said if it can't."""
    contract, made = compensation_of(tool.contract), undo.made
    arguments = {
        "arguments": await _read(incarnation, made.sent),
        "outcome": {"result": await _read(incarnation, made.result)},
    }
    which: dict[str, Json] = {"undoes": undo.place}
    which |= {"run": undo.child} if undo.child else {}

    async def body(scope: StepScope) -> ToolError | None:
        lineage = f"{undo.root}|{made.place.lane}|{made.place.ordinal}"
        key = mint_key(lineage, contract.name, contract.encode_arguments(arguments), 0)
        call = ToolCall(contract.name, arguments, key=key)
        effect = Effect(
            contract,
            call,
            partial(compensate, tool, arguments),
            partial(ask_whether_undone, tool, arguments) if contract.reconcile else None,
            may_be_left=True,
        )
        result = await perform_effect(scope, effect)
        if result.error is None and not undo.child:
            scope.facts |= which
        return result.error

    return await incarnation.perform("compensate", tool.name, payload(which), _error, body)


async def _show(scope: StepScope, listed: list[dict[str, Any]], undone: int) -> None:
    """Put what is left in front of a person, and wait until somebody has seen to it."""

    def question(occasion: Occasion) -> Question:
        return left_over(occasion, listed, undone=undone)

    with scope.below("/ask.0"):
        answer = await ask_person(scope.incarnation, "undo", question, None)
    scope.facts["settled"] = f"{answer.by}: {answer.choice}"


async def _described(incarnation: Incarnation, made: Made, why: str) -> dict[str, Any]:
    return {
        "what": made.name,
        "why": why,
        "arguments": await _read(incarnation, made.sent) if made.sent else None,
        "result": await _read(incarnation, made.result),
    }


async def _read(incarnation: Incarnation, digest: bytes) -> Any:
    found = await incarnation.host.store.payloads(incarnation.record.tenant, [digest])
    return json.loads(found[digest])


def _written(place: Place) -> Iterator[str | int]:
    yield place.lane
    yield place.ordinal
