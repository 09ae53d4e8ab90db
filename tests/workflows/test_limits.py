"""Limits in runs: rates and breakers that runs share, agents that are stopped, restarts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from stanchion import CallContext, NotPerformed, Refused, Run, ToolFailed, allow, tool, workflow
from stanchion.ledger import NewRun, RunRecord, Store, open_store, payload
from stanchion.models import ModelRequest, ScriptedModel
from stanchion.testing import FakeClock, crash_at_every_commit, simulate
from stanchion.tools import Breaker, Rate
from stanchion.values import ToolCallPart, ToolResponsePart
from stanchion.workflows import AgentResult, Host, Workflow, Workflows, advance

MINUTE = timedelta(minutes=1)


@dataclass
class Desk:
    """A target that counts its calls and can be told to fail."""

    calls: list[str] = field(default_factory=list[str])
    fails: bool = False
    answer: Callable[[int], Any] = lambda n: {"state": "queued"}

    def ask(self, item: str) -> Any:
        self.calls.append(item)
        if self.fails:
            raise ConnectionRefusedError
        return self.answer(len(self.calls))


@tool(read=True, rate=Rate(2, per=MINUTE), retries=0)
async def rated(call: CallContext[Desk], item: str) -> Any:
    """Ask, twice a minute."""
    return call.deps.ask(item)


@tool(read=True, breaker=Breaker(failures=2, cooldown=MINUTE), retries=0)
async def broken(call: CallContext[Desk], item: str) -> Any:
    """Ask a target that may be down."""
    return call.deps.ask(item)


@tool(write=True, accepts_key=True, breaker=Breaker(failures=2, cooldown=MINUTE), retries=0)
async def broken_write(call: CallContext[Desk], item: str) -> Any:
    """Tell a target that may be down."""
    return call.deps.ask(item)


@tool(read=True)
async def status(call: CallContext[Desk], job: str) -> Any:
    """Ask how a job stands."""
    return call.deps.ask(job)


@tool(read=True, fresh=10 * MINUTE)
async def fresh_status(call: CallContext[Desk], job: str) -> Any:
    """Ask how a job stands; an answer holds for ten minutes."""
    return call.deps.ask(job)


@tool(read=True, rate=Rate(1, per=MINUTE), needs_review=True)
async def rated_and_seen(call: CallContext[Desk], item: str) -> Any:
    """Ask once a minute, after a person."""
    return call.deps.ask(item)


@workflow(tools=[rated])
async def three_calls(run: Run[Desk], item: str) -> float:
    before = await run.now()
    for n in range(3):
        await run.call(rated, f"{item}{n}")
    return (await run.now() - before).total_seconds()


@workflow(tools=[broken])
async def one_call(run: Run[Desk], item: str) -> str:
    try:
        return str(await run.call(broken, item))
    except ToolFailed as failed:
        return str(failed.facts["error"]["code"])


@workflow(tools=[status, fresh_status])
async def waits_for_job(run: Run[Desk], when_stuck: Any) -> AgentResult[str]:
    tools = [status] if when_stuck != "fresh" else [fresh_status]
    return await run.agent(
        goal="Wait for job 7.",
        tools=tools,
        max_turns=40,
        when_stuck="stop" if when_stuck == "fresh" else when_stuck,
    )


def host(store: Store, *served: Workflow[Any, Any, Any], **given: Any) -> Host:
    return Host(store, Workflows(served), "worker", **given)


async def moved(
    where: Host, run: str, served: Workflow[Any, Any, Any], value: Any = "x"
) -> RunRecord:
    """Start a run, move it as far as it goes and return its record."""
    new = NewRun(run, served.name, served.version, payload(value))
    record = await where.store.create(new)
    while record.state == "running":
        moved_to = await advance(where, run)
        assert moved_to is not None
        record = moved_to
    return record


def polls(name: str = "status") -> ScriptedModel:
    def poll(request: ModelRequest) -> ToolCallPart:
        return ToolCallPart(f"c{len(request.messages)}", name, {"job": "7"})

    return ScriptedModel(poll)


def told(model: ScriptedModel) -> list[Any]:
    parts = [p for m in model.requests[-1].messages for p in m.parts]
    return [p.response for p in parts if isinstance(p, ToolResponsePart)]


# Rates


@pytest.mark.promise("LIMIT-3")
async def test_code_waits_for_its_turn_and_the_wait_is_recorded() -> None:
    desk = Desk()

    done = await simulate(three_calls, "x", deps=desk)

    assert done.output == 30
    assert len(desk.calls) == 3
    third = done.steps[3]
    assert ["limit", "pass: waits 30 s for its turn"] in third.facts["verdicts"]
    assert [child.kind for child in third.children] == ["sleep"]


@pytest.mark.promise("LIMIT-3")
async def test_runs_in_other_processes_share_a_tools_rate_and_it_survives_them(
    shared_url: str,
) -> None:
    clock = FakeClock()
    desk = Desk()
    for n in range(2):  # each store stands for a process of its own, which then ends
        store = open_store(shared_url, clock=clock.now)
        where = host(store, three_calls, deps=desk, clock=clock)
        record = await moved(where, f"run-{n}", three_calls)
        assert record.state == "waiting"
        await store.close()

    assert len(desk.calls) == 2


@pytest.mark.promise("LIMIT-3")
async def test_wherever_a_process_dies_a_rate_is_never_exceeded() -> None:
    desk = Desk()

    async for crash in crash_at_every_commit(three_calls, "x", deps=desk, before=desk.calls.clear):
        assert crash.result.output is not None
        assert crash.result.output >= 30, crash  # a token may be lost with a process, never gained
        assert {"x0", "x1", "x2"} == set(desk.calls)


async def test_a_call_that_was_admitted_takes_no_second_token_when_it_is_resumed() -> None:
    desk = Desk()

    @workflow(tools=[rated_and_seen])
    async def twice(run: Run[Desk], _: str) -> float:
        before = await run.now()
        await run.call(rated_and_seen, "a")
        await run.call(rated_and_seen, "b")
        return (await run.now() - before).total_seconds()

    done = await simulate(twice, "x", deps=desk, answers=["approve", "approve"])

    assert done.output == 60
    assert desk.calls == ["a", "b"]


async def test_beyond_its_patience_a_call_from_code_fails_with_the_time_to_wait() -> None:
    hasty = replace(rated.contract, rate=Rate(1, per=MINUTE, patience=timedelta(seconds=1)))
    hurried = type(rated)(rated.fn, hasty)

    @workflow(tools=[hurried])
    async def hurry(run: Run[Desk], _: str) -> dict[str, Any]:
        await run.call(hurried, "a")
        try:
            return {"answer": await run.call(hurried, "b")}
        except ToolFailed as failed:
            return failed.facts["error"]

    done = await simulate(hurry, "x", deps=Desk())

    assert done.output is not None
    assert done.output["code"] == "limit_reached"
    assert (done.output["action"], done.output["retry_after"]) == ("wait", 60.0)


@pytest.mark.promise("LIMIT-3")
@pytest.mark.parametrize("whose", ["run", "tenant"])
async def test_a_rate_of_the_run_or_of_the_tenant_holds_for_all_their_calls(whose: str) -> None:
    rate = Rate(3, per=MINUTE)

    @workflow(tools=[status], rate=rate if whose == "run" else None)
    async def asks(run: Run[Desk], _: str) -> None:
        for n in range(5):
            await run.call(status, str(n))

    clock, desk = FakeClock(), Desk()
    store = open_store("sqlite://:memory:", clock=clock.now)
    where = host(store, asks, deps=desk, clock=clock, rate=rate if whose == "tenant" else None)

    for run in ("a", "b"):
        await moved(where, run, asks)

    assert len(desk.calls) == (6 if whose == "run" else 3)
    await store.close()


async def test_a_model_is_told_to_wait_and_asked_again_when_its_turn_has_come() -> None:
    @workflow(tools=[rated])
    async def agent(run: Run[Desk], _: str) -> AgentResult[str]:
        return await run.agent(goal="Ask about A1, A2, A3.", tools=[rated], max_turns=9)

    calls = [ToolCallPart(f"c{n}", "rated", {"item": f"A{n}"}) for n in (1, 2, 3, 3)]
    model = ScriptedModel([*calls, "done"])

    done = await simulate(agent, "x", deps=Desk(), models={"strong": model})

    assert done.output is not None
    assert done.output.stop_reason == "completed"
    refused = told(model)[2]
    assert (refused["code"], refused["action"], refused["retry_after"]) == (
        "limit_reached",
        "wait",
        30.0,
    )
    assert "sleep" in [child.kind for child in done.steps[0].children]


async def test_without_limits_the_store_is_asked_nothing() -> None:
    class Watched:
        def __init__(self) -> None:
            self.store: Any = open_store("sqlite://:memory:")
            self.decisions = 0

        def __getattr__(self, name: str) -> Any:
            return getattr(self.store, name)

        async def decide(self, keys: Any, decide: Any) -> Any:
            self.decisions += 1
            return await self.store.decide(keys, decide)

    @workflow(tools=[status, broken])
    async def asks(run: Run[Desk], _: str) -> None:
        for n in range(4):
            await run.call(status, str(n))
            await run.call(broken, str(n))

    store: Any = Watched()
    record = await moved(host(store, asks, deps=Desk()), "run", asks)

    assert record.state == "completed"
    assert store.decisions == 1  # how the breaker stands, once in the process
    await store.close()


# Breakers


@pytest.mark.promise("LIMIT-4")
async def test_a_target_that_keeps_failing_is_left_alone_by_all_processes(shared_url: str) -> None:
    clock, desk = FakeClock(), Desk(fails=True)
    one, other = (open_store(shared_url, clock=clock.now) for _ in range(2))
    first, second = (host(s, one_call, deps=desk, clock=clock) for s in (one, other))

    for n in range(3):
        await moved(first, f"first-{n}", one_call)
    ended = await moved(second, "second", one_call)

    assert len(desk.calls) == 2
    assert ended.result == payload("circuit_open").digest
    await one.close()
    await other.close()


@pytest.mark.promise("LIMIT-4")
async def test_after_the_cooldown_one_call_tries_and_its_success_lets_the_others_through() -> None:
    clock, desk = FakeClock(), Desk(fails=True)
    store = open_store("sqlite://:memory:", clock=clock.now)
    where = host(store, one_call, deps=desk, clock=clock)
    for n in range(2):
        await moved(where, f"fails-{n}", one_call)
    clock.advance(MINUTE)

    still = await moved(where, "tries", one_call)
    again = await moved(where, "refused", one_call)
    clock.advance(MINUTE)
    desk.fails = False
    tries = await moved(where, "tries again", one_call)
    after = await moved(where, "after", one_call)

    assert [record.result for record in (still, again)] == [
        payload("unreachable").digest,
        payload("circuit_open").digest,
    ]
    assert len({tries.result, after.result, payload("circuit_open").digest}) == 2
    assert len(desk.calls) == 5
    await store.close()


async def test_a_write_tells_the_breaker_too_and_keeps_its_own_recovery() -> None:
    @workflow(tools=[broken_write], untrusted_may=[allow(broken_write)])
    async def tells(run: Run[Desk], item: str) -> str:
        try:
            return str(await run.call(broken_write, item))
        except ToolFailed as failed:
            return str(failed.facts["error"]["code"])

    clock, desk = FakeClock(), Desk(fails=True)
    store = open_store("sqlite://:memory:", clock=clock.now)
    where = host(store, tells, deps=desk, clock=clock)

    first = await moved(where, "a", tells)  # unknown: sent again later, with its key
    await moved(where, "b", tells)
    third = await moved(where, "c", tells)

    assert first.state == "waiting"
    assert third.result == payload("circuit_open").digest
    await store.close()


async def test_what_the_model_did_wrong_opens_no_breaker() -> None:
    @tool(read=True, breaker=Breaker(failures=1))
    async def picky(item: str) -> str:
        """Refuse everything."""
        raise NotPerformed("not like this")

    @workflow(tools=[picky])
    async def asks(run: Run, _: str) -> list[str]:
        codes: list[str] = []
        for n in range(3):
            try:
                await run.call(picky, str(n))
            except ToolFailed as failed:
                codes.append(failed.facts["error"]["code"])
        return codes

    assert (await simulate(asks, "x")).output == ["not_performed"] * 3


# Agents that go round


@pytest.mark.promise("LIMIT-1")
async def test_a_stuck_agent_is_stopped_with_what_it_found() -> None:
    desk = Desk()
    model = polls()

    done = await simulate(waits_for_job, "stop", deps=desk, models={"strong": model})

    result = done.output
    assert result is not None
    assert result.stop_reason == "stuck"
    assert "the same call of status" in result.explanation
    assert [(f.tool, f.result) for f in result.partial] == [("status", {"state": "queued"})]
    assert len(desk.calls) == 9
    notices = [answer.get("notice", "") for answer in told(model)]
    assert notices[:2] == ["", ""]
    assert len(set(notices[2:])) == len(notices[2:]) > 4


async def test_a_stuck_agent_waits_for_a_person_who_may_let_it_go_on() -> None:
    desk = Desk(answer=lambda n: {"state": "queued" if n < 12 else f"done {n}"})
    model = polls()

    done = await simulate(
        waits_for_job, "ask", deps=desk, models={"strong": model}, answers=["go_on", "end"]
    )

    (first, *_) = done.questions
    assert first.choices == ("end", "go_on")
    assert "brought nothing new" in first.reason
    assert first.subject["findings"] == [["status", {"job": "7"}, {"state": "queued"}]]
    assert len(desk.calls) > 9


async def test_nobodys_answer_ends_a_stuck_agent() -> None:
    done = await simulate(waits_for_job, "ask", deps=Desk(), models={"strong": polls()})

    assert done.output is not None
    assert done.output.stop_reason == "stuck"


@pytest.mark.no_replay_mode("a new incarnation doesn't know how fresh an answer is")
async def test_a_fresh_answer_is_repeated_from_the_record_and_says_so() -> None:
    desk = Desk()
    model = polls("fresh_status")

    done = await simulate(waits_for_job, "fresh", deps=desk, models={"strong": model})

    calls = [child for child in done.steps[0].children if child.kind == "call"]
    verdicts = [dict(call.facts["verdicts"]).get("limit", "") for call in calls]
    assert verdicts[3].startswith("pass: answered from the record of")
    assert len(desk.calls) < 9


@pytest.mark.promise("LIMIT-1")
async def test_a_stuck_agent_is_stopped_at_the_same_call_wherever_its_process_dies() -> None:
    desk = Desk()
    crashes = 0

    async for crash in crash_at_every_commit(
        waits_for_job,
        "stop",
        models=lambda: {"strong": polls()},
        deps=desk,
        before=desk.calls.clear,
    ):
        crashes += 1
        result = crash.result.output
        assert result is not None, crash
        assert (result.stop_reason, result.turns, result.tool_calls) == ("stuck", 10, 10), crash
        assert len(desk.calls) <= 10  # the read that was in flight is made again

    assert crashes > 40


async def test_arguments_that_never_fit_are_a_circle_too() -> None:
    wrong = ScriptedModel(lambda r: ToolCallPart(f"c{len(r.messages)}", "status", {"name": "7"}))

    done = await simulate(waits_for_job, "stop", deps=Desk(), models={"strong": wrong})

    assert done.output is not None
    assert (done.output.stop_reason, done.output.tool_calls) == ("stuck", 9)
    assert [answer["code"] for answer in told(wrong)[-4:]] == [
        "missing_argument",
        "no_progress",
        "no_progress",
        "no_progress",
    ]


# Runs that call each other


@workflow
async def clerk(run: Run, question: str) -> str:
    return await run.child(expert, question)


@workflow
async def expert(run: Run, question: str) -> str:
    try:
        return await run.child(clerk, question)
    except Refused as refused:
        return f"{refused.facts['rule']} of {question}"


@workflow
async def deeper(run: Run, depth: int) -> str:
    try:
        return await run.child(deeper, depth + 1)
    except Refused as refused:
        return f"{refused.facts['rule']} at {depth}"


async def test_runs_that_call_each_other_with_the_same_input_are_stopped() -> None:
    assert (await simulate(clerk, "q")).output == "circle of q"


async def test_children_of_children_end_at_a_depth() -> None:
    assert (await simulate(deeper, 0)).output == "depth at 8"
