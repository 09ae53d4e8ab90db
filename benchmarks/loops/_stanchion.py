"""Stanchion with its defaults: an agent's loop in a simulated run, where waiting takes no time.

Two agents that call each other are two workflows: each one's agent asks for the other, which then
is a child run. As each other's tools they are runs that the tool's body starts, in a real app. What
stops anybody is what they do: the limit on turns is out of reach.
"""

from __future__ import annotations

import itertools
import json
import logging
from typing import Any

from benchmarks.loops._contender import (
    TWO_AGENTS,
    Outcome,
    Trial,
    messages,
    serve,
    unstopped,
)
from benchmarks.loops._stuck import agents_as_tools
from benchmarks.loops._world import LIMIT, TOOLS, Failure, World
from stanchion import (
    CallContext,
    NotPerformed,
    Refused,
    Run,
    Stanchion,
    StepFailed,
    tool,
    workflow,
)
from stanchion.models import ModelRequest, ScriptedModel
from stanchion.testing import simulate
from stanchion.values import (
    Action,
    Part,
    Question,
    TextPart,
    ToolCallPart,
    ToolError,
    ToolResponsePart,
)
from stanchion.workflows import AgentResult

MANY = 100_000
OPEN: list[Stanchion] = []
"""The app in which a tool's body starts another agent; one trial is played at a time."""


def answer(call: CallContext[World], name: str, argument: Any) -> Any:
    try:
        return call.deps.answer(name, argument)
    except Failure as failure:
        error = ToolError("target_said_no", str(failure), Action.ASK_USER)
        raise NotPerformed(error) from failure


@tool(read=True)
async def search(call: CallContext[World], query: str) -> Any:
    """Search for something."""
    return answer(call, "search", query)


@tool(read=True)
async def look_up(call: CallContext[World], id: str) -> Any:  # noqa: A002
    """Look something up."""
    return answer(call, "look_up", id)


@tool(read=True)
async def next_page(call: CallContext[World], cursor: str) -> Any:
    """Return the page at a cursor."""
    return answer(call, "next_page", cursor)


@tool(read=True)
async def get_page(call: CallContext[World], page: int) -> Any:
    """Return a page."""
    return answer(call, "get_page", page)


@tool(read=True)
async def job_status(call: CallContext[World], job: str) -> Any:
    """Return how a job stands."""
    return answer(call, "job_status", job)


@tool(read=True)
async def check(call: CallContext[World], item: str) -> Any:
    """Check an item."""
    return answer(call, "check", item)


@tool(read=True)
async def check_row(call: CallContext[World], row: int) -> Any:
    """Check a row."""
    return answer(call, "check_row", row)


async def forget(call: CallContext[World], result: Any, text: str) -> None:
    """Take a text back; a write with a compensation needs no person beforehand."""


@tool(write=True, accepts_key=True, compensate=forget)
async def save(call: CallContext[World], text: str) -> Any:
    """Save a text."""
    return answer(call, "save", text)


@tool(read=True)
async def ask_other(call: CallContext[World], question: str) -> Any:
    """Ask another agent."""
    result = await (await OPEN[0].start(work, question)).result()
    return result.output or [result.explanation, *(found.result for found in result.partial)]


ALL = [search, look_up, next_page, get_page, job_status, check, check_row, save, ask_other]


@workflow(tools=ALL)
async def work(run: Run[World], task: str) -> AgentResult[str]:
    return await run.agent(goal="Do it.", tools=ALL, input=task, max_turns=MANY, when_stuck="stop")


async def measure(trial: Trial) -> Outcome:
    """Play one trial."""
    if trial.pattern == TWO_AGENTS:
        return await two_agents(trial)
    world = World(trial.case())
    model = ScriptedModel(lambda _: say(world))
    play = in_an_app if trial.pattern == agents_as_tools.__name__ else in_a_simulation
    result = await play(world, model)
    if result is None:
        return Outcome("stopped", world.wasted, kept=False, how="not ended")
    if result.stop_reason == "completed" and not spoilt(model.requests[-1]):
        return unstopped(world)
    kept = bool(result.partial) or not world.answered
    return Outcome("stopped", world.wasted, kept=kept, how=result.explanation)


async def in_a_simulation(world: World, model: ScriptedModel) -> AgentResult[str] | None:
    task, models = world.case.task, {"strong": model}
    return (await simulate(work, task, models=models, deps=world, answers=refuse)).output


async def in_an_app(world: World, model: ScriptedModel) -> AgentResult[str]:
    async with Stanchion("sqlite://:memory:", models={"strong": model}, deps=world) as app:
        OPEN[:] = [app]
        return await (await app.start(work, world.case.task)).result()


def refuse(question: Question) -> str:
    """Answer as a person does who sees what was made and wants no second one."""
    assert question.kind == "approval", question.prompt
    return "deny"


def say(world: World) -> Part:
    call = world.propose()
    if call is None:
        return TextPart("done")
    argument = TOOLS[call.tool][0]
    return ToolCallPart(f"c{world.proposed}", call.tool, {argument: call.argument})


def spoilt(last: ModelRequest) -> bool:
    """Tell whether a call was refused on the way: honest work lost one of its answers."""
    answers = [p for m in last.messages for p in m.parts if isinstance(p, ToolResponsePart)]
    told = " ".join(json.dumps(p.response) for p in answers)
    return "tool-error:no_progress" in told or "tool-error:stuck" in told


async def settle(run: Run, question: str, other: Any) -> str:
    result = await run.agent(goal="Settle it, or ask the other.", tools=[], input=question)
    if result.output is None or result.output == "done":
        return "done"
    try:
        return await run.child(other, result.output)
    except Refused as refused:
        return f"what I had: {question} ({refused.facts['rule']})"
    except StepFailed as failed:
        return str(failed)


@workflow
async def clerk(run: Run, question: str) -> str:
    return await settle(run, question, expert)


@workflow
async def expert(run: Run, question: str) -> str:
    return await settle(run, question, clerk)


async def two_agents(trial: Trial) -> Outcome:
    words = messages(trial)
    count = itertools.count(1)
    asked = 0

    def speak(_: ModelRequest) -> str:
        nonlocal asked
        asked = next(count)
        return "done" if asked > LIMIT else next(words)

    done = await simulate(clerk, "settle this", models={"strong": ScriptedModel(speak)})
    stopped = done.output is not None and done.output.startswith("what I had")
    end = "stopped" if stopped else "never"
    return Outcome(end, asked - 1, kept=stopped, how=done.output or done.reason)


if __name__ == "__main__":
    logging.getLogger("stanchion.tools").setLevel(logging.ERROR)  # a refusal isn't news here
    serve(measure)
