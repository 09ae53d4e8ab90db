"""A conversation played through the runtime: a scripted planner, a scripted person, one world.

What was executed is read from the world, never from our own record.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from benchmarks.agentdojo._calls import Call, Signature
from benchmarks.agentdojo._contracts import contract_tool
from stanchion import Run, allow, workflow
from stanchion.models import ModelRequest, ScriptedModel
from stanchion.models._scripted import Scripted
from stanchion.testing import simulate
from stanchion.values import Question, QuestionKind, ToolCallPart, ToolResponsePart
from stanchion.workflows import Workflow

__all__ = ["Answerer", "Planner", "Played", "World", "decline", "play"]

MOST_TURNS = 400


class World(Protocol):
    """An environment that remembers what was executed in it."""

    executed: list[Call]
    results: list[Any]

    def call(self, name: str, arguments: Mapping[str, Any]) -> Any: ...


class Planner(Protocol):
    """Proposes calls one after the other, and sees what came of each."""

    output: str

    def next(self) -> Call | None:
        """Return the next call, None when there is nothing left to do."""
        ...

    def told(self, call: Call, answer: Any, result: Any, *, made: bool) -> None:
        """Learn what the runtime answered; ``made``: the world performed it and so answered."""
        ...

    def read(self) -> Any:
        """Answer as the model that reads a hidden text."""
        ...


Answerer = Callable[[Question, Call], "tuple[str, Any]"]
"""Answers a question that came up about a call."""


def decline(question: Question, call: Call) -> tuple[str, Any]:
    """Let nothing happen that needs a person."""
    match question.kind:
        case QuestionKind.INPUT if "go_on" in question.choices:
            return "go_on", None
        case QuestionKind.INPUT:
            return "decline", None
        case _:
            return "deny", None


@dataclass(slots=True)
class Played:
    """What came of a conversation."""

    output: str = ""
    questions: list[Question] = field(default_factory=list[Question])
    proposed: list[tuple[Call, bool]] = field(default_factory=list[tuple[Call, bool]])
    """Calls that reached the gateway, and whether the world performed each."""


async def play(
    signatures: Sequence[Signature],
    words: str,
    world: World,
    planner: Planner,
    person: Answerer = decline,
) -> Played:
    """Let a planner work on what a user said."""
    mouth = _Mouth(planner, world)

    def answer(question: Question) -> tuple[str, Any]:
        if "go_on" not in question.choices:
            mouth.played.questions.append(question)
        return person(question, mouth.last)

    done = await simulate(
        assistant(tuple(signatures)),
        words,
        models={"strong": ScriptedModel(mouth.say)},
        answers=answer,
        deps=world,
    )
    if done.output is None:
        raise RuntimeError(f"{done.state} {done.reason}")
    mouth.played.output = done.output
    return mouth.played


def assistant(signatures: tuple[Signature, ...]) -> Workflow[Any, Any, Any]:
    """Return a workflow that does what its user says with all of these tools."""
    tools = [contract_tool(each).tool for each in signatures]
    writes = [each for each in tools if each.contract.effect == "write"]

    @workflow(tools=tools, untrusted_may=[allow(each) for each in writes])
    async def conversation(run: Run, words: str) -> str:
        done = await run.agent(
            goal="Do what the user asks.", tools=tools, input=words, max_turns=MOST_TURNS
        )
        return done.output or ""

    return conversation


class _Mouth:
    """The planner's side of the conversation, as a model."""

    def __init__(self, planner: Planner, world: World) -> None:
        self.planner, self.world = planner, world
        self.played = Played()
        self.last = Call("", {})
        self.reached = 0

    def say(self, request: ModelRequest) -> Scripted:
        """Take in the answer to the last call and propose the next; or read for the planner."""
        if not request.tools:
            return json.dumps(self.planner.read())
        if self.last.name:
            self._hear(request)
        call = self.planner.next()
        if call is None:
            return self.planner.output
        self.last, self.reached = call, len(self.world.executed)
        return ToolCallPart(f"c{len(self.played.proposed)}", call.name, dict(call.arguments))

    def _hear(self, request: ModelRequest) -> None:
        tool = next(m for m in reversed(request.messages) if m.role == "tool")
        (part,) = (p for p in tool.parts if isinstance(p, ToolResponsePart))
        made = len(self.world.executed) > self.reached
        self.played.proposed.append((self.last, made))
        result = self.world.results[-1] if made else None
        self.planner.told(self.last, cast("Any", part.response), result, made=made)
