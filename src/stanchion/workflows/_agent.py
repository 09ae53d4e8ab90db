"""A bounded loop in which a model calls tools: the step for what can't be written down as a plan.

Each turn is a model step; each call it proposes goes through the same gateway as code's. An
identical write proposed again is answered with its recorded outcome; what only the user can say is
asked of a person, and the loop goes on with the answer. It ends with a reason, never with an
exception that loses what was done.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

from stanchion.errors import (
    Denied,
    EncodingError,
    Expired,
    ModelFailed,
    Refused,
    StepError,
    ToolFailed,
)
from stanchion.ledger import codec_for, payload
from stanchion.tools import Tool, by_name, render_error
from stanchion.values import (
    Action,
    Json,
    Message,
    TextPart,
    ToolCallPart,
    ToolError,
    ToolResponsePart,
)
from stanchion.workflows._asking import ASKING_SINCE, Asking
from stanchion.workflows._calls import call_tool
from stanchion.workflows._incarnation import Incarnation, StepScope
from stanchion.workflows._models import ModelCall, call_model
from stanchion.workflows._workflow import Workflow

__all__ = ["AgentResult", "AgentTask", "run_agent"]

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class AgentResult(Generic[T_co]):
    """How an agent's loop ended."""

    output: T_co | None
    """The result, None unless ``stop_reason`` is ``completed``."""
    stop_reason: Literal["completed", "max_turns", "model_failed", "invalid_output"]
    turns: int
    tool_calls: int
    explanation: str = ""


@dataclass(frozen=True, slots=True)
class AgentTask:
    """What an agent is to do."""

    goal: str
    tools: tuple[Tool[..., Any], ...]
    input: str
    result: Any
    role: str
    max_turns: int


@dataclass(slots=True)
class _Loop:
    """The conversation so far."""

    turns: list[Message]
    calls: int = 0
    done: dict[bytes, Json] = field(default_factory=dict[bytes, "Json"])
    """Responses to writes already performed, by tool and arguments."""
    asking: Asking | None = None
    """What only the user can say; None in a loop of a version that asked nobody."""


async def run_agent(
    incarnation: Incarnation, workflow: Workflow[Any, Any, Any], task: AgentTask
) -> AgentResult[Any]:
    """Run the loop as one composite step."""
    named = by_name(task.tools)
    request = payload(
        {
            "goal": task.goal,
            "input": task.input,
            "tools": sorted(named),
            "role": task.role,
            "max_turns": task.max_turns,
        }
    )

    async def body(scope: StepScope) -> AgentResult[Any]:
        asking = Asking(incarnation) if scope.loop >= ASKING_SINCE else None
        with scope.below() as lane:
            lane.by_model = True
            result = await _loop(incarnation, workflow, task, named, asking)
        scope.facts |= {"stop_reason": result.stop_reason, "turns": result.turns}
        return result

    codec = codec_for(AgentResult[task.result])
    return await incarnation.perform("agent", task.role, request, codec, body)


async def _loop(
    incarnation: Incarnation,
    workflow: Workflow[Any, Any, Any],
    task: AgentTask,
    named: Mapping[str, Tool[..., Any]],
    asking: Asking | None,
) -> AgentResult[Any]:
    loop = _Loop([_message("user", task.input)] if task.input else [], asking=asking)
    system = [_message("system", task.goal)]
    specs = tuple(tool.contract.spec() for tool in task.tools)
    for turn in range(1, task.max_turns + 1):
        call = ModelCall(task.role, {"system": system, "turns": tuple(loop.turns)}, specs)
        try:
            response = await call_model(incarnation, call)
        except ModelFailed as error:
            return AgentResult(None, "model_failed", turn, loop.calls, error.message)
        loop.turns.append(response.message)
        wanted = [p for p in response.message.parts if isinstance(p, ToolCallPart)]
        if not wanted:
            return _conclude(task, response.message, turn, loop.calls)
        answers = [await _answer(incarnation, workflow, named, loop, part) for part in wanted]
        loop.turns.append(Message("tool", tuple(answers)))
        if asking is not None:
            loop.turns += [_message("user", said) for said in await asking.ask()]
    return AgentResult(None, "max_turns", task.max_turns, loop.calls, "the turn limit was reached")


def _conclude(task: AgentTask, message: Message, turn: int, calls: int) -> AgentResult[Any]:
    text = "".join(p.content for p in message.parts if isinstance(p, TextPart))
    try:
        data = json.dumps(text) if task.result is str else text
        output = codec_for(task.result).decode(data.encode(), what="result of the agent")
    except (ValueError, EncodingError) as error:
        return AgentResult(None, "invalid_output", turn, calls, str(error))
    return AgentResult(output, "completed", turn, calls)


async def _answer(
    incarnation: Incarnation,
    workflow: Workflow[Any, Any, Any],
    named: Mapping[str, Tool[..., Any]],
    loop: _Loop,
    part: ToolCallPart,
) -> ToolResponsePart:
    """Make one proposed call; every call gets a paired response."""
    loop.calls += 1
    tool = named.get(part.name)
    if tool is None or not isinstance(part.arguments, Mapping):
        return ToolResponsePart(part.id, render_error(_unusable(tool, part, named)))
    identity = payload([part.name, part.arguments]).digest
    if identity in loop.done:
        note = "this exact call was made before in this task; its recorded result follows"
        return ToolResponsePart(part.id, {"notice": note, "result": loop.done[identity]})
    try:
        value = await call_tool(
            incarnation, workflow, tool, part.arguments, origin="model", call_id=part.id
        )
    except (ToolFailed, Denied, Expired, Refused) as error:
        refused = _tool_error(error)
        if loop.asking is not None:
            loop.asking.need(tool.contract, refused)
        return ToolResponsePart(part.id, render_error(refused))
    response: Json = json.loads(tool.contract.encode_result(value).data)
    if tool.contract.effect == "write":
        loop.done[identity] = response
    return ToolResponsePart(part.id, response)


def _tool_error(error: StepError) -> ToolError:
    recorded = error.facts.get("error")
    if recorded is not None:
        return codec_for(ToolError).decode(payload(recorded).data)
    return ToolError(error.code, error.message, Action.STOP)


def _unusable(
    tool: Tool[..., Any] | None, part: ToolCallPart, named: Mapping[str, Any]
) -> ToolError:
    if tool is None:
        return ToolError(
            "unknown_tool",
            "there is no tool with this name",
            Action.USE_OTHER_TOOL,
            expected=f"one of {', '.join(sorted(named))}",
        )
    return ToolError("bad_arguments", "the arguments aren't a JSON object", Action.FIX_ARGUMENTS)


def _message(role: Any, text: str) -> Message:
    return Message(role, (TextPart(text),))
