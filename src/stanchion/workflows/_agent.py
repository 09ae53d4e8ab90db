"""A bounded loop in which a model calls tools: the step for what can't be written down as a plan.

Each turn is a model step; each call it proposes goes through the same gateway as code's. What only
the user can say is asked of a person, and the loop goes on with the answer. It ends with a reason,
never with an exception that loses what was done. One that goes round in circles is stopped, and a
person may let it go on.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Generic, Literal, TypeVar

from stanchion.context import Pinned, user_message
from stanchion.errors import Denied, EncodingError, Expired, ModelFailed, WindowOverflow
from stanchion.ledger import EntryPhase, Payload, codec_for, payload
from stanchion.review import Occasion
from stanchion.review import ask as input_question
from stanchion.tools import CallHistory, Tool, by_name
from stanchion.trust import is_marked
from stanchion.values import Message, Question, TextPart, ToolCallPart
from stanchion.workflows._agent_calls import AgentCalls, Finding
from stanchion.workflows._agent_window import AgentWindow, open_window
from stanchion.workflows._asking import ASKING_SINCE, Asking
from stanchion.workflows._grounds import known_values
from stanchion.workflows._incarnation import Incarnation, StepScope
from stanchion.workflows._models import call_model
from stanchion.workflows._people import ask_person
from stanchion.workflows._quarantine import Quarantine
from stanchion.workflows._reader import READER, Reader
from stanchion.workflows._steps import sleep_until
from stanchion.workflows._turn import TURNS_SINCE, answer_all, told_apart
from stanchion.workflows._workflow import Workflow

__all__ = ["AgentResult", "AgentTask", "StopReason", "run_agent"]

T_co = TypeVar("T_co", covariant=True)

StopReason = Literal[
    "completed", "max_turns", "model_failed", "invalid_output", "stuck", "overflow"
]

QUARANTINE_SINCE = 6
"""The first loop version that hides what nobody vouches for."""

REVIEW_TIMEOUT = timedelta(days=1)
"""How long a stuck agent waits for a person before it ends."""

_SHOWN = 5
"""The newest findings that the person sees."""


@dataclass(frozen=True, slots=True)
class AgentResult(Generic[T_co]):
    """How an agent's loop ended."""

    output: T_co | None
    """The result, None unless ``stop_reason`` is ``completed``."""
    stop_reason: StopReason
    turns: int
    tool_calls: int
    explanation: str = ""
    partial: tuple[Finding, ...] = ()
    """What the calls had brought, unless it is ``completed``: the newest of it, if it is much."""


@dataclass(frozen=True, slots=True)
class AgentTask:
    """What an agent is to do."""

    goal: str
    tools: tuple[Tool[..., Any], ...]
    input: str
    result: Any
    role: str
    max_turns: int
    when_stuck: Literal["ask", "stop"] = "ask"
    constraints: tuple[str, ...] = ()
    window: int | None = None
    """Tokens of a prompt; None for what the model can read."""

    def request(self) -> Payload:
        """Return what replay compares."""
        asked: dict[str, Any] = {
            "goal": self.goal,
            "input": self.input,
            "tools": sorted(tool.name for tool in self.tools),
            "role": self.role,
            "max_turns": self.max_turns,
        }
        return payload(asked | ({"constraints": self.constraints} if self.constraints else {}))


async def run_agent(
    incarnation: Incarnation, workflow: Workflow[Any, Any, Any], task: AgentTask
) -> AgentResult[Any]:
    """Run the loop as one composite step."""
    named = by_name(task.tools)

    async def body(scope: StepScope) -> AgentResult[Any]:
        asking = Asking(incarnation) if scope.loop >= ASKING_SINCE else None
        reader = _reader(scope, workflow, task)
        with scope.below() as lane:
            lane.by_model = True
            shown = task if reader is None else await _covered(scope, workflow, task, reader)
            window = _window(scope, shown, reader)
            history = CallHistory()
            history.known.give(f"{task.goal}\n{task.input}")
            calls = AgentCalls(
                incarnation, workflow, named, history, asking, scope.loop, window.kept, reader
            )
            result = await _loop(scope, shown, calls, window)
        scope.facts |= {"stop_reason": result.stop_reason, "turns": result.turns}
        return result

    codec = codec_for(AgentResult[task.result])
    return await incarnation.perform("agent", task.role, task.request(), codec, body)


def _window(scope: StepScope, task: AgentTask, reader: Reader | None) -> AgentWindow:
    pinned = Pinned(task.goal, task.constraints, task.input)
    specs = tuple(tool.contract.spec() for tool in task.tools)
    if reader is not None:
        specs = (*specs, READER)
    return open_window(scope, task.role, pinned, specs, task.window)


