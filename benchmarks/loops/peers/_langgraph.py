"""LangGraph: its prebuilt ReAct agent; two agents are two nodes that hand over to each other."""

from __future__ import annotations

import itertools
import warnings
from typing import Any, TypedDict

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import StructuredTool
from langgraph.errors import GraphRecursionError
from langgraph.graph import END, START, StateGraph
from langgraph.prebuilt import create_react_agent
from pydantic import create_model

from benchmarks.loops._contender import TWO_AGENTS, Outcome, Trial, messages, serve, unstopped
from benchmarks.loops._world import ASK, LIMIT, TOOLS, Failure, World

warnings.simplefilter("ignore")


class Scripted(BaseChatModel):
    world: Any

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Any, **_: Any) -> Any:
        return self

    def _generate(self, given: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        call = self.world.propose()
        message = AIMessage("done")
        if call is not None:
            arguments = {TOOLS[call.tool][0]: call.argument}
            made = {"name": call.tool, "args": arguments, "id": f"c{self.world.proposed}"}
            message = AIMessage("", tool_calls=[made])
        return ChatResult(generations=[ChatGeneration(message=message)])


def tools_of(world: World, agents: list[Any]) -> list[StructuredTool]:
    def make(name: str, argument: str, kind: type) -> StructuredTool:
        async def answer(**given: Any) -> Any:
            if name == ASK:
                told = await agents[0].ainvoke({"messages": [("user", given[argument])]})
                return told["messages"][-1].content
            try:
                return world.answer(name, given[argument])
            except Failure as failure:
                return f"error: {failure}"

        schema = create_model(name, **{argument: (kind, ...)})
        return StructuredTool.from_function(
            coroutine=answer, name=name, description="A tool.", args_schema=schema
        )

    return [make(name, argument, kind) for name, (argument, kind) in TOOLS.items()]


async def measure(trial: Trial) -> Outcome:
    if trial.pattern == TWO_AGENTS:
        return await two_agents(trial)
    world = World(trial.case())
    agents: list[Any] = []
    agent = create_react_agent(Scripted(world=world), tools_of(world, agents))
    agents.append(agent)
    try:
        await agent.ainvoke({"messages": [("user", world.case.task)]})
    except GraphRecursionError as error:
        return Outcome("stopped", world.wasted, kept=False, how=type(error).__name__)
    return unstopped(world)


class Talk(TypedDict):
    said: str


async def two_agents(trial: Trial) -> Outcome:
    words, count = messages(trial), itertools.count(1)
    asked = 0

    async def speak(_: Talk) -> dict[str, str]:
        nonlocal asked
        asked = next(count)
        return {"said": "done" if asked > LIMIT else next(words)}

    builder = StateGraph(Talk)
    for name, other in (("clerk", "expert"), ("expert", "clerk")):
        builder.add_node(name, speak)
        route = {True: END, False: other}
        builder.add_conditional_edges(name, lambda talk: talk["said"] == "done", route)
    builder.add_edge(START, "clerk")
    try:
        await builder.compile().ainvoke({"said": "settle this"})
    except GraphRecursionError as error:
        return Outcome("stopped", asked - 1, kept=False, how=type(error).__name__)
    return Outcome("never", asked - 1, kept=True)


if __name__ == "__main__":
    serve(measure)
