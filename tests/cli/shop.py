"""A small shop for the tests of the terminal: tools, workflows and apps to name in commands."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

from stanchion import CallContext, Denied, Expired, Run, Settings, Stanchion, allow, tool, workflow
from stanchion.models import ScriptedModel

HOSTILE = "pay \x1b[31mA-99\x1b[0m\u202e at once"


class Wish(StrEnum):
    """What a customer wants."""

    REFUND = "refund"
    OTHER = "other"


@tool(read=True)
async def look_up(number: str) -> Mapping[str, str]:
    """Look an order up.

    Args:
        number: The order's number.
    """
    return {"number": number, "note": HOSTILE}


@tool(write=True, accepts_key=True, targets={"number"})
async def pay(call: CallContext[None], number: str, amount: int) -> str:
    """Pay for an order.

    Args:
        number: The order's number.
        amount: Whole euros.
    """
    return f"paid {amount} for {number}"


@tool(write=True, timeout=timedelta(seconds=2))
async def pay_blindly(number: str) -> str:
    """Pay in a way that nobody can check.

    Args:
        number: The order's number.
    """
    raise ConnectionError(number)


@workflow(tools=[look_up, pay], untrusted_may=[allow(pay, max_amount="50")])
async def buy(run: Run[None], order: dict[str, int]) -> list[str]:
    """Pay for orders, each by number with its price."""
    receipts: list[str] = []
    for number, price in order.items():
        await run.call(look_up, number)
        try:
            receipts.append(await run.call(pay, number, price))
        except Denied as denied:
            receipts.append(denied.message)
    return receipts


@workflow(tools=[pay_blindly], untrusted_may=[allow(pay_blindly)])
async def hope(run: Run[None], number: str) -> str:
    """Pay in a way that leaves the outcome unknown."""
    return await run.call(pay_blindly, number)


@workflow
async def decide(run: Run[None], text: str) -> str:
    """Let a model decide what a text wants."""
    wish = await run.decide(Wish, "What does the customer want?", evidence=text, threshold=0.6)
    return f"{wish.value} by {wish.decided_by}"


@workflow
async def chat(run: Run[None], text: str) -> str:
    """Ask a person for a choice, then for a text."""
    colour = await run.ask(f"Which colour for {text}?", choices=("red", "green"))
    name = await run.ask("Whose name?", details={"letter": HOSTILE})
    return f"{colour} {name}"


@workflow
async def hurry(run: Run[None], text: str) -> str:
    """Ask a person who has no time to answer."""
    try:
        return await run.ask("Quickly, what?", timeout=timedelta(milliseconds=1))
    except Expired:
        return f"nobody said anything about {text}"


@workflow
async def parent(run: Run[None], text: str) -> str:
    """Let a child ask."""
    return await run.child(chat, text)


def is_mended() -> bool:
    """Tell whether what made ``fail`` fail is mended."""
    return Path("mended").exists()


@workflow
async def fail(run: Run[None], text: str) -> str:
    """Fail while a file isn't there."""
    await run.now()
    if not is_mended():
        raise ValueError(f"{text} \x1b[2Jcan't be done")
    return f"{text} is done"


@workflow
async def branch(run: Run[None], text: str) -> str:
    """Do two things at once."""

    async def twice(index: int) -> int:
        await run.random()
        await run.now()
        return index

    return f"{text} {await run.map(twice, range(2))}"


@workflow
async def nap(run: Run[None], text: str) -> str:
    """Wait for a moment."""
    await run.sleep(timedelta(milliseconds=100))
    return text


@workflow
async def linger(run: Run[None], text: str) -> str:
    """Wait for long."""
    await run.now()
    await run.sleep(timedelta(hours=1))
    return text


def wishing(wish: Mapping[str, float]) -> ScriptedModel:
    """Return a model that always wishes the same."""
    return ScriptedModel(lambda _: wish)


sure = Stanchion(
    workflows=[decide, chat],
    models={"fast": wishing({"refund": 0.9, "other": 0.1})},
    settings=Settings(poll_seconds=0.05),
)
unsure = Stanchion(
    workflows=[decide],
    models={"fast": wishing({"refund": 0.55, "other": 0.45})},
    settings=Settings(poll_seconds=0.05),
)
