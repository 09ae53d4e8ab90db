"""Runs that the bodies of tools start: below whom they stand, and where that ends."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count, repeat
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from stanchion import CallContext, Refused, Run, Settings, Stanchion, tool, workflow
from stanchion.integrations import ServedTools, ToolServer
from stanchion.ledger import RunFilter
from stanchion.models import ModelRequest, ScriptedModel
from stanchion.tools import Declaration, render_error
from stanchion.tools.mcp import HttpServer, McpServer
from stanchion.values import ToolCallPart
from stanchion.workflows import AgentResult

QUICK = Settings(poll_seconds=0.02, lease_seconds=0.5)
MOST_WASTED = 10


@dataclass
class Office:
    """What bodies use; the app is put in when there is one."""

    apps: list[Stanchion] = field(default_factory=list[Stanchion])
    refused: list[str] = field(default_factory=list[str])
    served: list[ServedTools] = field(default_factory=list[ServedTools])


def words(result: AgentResult[str]) -> str:
    found = [str(finding.result) for finding in result.partial]
    return f"{result.stop_reason}: {found}"


@tool(read=True)
async def look_up(case: str) -> str:
    """Look a case up.

    Args:
        case: Which.
    """
    return f"record of {case}"


@tool(read=True)
async def ask_expert(call: CallContext[Office], question: str) -> str:
    """Ask the expert.

    Args:
        question: What.
    """
    return await (await call.deps.apps[0].start(expert, question)).result()


@tool(read=True)
async def ask_clerk(call: CallContext[Office], question: str) -> str:
    """Ask the clerk.

    Args:
        question: What.
    """
    return await (await call.deps.apps[-1].start(clerk, question)).result()


@tool(read=True, targets={"account"})
async def balance(account: str) -> int:
    """Say what is left on an account.

    Args:
        account: Its number.
    """
    return len(account)


@workflow(tools=[look_up, ask_expert])
async def clerk(run: Run[Office], question: str) -> str:
    tools = [look_up, ask_expert]
    return words(await run.agent(goal="Settle it.", tools=tools, input=question, max_turns=50))


@workflow(tools=[look_up, ask_clerk])
async def expert(run: Run[Office], question: str) -> str:
    tools = [look_up, ask_clerk]
    return words(await run.agent(goal="Settle it.", tools=tools, input=question, max_turns=50))


@dataclass
class Stubborn:
    """A model that looks something up once and then asks the other, whatever it is told.

    If nothing stops it, it ends by itself, for the test's sake.
    """

    says: Iterator[str]
    asked: int = 0

    def __call__(self, request: ModelRequest) -> ToolCallPart | str:
        turn = sum(message.role == "assistant" for message in request.messages)
        if turn == 0:
            return ToolCallPart("c0", "look_up", {"case": "7"})
        if self.asked > 3 * MOST_WASTED:
            return "done"
        self.asked += 1
        other = next(spec.name for spec in request.tools if spec.name.startswith("ask_"))
        return ToolCallPart(f"c{turn}", other, {"question": next(self.says)})


def same() -> Iterator[str]:
    return repeat("please settle it")


def others() -> Iterator[str]:
    return (f"please settle it, attempt {n}" for n in count())


@pytest.fixture
async def office() -> AsyncIterator[Callable[..., Stanchion]]:
    opened: list[Stanchion] = []

    def make(model: Any, deps: Any, store: str = "sqlite://:memory:") -> Stanchion:
        models = {"strong": ScriptedModel(model)}
        app = Stanchion(store, models=models, settings=QUICK, deps=deps)
        opened.append(app)
        return app

    yield make
    for app in opened:
        await app.close()


@pytest.mark.promise("LIMIT-1")
@pytest.mark.parametrize(("says", "runs"), [(same, 5), (others, 9)], ids=["same", "others"])
async def test_agents_that_call_each_other_by_tools_stop_with_what_they_found(
    office: Callable[..., Stanchion], says: Callable[[], Iterator[str]], runs: int
) -> None:
    deps, model = Office(), Stubborn(says())
    app = office(model, deps)
    deps.apps.append(app)

    handle = await app.start(clerk, "settle case 7")
    record = await handle.settled()
    asked = await app.reviews.pending()
    await app.answer(asked[0].id, "end", by="ada")

    assert len(asked) == 1, "only the outermost asks a person"
    assert asked[0].run == record.id
    assert (await handle.result()).startswith("stuck: ['record of 7'")
    assert len(await app.store.list(RunFilter())) == runs
    assert model.asked - 1 <= MOST_WASTED


async def test_the_circle_is_seen_across_processes(
    office: Callable[..., Stanchion], tmp_path: Path
) -> None:
    deps, model = Office(), Stubborn(others())
    store = f"sqlite:///{tmp_path / 'runs.db'}"
    first, second = office(model, deps, store), office(model, deps, store)
    deps.apps += [first, second]
    for app in (first, second):
        app.workflows.add(clerk)
        app.workflows.add(expert)
        await app.open()

    await (await first.start(clerk, "settle case 7")).settled()

    assert model.asked - 1 <= MOST_WASTED


async def test_a_run_that_a_tool_started_stands_below_the_one_that_called(
    office: Callable[..., Stanchion],
) -> None:
    deps = Office()
    answers = [ToolCallPart("c", "ask_expert", {"question": "why?"}), "because", "thanks"]
    app = office(answers, deps)
    deps.apps.append(app)

    handle = await app.start(clerk, "settle case 7")
    assert await handle.result() == "completed: []"

    (asked,) = await app.store.list(RunFilter(workflow="expert"))
    assert (asked.parent, asked.parent_place) == (handle.id, None)
    assert (await app.start(clerk, "outside of any body")).id
    (last, *_) = await app.store.list(RunFilter(workflow="clerk"))
    assert last.parent == ""


async def test_a_body_that_takes_the_refusal_for_an_answer_ends_the_circle_too(
    office: Callable[..., Stanchion],
) -> None:
    @tool(read=True)
    async def ask_again(call: CallContext[Office], question: str) -> str:
        """Ask somebody.

        Args:
            question: What.
        """
        try:
            return await (await call.deps.apps[0].start(desk, question)).result()
        except Refused as refused:
            call.deps.refused.append(refused.facts["rule"])
            return "nobody is there"

    @workflow(tools=[look_up, ask_again], max_depth=3)
    async def desk(run: Run[Office], question: str) -> str:
        tools = [look_up, ask_again]
        return words(
            await run.agent(goal="Settle.", tools=tools, input=question, when_stuck="stop")
        )

    deps, model = Office(), Stubborn(others())
    app = office(model, deps)
    deps.apps.append(app)

    ended = await (await app.start(desk, "settle case 7")).result()

    assert (deps.refused, model.asked) == (["depth"], 4)
    assert ended.startswith("stuck: ['record of 7'")


async def test_tools_that_are_served_belong_to_the_run_that_calls_them(
    office: Callable[..., Stanchion],
) -> None:
    @tool(read=True)
    async def ask_served(call: CallContext[Office], question: str) -> Any:
        """Ask the desk over a protocol.

        Args:
            question: What.
        """
        answer = await call.deps.served[0].call("ask_desk", {"question": question})
        return render_error(answer.error) if answer.error else answer.value

    @tool(read=True)
    async def ask_desk(call: CallContext[Office], question: str) -> str:
        """Ask the desk.

        Args:
            question: What.
        """
        return await (await call.deps.apps[0].start(desk, question)).result()

    @workflow(tools=[look_up, ask_served])
    async def desk(run: Run[Office], question: str) -> str:
        tools = [look_up, ask_served]
        return words(
            await run.agent(goal="Settle.", tools=tools, input=question, when_stuck="stop")
        )

    deps, model = Office(), Stubborn(others())
    app = office(model, deps)
    deps.apps.append(app)
    deps.served.append(ServedTools(app, [ask_desk]))

    ended = await (await app.start(desk, "settle case 7")).result()

    assert ended.startswith("stuck: ['record of 7'")
    assert model.asked - 1 <= MOST_WASTED


async def test_our_own_server_over_mcp_belongs_to_the_run_that_calls_it(
    office: Callable[..., Stanchion], tmp_path: Path
) -> None:
    @tool(read=True)
    async def ask_desk(call: CallContext[Office], question: str) -> str:
        """Ask the desk.

        Args:
            question: What.
        """
        return await (await call.deps.apps[0].start(desk, question)).result()

    deps, model = Office(), Stubborn(others())
    app = office(model, deps)
    deps.apps.append(app)
    declared = {"ask_desk": Declaration(read=True, trusted=True)}
    async with listening(ToolServer(app, [ask_desk]).asgi()) as port:
        where = HttpServer(f"http://127.0.0.1:{port}/mcp")
        server = McpServer("ask", where, pinned=tmp_path / "lock.json", declared=declared)
        server.approve(await server.look())
        tools = [look_up, *server.tools]

        @workflow(tools=tools)
        async def desk(run: Run[Office], question: str) -> str:
            found = run.agent(goal="Settle.", tools=tools, input=question, when_stuck="stop")
            return words(await found)

        ended = await (await app.start(desk, "settle case 7")).result()
        await server.aclose()

    assert ended.startswith("stuck: ['record of 7'")
    assert model.asked - 1 <= MOST_WASTED


@asynccontextmanager
async def listening(asgi: Any) -> AsyncGenerator[int]:
    """Serve an ASGI app over real HTTP; yield its port."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(asgi, log_level="warning"))
        serving = asyncio.create_task(server.serve([bound]))
        yield bound.getsockname()[1]
        server.should_exit = True
        await serving


