"""Branches have lanes of their own; where timing matters, the outcome is a step."""

import asyncio

from stanchion import Expired, Run, workflow
from stanchion.testing import simulate


def price_of(item: str) -> int:
    """Look something up outside; it changes nothing."""
    return len(item)


async def priced(run: Run, item: str) -> int:
    """Take a while, then look up a price."""
    await run.sleep(len(item))
    return await run.read(price_of, item)


@workflow
async def shop(run: Run, items: list[str]) -> str:
    """Show the ways to do several things at once."""
    both = await run.gather(priced(run, items[0]), priced(run, items[1]))
    prices = await run.map(lambda item: priced(run, item), items, limit=2)
    winner, price = await run.race(*(priced(run, item) for item in items))
    order = [index async for index, _ in run.as_completed(*(priced(run, i) for i in items))]
    try:
        await run.timeout(run.receive(dict[str, int]), after=60)
    except Expired:
        return f"{both} {prices} {winner}:{price} {order} nobody paid"
    return "paid"


result = asyncio.run(simulate(shop, ["bread", "tea"]))
print(result.output)
# > (5, 3) [5, 3] 1:3 [1, 0] nobody paid
print([f"{e.place.lane}[{e.place.ordinal}]" for e in result.entries if e.name == "price_of"][:4])
# > ['/f0.1[1]', '/f0.0[1]', '/f1.1[1]', '/f1.0[1]']
