"""One question: what it shows, what it is bound to, and that it is answered once."""

import asyncio

from stanchion import Run, Stanchion, tool, workflow
from stanchion.review import ReviewRefused


@tool(write=True)
async def close_account(number: str) -> str:
    """Close an account for good."""
    return f"closed {number}"


@workflow(tools=[close_account])
async def leave(run: Run, letter: str) -> str:
    """Close the account that a letter names, once a person has approved it."""
    return await run.call(close_account, letter.rpartition(" ")[2])


async def main() -> None:
    """Ask, approve, and try to approve again."""
    async with Stanchion("sqlite://:memory:") as app:
        handle = await app.start(leave, "Please close 4400112201")
        await handle.settled()
        (question,) = await app.reviews.pending()
        print(question.kind, question.choices, question.reason)
        print(question.subject["arguments"], question.subject["origins"]["number"][0]["excerpt"])
        await handle.answer(question.id, "approve", by="ana")
        print(await handle.result())
        try:
            await handle.answer(question.id, "approve", by="ana")
        except ReviewRefused as error:
            print(error.remedy.partition(";")[0])


asyncio.run(main())
# > approval ('approve', 'deny', 'edit') close_account can't be undone and no rule allows it
# > {'number': '4400112201'} Please close 4400112201
# > closed 4400112201
# > it was answered, has expired or its run has ended
