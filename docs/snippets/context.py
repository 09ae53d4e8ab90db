"""An agent that works for longer than its window."""

import asyncio
from itertools import count

from stanchion import Run, tool, workflow
from stanchion.models import ModelRequest, Scripted, ScriptedModel
from stanchion.testing import simulate
from stanchion.values import ToolCallPart

turns = count(1)


@tool(read=True)
async def read_page(number: int) -> str:
    """Read a page of the log."""
    return f"page {number}: job-{number:04} ended well. " + "All was quiet. " * 20


@workflow(tools=[read_page], untrusted="off")
async def audit(run: Run, log: str) -> str | None:
    """Read a long log with a small window."""
    done = await run.agent(
        goal="Read the whole log and say which jobs failed.",
        constraints=["Name each job by its full number."],
        tools=[read_page],
        input=log,
        max_turns=60,
        window=1_500,
    )
    return done.output


def answer(request: ModelRequest) -> Scripted:
    """Read forty pages, look back at one that has left the window, and end."""
    if request.schema is not None:
        return "no summary today"  # code makes one
    turn = next(turns)
    if turn <= 40:
        return ToolCallPart(f"c{turn}", "read_page", {"number": turn})
    return ToolCallPart("r1", "recall", {"what": "page 3"}) if turn == 41 else "None failed."


model = ScriptedModel(answer)
result = asyncio.run(simulate(audit, "last night's log", models={"strong": model}))
print(result.output)
# > None failed.
first, *_, last = model.requests
print(str(first.messages[0]) in str(last.messages), "job-0003 ended well" in str(last.messages[-1]))
# > True True
