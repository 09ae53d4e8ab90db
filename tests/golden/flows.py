"""Workflows whose recorded runs are kept for good: today's code must replay every one of them.

``python -m tests.golden.flows NAME`` records a new one after a change of the recorded form; the old
ones stay.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from stanchion import Expired, Principal, Run, ToolFailed, allow, workflow
from stanchion.ledger import open_store
from stanchion.models import ScriptedModel
from stanchion.testing import Answers, FakeClock, export_run
from stanchion.testing._simulate import Simulation
from stanchion.values import ToolCallPart
from stanchion.workflows import ReplayMode, Workflow
from tests.golden.agents import agent_models, agents, say
from tests.workflows.desk import Bank, balance, pay_and_reconcile, pay_blindly, pay_with_key

FOLDER = Path(__file__).parent


class Mood(StrEnum):
    GOOD = "good"
    BAD = "bad"


class Order(BaseModel):
    item: str
    count: int


def double(n: int) -> int:
    return 2 * n


@workflow
async def steps(run: Run, n: int) -> list[int]:
    """Reads in sequence, side by side, in a scope, in a race, by completion, with a time limit."""
    first = await run.read(double, n)
    await run.now()
    await run.random()
    many = await run.map(lambda i: run.read(double, i), range(3))
    with run.scope():
        scoped = await run.read(double, 5)
    index, won = await run.race(run.read(double, 6), run.sleep(30))
    order = [i async for i, _ in run.as_completed(run.sleep(3), run.sleep(1))]
    try:
        await run.timeout(run.receive(Order), 60)
    except Expired:
        first += 1
    patched = await run.patched("golden")
    return [first, *many, scoped, index, won or 0, *order, int(patched)]


@workflow(
    tools=[balance, pay_with_key, pay_and_reconcile, pay_blindly],
    untrusted_may=[allow(pay_with_key), allow(pay_and_reconcile)],
)
async def effects(run: Run[Bank], account: str) -> list[str]:
    """A read, keyed, reconciled, approved and refused writes, an unknown outcome, a function."""
    amount = await run.call(balance, account)
    receipts = [await run.call(pay_with_key, account, amount)]
    receipts.append(await run.call(pay_and_reconcile, account, 7))
    receipts.append(await run.call(pay_blindly, account, 8))
    try:
        await run.call(balance, "nobody")
    except ToolFailed as error:
        receipts.append(error.facts["error"]["code"])
    receipts.append(str(await run.step(double, 4)))
    return receipts


@workflow(tools=[balance, pay_with_key], untrusted_may=[allow(pay_with_key)])
async def nodes(run: Run[Bank], text: str) -> list[object]:
    """Decisions by model and person, an extraction, an agent, a question, a child."""
    sure = await run.decide(Mood, "How is it?", evidence=text)
    unsure = await run.decide(Mood, "How will it be?", evidence=text)
    order = await run.extract(Order, source=text)
    agent = await run.agent(goal="Pay 3 to 111.", tools=[balance, pay_with_key], input=text)
    name = await run.ask("Who are you?")
    twice = await run.child(steps, 1)
    return [sure.value, unsure.decided_by, order and order.item, agent.output, name, twice[0]]


@dataclass
class Golden:
    """How one golden run is made."""

    workflow: Workflow[Any, Any, Any]
    value: Any
    answers: Answers = ()
    models: Callable[[], dict[str, Any]] = dict
    bank: Bank = field(default_factory=Bank)


def node_models() -> dict[str, Any]:
    """Return the models of ``nodes``."""
    call = ToolCallPart("c1", "pay_with_key", {"account": "111", "amount": 3})
    return {
        "fast": ScriptedModel([{"good": 0.95, "bad": 0.05}, {"good": 0.6, "bad": 0.4}]),
        "quarantine": ScriptedModel([{"item": "lamp", "count": 2}]),
        "strong": ScriptedModel([call, "paid " * 200]),
    }


GOLDEN = {
    "agents": Golden(agents, "Pay 3 to 111, look at 111 and 222.", say, agent_models),
    "steps": Golden(steps, 4),
    "effects": Golden(
        effects, "111", [("approve"), ("happened", "seen")], bank=Bank(lose_answers=1)
    ),
    "nodes": Golden(nodes, "Two lamps, please.", ["bad", ("answer", "Ada")], node_models),
}


async def record(name: str) -> Path:
    """Make a golden run and write it."""
    golden = GOLDEN[name]
    clock = FakeClock(automatic=True)
    store = open_store("sqlite://:memory:", clock=clock.now)
    simulation = Simulation(store, clock, golden.models(), golden.bank, replay=ReplayMode())
    who = Principal("ada", claims={"account": "111"})
    run = await simulation.create(golden.workflow, golden.value, who)
    done = await simulation.drive(golden.workflow, run, golden.answers)
    if done.state != "completed":
        raise SystemExit(f"{name}: {done.state} {done.reason}")
    number = len(list(FOLDER.glob(f"{name}-*.jsonl"))) + 1
    path = FOLDER / f"{name}-{number}.jsonl"
    await export_run(store, run, path)
    await store.close()
    return path


if __name__ == "__main__":
    for wanted in sys.argv[1:]:
        sys.stdout.write(f"{asyncio.run(record(wanted))}\n")
