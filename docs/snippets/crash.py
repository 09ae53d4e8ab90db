"""A crash before and after every commit, and one payment each time."""

import asyncio

from stanchion import CallContext, Run, allow, tool, workflow
from stanchion.testing import crash_at_every_commit, forbid_real_calls

paid: dict[str, int] = {}


@tool(write=True, accepts_key=True)
async def pay(call: CallContext, amount: int) -> str:
    """Pay out; a key that was used before changes nothing."""
    paid.setdefault(call.key, amount)
    return "paid"


@workflow(tools=[pay], untrusted_may=[allow(pay)])
async def pay_once(run: Run, amount: int) -> str:
    """Pay one amount."""
    return await run.call(pay, amount)


async def main() -> None:
    """Crash everywhere."""
    with forbid_real_calls():
        async for crash in crash_at_every_commit(pay_once, 20, before=paid.clear):
            print(crash.side, crash.point, "->", crash.result.output, len(paid))


asyncio.run(main())
# > before note run started -> paid 1
# > after note run started -> paid 1
# > before intent call pay -> paid 1
# > after intent call pay -> paid 1
# > before done call pay -> paid 1
# > after done call pay -> paid 1
# > before note run completed -> paid 1
# > after note run completed -> paid 1
