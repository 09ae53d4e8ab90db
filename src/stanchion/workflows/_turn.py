"""The tool calls of one turn of an agent: each in a lane of its own, each with an answer.

Reads run beside one another, a write runs alone, and what was proposed after it waits for it, as
the model's order says. Each call is recorded by itself, so that a crash repeats nothing that had
finished. A turn that is cancelled leaves a note with an answer to every call: a conversation never
holds a call without one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol, TypeVar

from stanchion.ledger import Draft, EntryPhase, pack_message
from stanchion.tools import render_error
from stanchion.values import Action, Json, Message, ToolCallPart, ToolError, ToolResponsePart
from stanchion.workflows._concurrency import map_items
from stanchion.workflows._incarnation import StepScope

__all__ = ["TURNS_SINCE", "Caller", "answer_all", "told_apart"]

TURNS_SINCE = 4
"""The first loop version whose calls have a lane each."""

O = TypeVar("O")  # noqa: E741 (an outcome)


class Caller(Protocol[O]):
    """Makes proposed calls, and says what a model reads of them."""

    def together(self, parts: Sequence[ToolCallPart]) -> int:
        """Return how many of these calls, from the first, may be made at once: one at least."""
        ...

    async def make(self, part: ToolCallPart) -> O:
        """Make a call and return what came of it; never raises for a call that only failed."""
        ...

    def tell(self, part: ToolCallPart, outcome: O) -> ToolResponsePart:
        """Return what the model reads; called once a call, in the order proposed."""
        ...


def told_apart(message: Message, used: set[str]) -> Message:
    """Give each proposed call an id that no other of the conversation has; add it to ``used``."""
    parts = tuple(
        replace(part, id=_unused(part.id, used)) if isinstance(part, ToolCallPart) else part
        for part in message.parts
    )
    return replace(message, parts=parts)


async def answer_all(
    scope: StepScope, calls: Sequence[ToolCallPart], caller: Caller[Any]
) -> Message:
    """Make the calls and return the message that answers them, in their order."""
    outcomes: dict[str, Any] = {}
    answers: list[ToolResponsePart] = []

    async def make(call: ToolCallPart) -> None:
        outcomes[call.id] = await caller.make(call)

    try:
        while left := calls[len(answers) :]:
            stretch = left[: caller.together(left)]
            await map_items(scope.incarnation, make, stretch, None)
            answers += [caller.tell(call, outcomes[call.id]) for call in stretch]
    except asyncio.CancelledError:
        if scope.incarnation.conductor.is_cancelled():
            for call in calls[len(answers) :]:
                made = call.id in outcomes
                answers.append(caller.tell(call, outcomes[call.id]) if made else _cut(call))
            await _leave(scope, Message("tool", tuple(answers)), len(calls) - len(outcomes))
        raise
    return Message("tool", tuple(answers))


def _cut(call: ToolCallPart) -> ToolResponsePart:
    return ToolResponsePart(call.id, render_error(_CANCELLED))


async def _leave(scope: StepScope, answers: Message, cut: int) -> None:
    """Note the answers that no model will read, since nobody asks it any more."""
    message, *shared = pack_message(answers)
    facts: dict[str, Json] = {"cancelled": cut}
    note = Draft(scope.place, EntryPhase.NOTE, scope.kind, scope.name, None, message, facts)
    await scope.incarnation.append(note, payloads=tuple(shared))


def _unused(id: str, used: set[str]) -> str:  # noqa: A002 (the field's own word)
    wanted = id or "call"
    number, name = 1, wanted if id else "call-1"
    while name in used:
        number += 1
        name = f"{wanted}-{number}"
    used.add(name)
    return name


_CANCELLED = ToolError(
    code="cancelled",
    problem="the task was cancelled before this call had an outcome; it has changed nothing",
    action=Action.STOP,
)
