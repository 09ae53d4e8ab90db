"""A tool served to MCP clients: what a client gets for a call within bounds, and beyond them."""

import asyncio

from stanchion import Stanchion, allow, tool
from stanchion.integrations import ToolServer


@tool(write=True, targets={"account"})
async def refund(account: str, amount: int) -> str:
    """Pay money back."""
    return f"{amount} to {account}"


server = ToolServer(
    Stanchion("sqlite://:memory:"),
    [refund],
    name="desk",
    untrusted_may=[allow(refund, max_amount=50)],
)


async def main() -> None:
    async with server.app:
        small = await server.call("refund", {"account": "12", "amount": 20})
        print(small.value)
        large = {"account": "12", "amount": 500}
        waiting = await server.call("refund", large)
        print(waiting.error and (waiting.error.code, waiting.error.action.value))
        await server.app.answer(waiting.reviews[0], "approve", by="ada")
        done = await server.call("refund", large)
        print(done.value, done.run == waiting.run)


asyncio.run(main())
# > 20 to 12
# > ('waiting_for_person', 'wait')
# > 500 to 12 True
