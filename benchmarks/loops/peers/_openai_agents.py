"""OpenAI Agents SDK: an agent and its runner; two agents have each other as a hand-off."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from agents import Agent, FunctionTool, Model, ModelResponse, Runner, Usage, set_tracing_disabled
from agents.exceptions import AgentsException, MaxTurnsExceeded
from openai.types.responses import (
    ResponseFunctionToolCall,
    ResponseOutputMessage,
    ResponseOutputText,
)

from benchmarks.loops._contender import TWO_AGENTS, Outcome, Trial, messages, serve, unstopped
from benchmarks.loops._world import ASK, LIMIT, TOOLS, Failure, World

set_tracing_disabled(True)


class Scripted(Model):
    def __init__(self, say: Callable[[], Any]) -> None:
        self._say = say

    async def get_response(self, *_: Any, **__: Any) -> ModelResponse:
        return ModelResponse([self._say()], Usage(), None)

    def stream_response(self, *_: Any, **__: Any) -> AsyncIterator[Any]:
        raise NotImplementedError


def text(said: str) -> ResponseOutputMessage:
    content = ResponseOutputText(text=said, type="output_text", annotations=[])
    return ResponseOutputMessage(
        id="m", content=[content], role="assistant", status="completed", type="message"
    )


def proposal(name: str, arguments: Any, number: int) -> ResponseFunctionToolCall:
    return ResponseFunctionToolCall(
        call_id=f"c{number}", name=name, arguments=json.dumps(arguments), type="function_call"
    )


def tools_of(world: World, agents: list[Agent[Any]]) -> list[FunctionTool]:
    def make(name: str, argument: str, kind: type) -> FunctionTool:
        async def answer(_: Any, given: str) -> Any:
            value = json.loads(given)[argument]
            if name == ASK:
                return (await Runner.run(agents[0], value)).final_output
            try:
                return json.dumps(world.answer(name, value))
            except Failure as failure:
                return f"error: {failure}"

        types = {int: "integer", str: "string"}
        schema = {
            "type": "object",
            "properties": {argument: {"type": types[kind]}},
            "required": [argument],
            "additionalProperties": False,
        }
        return FunctionTool(name, "A tool.", schema, answer)

    return [make(name, argument, kind) for name, (argument, kind) in TOOLS.items()]


async def measure(trial: Trial) -> Outcome:
    if trial.pattern == TWO_AGENTS:
        return await two_agents(trial)
    world = World(trial.case())

    def say() -> Any:
        call = world.propose()
        if call is None:
            return text("done")
        return proposal(call.tool, {TOOLS[call.tool][0]: call.argument}, world.proposed)

    agents: list[Agent[Any]] = []
    agent = Agent("worker", model=Scripted(say), tools=tools_of(world, agents))
    agents.append(agent)
    try:
        await Runner.run(agent, world.case.task)
    except AgentsException as error:
        return stopped(error, world.wasted)
    return unstopped(world)


async def two_agents(trial: Trial) -> Outcome:
    words, count = messages(trial), itertools.count(1)
    asked = 0

    def speaker(other: str) -> Callable[[], Any]:
        def say() -> Any:
            nonlocal asked
            asked = next(count)
            next(words)
            return text("done") if asked > LIMIT else proposal(f"transfer_to_{other}", {}, asked)

        return say

    clerk = Agent("clerk", model=Scripted(speaker("expert")))
    expert = Agent("expert", model=Scripted(speaker("clerk")), handoffs=[clerk])
    clerk.handoffs.append(expert)
    try:
        await Runner.run(clerk, "settle this")
    except AgentsException as error:
        return stopped(error, asked - 1)
    return Outcome("never", asked - 1, kept=True)


def stopped(error: AgentsException, wasted: int) -> Outcome:
    """The exception carries what the run made; that counts as kept."""
    kept = isinstance(error, MaxTurnsExceeded) and bool(error.run_data and error.run_data.new_items)
    return Outcome("stopped", wasted, kept=kept, how=type(error).__name__)


if __name__ == "__main__":
    serve(measure)