async def _loop(
    scope: StepScope, task: AgentTask, calls: AgentCalls, window: AgentWindow
) -> AgentResult[Any]:
    incarnation, ids = scope.incarnation, set[str]()

    def ended(reason: StopReason, turn: int, why: str) -> AgentResult[Any]:
        return AgentResult(None, reason, turn, calls.count, why, calls.findings())

    for turn in range(1, task.max_turns + 1):
        try:
            call = await window.next_call()
            response = await call_model(incarnation, call)
        except ModelFailed as error:
            return ended("model_failed", turn, error.message)
        except WindowOverflow as error:
            return ended("overflow", turn, error.message)
        message = told_apart(response.message, ids)
        wanted = [p for p in message.parts if isinstance(p, ToolCallPart)]
        if not wanted:
            try:
                output = _output(task, response.message, calls.reader)
            except (ValueError, EncodingError) as error:
                return ended("invalid_output", turn, str(error))
            return AgentResult(output, "completed", turn, calls.count)
        window.kept.begin(len(wanted))
        calls.looks_back = bool(call.own_tools)
        answers = await _answers(scope, calls, wanted)
        said = await calls.ask()
        window.add(turn, (message, answers, *map(user_message, said)), said)
        if calls.stuck and not await _may_go_on(incarnation, task, calls):
            return ended("stuck", turn, calls.stuck)
        if (pause := calls.pause()) is not None:
            await sleep_until(incarnation, incarnation.host.clock.now() + pause)
    return ended("max_turns", task.max_turns, "the turn limit was reached")


async def _answers(scope: StepScope, calls: AgentCalls, wanted: list[ToolCallPart]) -> Message:
    if scope.loop >= TURNS_SINCE:
        return await answer_all(scope, wanted, calls)
    return Message("tool", tuple([await calls.answer(part) for part in wanted]))


def _reader(scope: StepScope, workflow: Workflow[Any, Any, Any], task: AgentTask) -> Reader | None:
    """Return what hides values from this planner, if a tool of its brings any that it may not see.

    Its secret is of this loop, and recorded with it.
    """
    veiled = any(not t.contract.trusted or is_marked(t.contract.returns) for t in task.tools)
    if workflow.untrusted != "quarantine" or not veiled or scope.loop < QUARANTINE_SINCE:
        return None
    opening = scope.recorded.last(EntryPhase.OPEN) if scope.recorded else None
    secret = secrets.token_hex(16) if opening is None else str(opening.facts["handles"])
    scope.opening["handles"] = secret
    return Reader(scope.incarnation, Quarantine(secret), task.role)


async def _covered(
    scope: StepScope, workflow: Workflow[Any, Any, Any], task: AgentTask, reader: Reader
) -> AgentTask:
    """Return the task as the planner sees it: what code quoted of others is hidden there too."""
    index = await known_values(scope.incarnation, workflow)
    goal, given, *constraints = (
        reader.quarantine.cover(text, index.quoted_in(text))
        for text in (task.goal, task.input, *task.constraints)
    )
    return replace(task, goal=goal, input=given, constraints=tuple(constraints))


def _output(task: AgentTask, message: Message, reader: Reader | None) -> Any:
    text = "".join(p.content for p in message.parts if isinstance(p, TextPart))
    if reader is not None:
        text = reader.quarantine.reveal(text)
    data = json.dumps(text) if task.result is str else text
    return codec_for(task.result).decode(data.encode(), what="result of the agent")


async def _may_go_on(incarnation: Incarnation, task: AgentTask, calls: AgentCalls) -> bool:
    """Ask a person whether a stuck agent may go on; nobody's answer ends it.

    Of agents that call each other it is the outermost who asks: a caller waits for the others.
    """
    if task.when_stuck == "stop" or (incarnation.circles and incarnation.record.parent):
        return False
    findings = [[f.tool, f.arguments, f.result] for f in calls.findings()[-_SHOWN:]]

    def question(occasion: Occasion) -> Question:
        return input_question(
            occasion,
            prompt="An agent goes round in circles: end its task, or let it go on?",
            options=("end", "go_on"),
            subject={"goal": task.goal, "input": task.input, "findings": findings},
            reason=calls.stuck,
        )

    try:
        answer = await ask_person(incarnation, "stuck", question, REVIEW_TIMEOUT)
    except (Denied, Expired):
        return False
    if answer.choice != "go_on":
        return False
    calls.go_on()
    return True
