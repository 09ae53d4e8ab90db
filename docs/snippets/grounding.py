"""A model that makes up an account, and one that looks it up by the user's word."""

import asyncio

from stanchion import Run, allow, tool, workflow
from stanchion.models import ScriptedModel
from stanchion.testing import simulate
from stanchion.values import ToolCallPart


@tool(read=True, trusted=True)
async def find_account(holder: str) -> str:
    """Find a customer's account."""
    return {"Ada Stone": "4400112201"}[holder]


@tool(write=True, accepts_key=True, targets={"account"})
async def refund(account: str, amount: int) -> str:
    """Pay money back."""
    return f"{amount} to {account}"


@workflow(tools=[find_account, refund], untrusted_may=[allow(refund, max_amount="50")])
async def desk(run: Run, request: str) -> str:
    result = await run.agent(goal="Do it.", tools=[find_account, refund], input=request)
    return str(result.output)


look_up = ToolCallPart("1", "find_account", {"holder": "Ada Stone"})
pay = ToolCallPart("2", "refund", {"account": "4400112201", "amount": 20})

for said, turns in (("it", [pay]), ("Ada Stone", [pay]), ("Ada Stone", [look_up, pay])):
    models = {"strong": ScriptedModel([*turns, "Done."])}
    done = asyncio.run(simulate(desk, f"Pay 20 back to {said}.", models=models))
    print(done.state, *(q.prompt for q in done.questions))
# > waiting Which account is refund to be called with?
# > waiting Which account is refund to be called with?
# > completed
