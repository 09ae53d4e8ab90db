"""A case played: a scripted model proposes calls, a scripted user says what the case says.

The user's later turns are answers to the workflow's own question. When the runtime asks for an
argument, a user who has said it already says it again; one who hasn't declines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, cast

from jsonschema import Draft202012Validator

from benchmarks.guessing._cases import Call, Case
from benchmarks.guessing._tools import World, tools_of
from stanchion import Run, allow, workflow
from stanchion.models import ModelRequest, ScriptedModel
from stanchion.models._scripted import Scripted
from stanchion.testing import simulate
from stanchion.values import Question, QuestionKind, ToolCallPart, ToolResponsePart
from stanchion.workflows import Workflow

__all__ = ["Proposal", "Turn", "play"]

NEXT = "And then?"
MOST_TRIES = 4
"""How often a right model repeats a call whose arguments the user has been asked for."""

Turn: TypeAlias = Callable[[World], Iterator[Call]]
"""What the model proposes in a turn, one call after the other, each once the last was made."""


@dataclass(slots=True)
class Proposal:
    """A call that the model made, and how the runtime answered."""

    turn: int
    call: Call
    answers: list[Mapping[str, Any] | None] = field(
        default_factory=list["Mapping[str, Any] | None"]
    )
    """The error of each try, None for one that reached its system."""
    executed: bool = False
    seen: int = 0
    """How many results the model had seen before."""

    @property
    def refusal(self) -> Mapping[str, Any] | None:
        """The runtime's refusal of the first try; a system's own is none."""
        first = self.answers[0] if self.answers else None
        return None if first is None or first["code"] == "not_performed" else first


async def play(case: Case, turns: Sequence[Turn], *, insist: bool) -> tuple[list[Proposal], World]:
    """Play a case. ``insist``: the user gives what is asked for, and the call comes again."""
    world = World.of(case)
    player = _Player(case, turns, world, insist=insist)
    done = await simulate(
        _conversation(case.apis),
        case.words[0],
        models={"strong": ScriptedModel(player.say)},
        answers=player.answer,
        deps=world,
    )
    if done.output != "over":
        raise RuntimeError(f"{case.id}: {done.state} {done.reason}")
    return player.proposals, world


def _conversation(apis: Sequence[str]) -> Workflow[Any, Any, Any]:
    tools = [each for api in apis for each in tools_of(api)]
    writes = [each for each in tools if each.contract.effect == "write"]

    @workflow(tools=tools, untrusted_may=[allow(each) for each in writes])
    async def conversation(run: Run, words: str) -> str:
        while words:
            await run.agent(goal="Help the user.", tools=tools, input=words, max_turns=200)
            words = await run.ask(NEXT)
        return "over"

    return conversation


class _Player:
    """The model and the user of one case."""

    def __init__(self, case: Case, turns: Sequence[Turn], world: World, *, insist: bool) -> None:
        self.case, self.turns, self.world, self.insist = case, turns, world, insist
        self.turn = 0
        self.queue: Iterator[Call] | None = None
        self.proposals: list[Proposal] = []
        self.reached = 0

    def say(self, request: ModelRequest) -> Scripted:
        """Propose the next call of the turn, or the same again."""
        if self.queue is None:
            self.queue = self.turns[self.turn](self.world)
        elif self._again(request):
            return self._propose(self.proposals[-1].call)
        call = next(self.queue, None)
        if call is None:
            return "Done."
        self.proposals.append(Proposal(self.turn, call, seen=len(self.world.done)))
        return self._propose(call)

    def _propose(self, call: Call) -> ToolCallPart:
        self.reached = len(self.world.done)
        tries = sum(len(each.answers) for each in self.proposals)
        return ToolCallPart(f"c{tries}", call.name, dict(call.arguments))

    def _again(self, request: ModelRequest) -> bool:
        """Note what the last call came to; tell whether a right model makes it again."""
        last = self.proposals[-1]
        tool = next(m for m in reversed(request.messages) if m.role == "tool")
        (part,) = (p for p in tool.parts if isinstance(p, ToolResponsePart))
        response: Any = part.response
        refused = isinstance(response, Mapping) and "action" in response
        last.answers.append(cast("Mapping[str, Any]", response) if refused else None)
        last.executed = last.executed or len(self.world.done) > self.reached
        return self.insist and last.refusal is not None and self._may_repeat(last)

    def _may_repeat(self, last: Proposal) -> bool:
        error = last.answers[-1]
        asked = error is not None and error["action"] == "ask_user"
        return asked and len(last.answers) < MOST_TRIES

    def answer(self, question: Question) -> tuple[str, Any]:
        """Say the next turn, what is asked for, or that it go on, again if need be."""
        if question.prompt == NEXT:
            self.turn += 1
            self.queue = None
            return "answer", self.case.words[self.turn] if self.turn < len(self.turns) else ""
        if question.kind is QuestionKind.APPROVAL:
            return ("approve" if self.insist else "deny"), None
        if "go_on" in question.choices:
            return "go_on", None
        wanted = self.proposals[-1].call.arguments.get(question.subject["argument"])
        validator: Any = Draft202012Validator(question.answer_schema or {})
        fits = bool(validator.is_valid(wanted))
        return ("answer", wanted) if self.insist and fits else ("decline", None)
