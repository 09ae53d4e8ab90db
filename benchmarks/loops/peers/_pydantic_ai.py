"""Pydantic AI: an agent with a function model; two agents have each other as a tool."""

from __future__ import annotations

import itertools
from typing import Any

from pydantic_ai import Agent, Tool
from pydantic_ai.exceptions import AgentRunError
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

from benchmarks.loops._contender import TWO_AGENTS, Outcome, Trial, messages, serve, unstopped
from benchmarks.loops._world import ASK, LIMIT, TOOLS, Failure, World


def model_of(world: World) -> FunctionModel:
    def say(_: list[ModelMessage], __: AgentInfo) -> ModelResponse:
        call = world.propose()
        if call is None:
            return ModelResponse([TextPart("done")])
        return ModelResponse([ToolCallPart(call.tool, {TOOLS[call.tool][0]: call.argument})])

    return FunctionModel(say)


def tools_of(world: World, agents: list[Agent[None, str]]) -> list[Tool[Any]]:
    def make(name: str, argument: str, kind: type) -> Tool[Any]:
        async def answer(**given: Any) -> Any:
            if name == ASK:
                return (await agents[0].run(given[argument])).output
            try:
                return world.answer(name, given[argument])
            except Failure as failure:
                return f"error: {failure}"

        types = {int: "integer", str: "string"}
        schema = {
            "type": "object",
            "properties": {argument: {"type": types[kind]}},
            "required": [argument],
        }
        return Tool.from_schema(answer, name, "A tool.", schema)

    return [make(name, argument, kind) for name, (argument, kind) in TOOLS.items()]


async def measure(trial: Trial) -> Outcome:
    if trial.pattern == TWO_AGENTS:
        return await two_agents(trial)
    world = World(trial.case())
    agents: list[Agent[None, str]] = []
    agent = Agent(model_of(world), tools=tools_of(world, agents))
    agents.append(agent)
    try:
        await agent.run(world.case.task)
    except AgentRunError as error:
        return Outcome("stopped", world.wasted, kept=False, how=type(error).__name__)
    return unstopped(world)


async def two_agents(trial: Trial) -> Outcome:
    words, count = messages(trial), itertools.count(1)
    asked = 0

    def speak(given: list[ModelMessage], _: AgentInfo) -> ModelResponse:
        nonlocal asked
        if len(given) > 1:  # the other has answered
            return ModelResponse([TextPart("done")])
        asked = next(count)
        if asked > LIMIT:
            return ModelResponse([TextPart("done")])
        return ModelResponse([ToolCallPart("ask_other", {"question": next(words)})])

    clerk: Agent[None, str] = Agent(FunctionModel(speak))
    expert: Agent[None, str] = Agent(FunctionModel(speak))
    for agent, other in ((clerk, expert), (expert, clerk)):
        add_question(agent, other)
    try:
        await clerk.run("settle this")
    except AgentRunError as error:
        return Outcome("stopped", asked - 1, kept=False, how=type(error).__name__)
    return Outcome("never", asked - 1, kept=True)


def add_question(agent: Agent[None, str], other: Agent[None, str]) -> None:
    @agent.tool_plain
    async def ask_other(question: str) -> str:
        """Ask the other agent."""
        return (await other.run(question)).output


if __name__ == "__main__":
    serve(measure)
