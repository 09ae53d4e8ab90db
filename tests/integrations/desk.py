"""A desk whose tools are served: ``stanchion tools serve tests.integrations.desk:server``."""

import asyncio
import os
from datetime import timedelta
from pathlib import Path

from pydantic import BaseModel

from stanchion import CallContext, NotPerformed, Stanchion, ToolError, allow, tool
from stanchion.integrations import ToolServer
from stanchion.values import Action

FOLDER = Path(os.environ.get("DESK_FOLDER", "."))


class Receipt(BaseModel):
    account: str
    amount: int


@tool(read=True)
async def holder(account: str) -> str:
    """Tell whose account this is.

    Args:
        account: Its number.
    """
    if account == "0":
        raise NotPerformed(ToolError("not_found", "no such account", Action.ASK_USER, "account"))
    return f"holder of {account}"


@tool(write=True, targets={"account"})
async def refund(call: CallContext, account: str, amount: int) -> Receipt:
    """Pay money back."""
    with (FOLDER / "paid").open("a") as paid:
        paid.write(f"{account} {amount} {call.key}\n")
    return Receipt(account=account, amount=amount)


@tool(write=True, accepts_key=True)
async def slow(call: CallContext, seconds: float) -> str:
    """Take some time."""
    await asyncio.sleep(seconds)
    return call.key


def paid() -> list[str]:
    """Return what was paid, seen from outside."""
    file = FOLDER / "paid"
    return file.read_text().splitlines() if file.exists() else []


def served(store: str, *, patience: float = 20.0) -> ToolServer:
    return ToolServer(
        Stanchion(store),
        [holder, refund, slow],
        name="desk",
        untrusted_may=[allow(refund, max_amount=10), allow(slow, max_seconds=100)],
        patience=timedelta(seconds=patience),
    )


server = served(os.environ.get("DESK_STORE", "sqlite://:memory:"))