@pytest.mark.promise("TOOL-4")
async def test_what_a_model_told_a_tool_isnt_the_users_word_in_the_run_that_it_starts(
    office: Callable[..., Stanchion],
) -> None:
    @tool(read=True)
    async def hand_over(call: CallContext[Office], task: str) -> str:
        """Hand a task over.

        Args:
            task: What.
        """
        return await (await call.deps.apps[0].start(cashier, task)).result()

    @workflow(tools=[balance])
    async def cashier(run: Run[Office], task: str) -> str:
        agent = run.agent(goal="Look.", tools=[balance], input=task, max_turns=2, when_stuck="stop")
        return (await agent).stop_reason

    @workflow(tools=[hand_over])
    async def front(run: Run[Office], question: str) -> str | None:
        return (await run.agent(goal="Help.", tools=[hand_over], input=question)).output

    def say(request: ModelRequest) -> Any:
        if any(spec.name == "balance" for spec in request.tools):
            return ToolCallPart("c", "balance", {"account": "999"})
        handed = len(request.messages) > 2
        return "done" if handed else ToolCallPart("c", "hand_over", {"task": "account 999"})

    deps = Office()
    app = office(say, deps)
    deps.apps.append(app)

    handle = await app.start(front, "what is left?")
    async with asyncio.timeout(20):
        while not (asked := await app.reviews.pending()):
            await app.wait_for_change(handle.id)

    (question,) = asked
    await app.cancel(question.run)
    assert await handle.result() == "done"
    assert (await app.store.get(question.run)).workflow == "cashier"
    assert "account" in question.prompt


@pytest.mark.parametrize("threaded", [False, True])
async def test_a_thread_and_a_task_of_a_body_still_belong_to_it(
    office: Callable[..., Stanchion], *, threaded: bool
) -> None:
    deps = Office()
    loop = asyncio.get_running_loop()

    @workflow
    async def below(run: Run, n: int) -> int:
        return n

    async def start() -> int:
        return await (await deps.apps[0].start(below, 1)).result()

    def from_thread() -> int:
        return asyncio.run_coroutine_threadsafe(start(), loop).result(10)

    async def from_task() -> int:
        return await asyncio.create_task(start())

    @workflow
    async def above(run: Run, _: None) -> int:
        return await run.step(from_thread if threaded else from_task)

    app = office([], deps)
    deps.apps.append(app)
    handle = await app.start(above, None)
    assert await handle.result() == 1

    (started,) = await app.store.list(RunFilter(workflow="below"))
    assert started.parent == handle.id
