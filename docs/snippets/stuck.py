"""A model that asks for the same thing for ever, and what becomes of it."""

import asyncio

from stanchion import Run, tool, workflow
from stanchion.models import ScriptedModel
from stanchion.testing import simulate
from stanchion.values import ToolCallPart


@tool(read=True)
async def job_status(job: str) -> str:
    """Say how a job stands."""
    return "queued"


@workflow(tools=[job_status])
async def wait_for(run: Run, job: str) -> str:
    done = await run.agent(
        goal="Wait until the job has ended.",
        tools=[job_status],
        input=job,
        max_turns=100,
        when_stuck="stop",
    )
    print(done.stop_reason, "after", done.tool_calls, "calls:", done.explanation)
    return str(done.partial[-1].result)


stubborn = ScriptedModel(lambda _: ToolCallPart("c", "job_status", {"job": "j-7"}))

print(asyncio.run(simulate(wait_for, "j-7", models={"strong": stubborn})).output)
# > stuck after 10 calls: 8 calls in a row brought nothing new: the same call of job_status
# > queued
