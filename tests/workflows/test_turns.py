"""The calls of one turn: side by side or in order, each recorded by itself, each with an answer."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import Any

import pytest

from stanchion import Expired, Run, allow, tool, workflow
from stanchion.ledger import EntryPhase, Message, NewRun, open_store, payload
from stanchion.testing import crash_at_every_commit, simulate
from stanchion.values import ToolCallPart, ToolResponsePart
from stanchion.workflows import Host, Incarnation, Workflows, advance
from tests.workflows.agents import model, pay, read_by
from tests.workflows.desk import Bank, balance, pay_with_key

TOOLS = [balance, pay_with_key]
GO = "Pay 1, 2, 3, 4 or 30 to 111, look 111 and 222 and nobody up."


@workflow(tools=TOOLS, untrusted_may=[allow(pay_with_key)])
async def helper(run: Run[Bank], text: str) -> str | None:
    return (await run.agent(goal="Help.", tools=TOOLS, input=text)).output


def look(account: str, call: str = "l") -> ToolCallPart:
    return ToolCallPart(call, "balance", {"account": account})


def responses(requests: Any) -> list[ToolResponsePart]:
    parts = [p for m in requests[-1].messages for p in m.parts]
    return [p for p in parts if isinstance(p, ToolResponsePart)]


async def test_the_reads_of_a_turn_run_together() -> None:
    both = asyncio.Barrier(2)

    @tool(read=True, trusted=True)
    async def meet(name: str) -> str:
        """Wait for the other.

        Args:
            name: Whose turn.
        """
        await both.wait()
        return f"{ord(name)} was there"

    @workflow(tools=[meet])
    async def meeting(run: Run, text: str) -> None:
        await run.agent(goal="Meet.", tools=[meet], input=text)

    turn = [ToolCallPart(name, "meet", {"name": name}) for name in ("a", "b")]
    helped = model(turn, "done")
    async with asyncio.timeout(5):
        await simulate(meeting, GO, models={"strong": helped})

    assert read_by(helped) == ["97 was there", "98 was there"]


@pytest.mark.promise("LIMIT-1")
async def test_a_turn_of_many_equal_reads_wastes_few_calls() -> None:
    bank, helped = Bank(), model([look("111", str(n)) for n in range(40)], "done")

    await simulate(helper, GO, models={"strong": helped}, deps=bank, answers=["end"])

    assert bank.looked_up <= 10


async def test_writes_of_a_turn_are_made_in_the_order_proposed() -> None:
    bank, helped = Bank(), model([pay(n, str(n)) for n in (3, 1, 2)], "done")

    await simulate(helper, GO, models={"strong": helped}, deps=bank)

    assert [amount for _, _, amount in bank.sent] == [3, 1, 2]
    assert read_by(helped) == ["receipt 1", "receipt 2", "receipt 3"]


async def test_a_read_after_a_write_in_the_same_turn_sees_what_it_did() -> None:
    class Ledger(Bank):
        def pay(self, key: str, account: str, amount: int) -> str:
            self.balances[account] -= amount
            return super().pay(key, account, amount)

    helped = model([look("111", "a"), pay(30, "b"), look("111", "c")], "done")
    await simulate(helper, GO, models={"strong": helped}, deps=Ledger())

    assert read_by(helped) == [100, "receipt 1", 70]


@pytest.mark.promise("AGENT-1")
async def test_one_refusal_in_a_turn_drops_no_other_call() -> None:
    turn = [
        ToolCallPart("a", "no_such_tool", {}),
        ToolCallPart("b", "balance", "not an object"),
        look("nobody", "c"),
        pay(3, "d"),
    ]
    helped = model(turn, "done")

    await simulate(helper, GO, models={"strong": helped}, deps=Bank())

    answers = {part.id: part.response for part in responses(helped.requests)}
    codes = {call: a["code"] for call, a in answers.items() if isinstance(a, dict)}
    assert codes == {"a": "unknown_tool", "b": "bad_arguments", "c": "tool_crashed"}
    assert answers["d"] == "receipt 1"


@pytest.mark.promise("AGENT-1")
async def test_calls_under_one_id_are_told_apart() -> None:
    helped = model([look("111", "x"), look("222", "x")], [look("111", "x"), look("222", "")], "ok")

    await simulate(helper, GO, models={"strong": helped}, deps=Bank())

    last = helped.requests[-1].messages
    proposed = [p.id for m in last for p in m.parts if isinstance(p, ToolCallPart)]
    answered = [p.id for m in last for p in m.parts if isinstance(p, ToolResponsePart)]
    assert proposed == answered
    assert len(set(proposed)) == 4
    assert "" not in proposed


@pytest.mark.promise("AGENT-1")
async def test_a_crash_in_a_turn_repeats_nothing_that_had_finished() -> None:
    world = [Bank()]

    def before() -> None:
        world[0] = Bank()

    class Deps:
        refuse = False

        def pay(self, *args: Any) -> str:
            return world[0].pay(*args)

    turn = [pay(n, str(n)) for n in (1, 2, 3)]
    async for crash in crash_at_every_commit(
        helper, GO, deps=Deps(), before=before, models=lambda: {"strong": model(turn, "done")}
    ):
        sent = Counter(amount for _, _, amount in world[0].sent)
        assert set(sent) == {1, 2, 3}
        assert sorted(sent.values())[:2] == [1, 1], (crash.point, crash.side, sent)


@pytest.mark.promise("AGENT-1")
@pytest.mark.no_replay_mode("the moment of the cancellation is what it is about")
@pytest.mark.parametrize("how", ["time limit", "cancelled run"])
async def test_a_turn_that_is_cancelled_leaves_an_answer_to_every_call(how: str) -> None:
    begun = asyncio.Event()

    @tool(read=True, trusted=True)
    async def hang(name: str) -> str:
        """Hang.

        Args:
            name: Anything.
        """
        begun.set()
        await asyncio.Event().wait()
        return name

    tools = [balance, hang, pay_with_key]

    @workflow(tools=tools, untrusted_may=[allow(pay_with_key)])
    async def hurried(run: Run[Bank], text: str) -> str:
        try:
            await run.timeout(
                run.agent(goal="Help.", tools=tools, input=text),
                0.05 if how == "time limit" else 60,
            )
        except Expired:
            return "too late"
        return "in time"

    turn = [pay(3, "a"), look("111", "b"), ToolCallPart("c", "hang", {"name": "x"}), pay(4, "d")]
    store, bank = open_store("sqlite://:memory:"), Bank()
    await store.create(NewRun("run", hurried.name, hurried.version, payload(GO)))
    host = Host(store, Workflows([hurried]), "worker", models={"strong": model(turn)}, deps=bank)
    incarnations: list[Incarnation] = []
    moving = asyncio.create_task(advance(host, "run", watch=incarnations.append))
    await begun.wait()
    if how == "cancelled run":
        await store.send(Message("run", "", "cancel", payload({"by": "me"}), "cancel"))
        await incarnations[0].poke()
    async with asyncio.timeout(5):
        record = await moving
    entries = await store.entries("run")
    notes = [e for e in entries if e.phase is EntryPhase.NOTE and e.kind == "agent"]
    kept = await store.payloads("", [e.result for e in notes if e.result])
    await store.close()

    assert record is not None
    assert record.state == ("completed" if how == "time limit" else "cancelled")
    (message,) = [json.loads(data) for data in kept.values()]
    answers = {part["id"]: part["response"] for part in message["parts"]}
    assert answers["a"] == "receipt 1"
    assert answers["b"] == 100
    assert answers["c"]["code"] == answers["d"]["code"] == "cancelled"
    assert [amount for _, _, amount in bank.sent] == [3]
