"""A tool, a workflow, and a run of it in memory."""

import asyncio

from stanchion import Run, allow, tool, workflow
from stanchion.testing import simulate


@tool(write=True, accepts_key=True)
async def refund(account: str, pounds: int) -> str:
    """Pay money back to an account."""
    return f"£{pounds} to {account}"


@workflow(tools=[refund], untrusted_may=[allow(refund, max_pounds=50)])
async def handle(run: Run, pounds: int) -> str:
    """Pay a refund: within the bound alone, beyond it after a person's approval."""
    return await run.call(refund, "4400112201", pounds)


print(asyncio.run(simulate(handle, 20)).output)
# > £20 to 4400112201
beyond = asyncio.run(simulate(handle, 80, answers=["approve"]))
print(beyond.questions[0].reason, "->", beyond.output)
# > pounds 80 is over max_pounds=50 of allow(refund) -> £80 to 4400112201
