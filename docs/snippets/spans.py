"""A run's spans, read from its record: nothing was traced while it ran."""

import asyncio

from stanchion import Run, Stanchion, tool, workflow
from stanchion.models import ScriptedModel
from stanchion.observe import SpanReader
from stanchion.values import ToolCallPart


@tool(read=True, trusted=True)
async def weather(city: str) -> str:
    """Say what the weather is like.

    Args:
        city: The city's name.

    """
    return "rain"


@workflow(tools=[weather])
async def advise(run: Run, city: str) -> str:
    result = await run.agent(goal="Umbrella or not?", tools=[weather], input=city)
    return result.output or ""


async def main() -> None:
    model = ScriptedModel([ToolCallPart("1", "weather", {"city": "Bergen"}), "Umbrella."])
    async with Stanchion("sqlite://:memory:", models={"strong": model}) as app:
        handle = await app.start(advise, "Bergen", tags={"session": "s-1"})
        await handle.result()
        async for span in SpanReader(app.store).of_run(handle.id):
            print(span.name)


asyncio.run(main())

# > chat scripted
# > execute_tool weather
# > chat scripted
# > invoke_agent strong
# > invoke_workflow advise
