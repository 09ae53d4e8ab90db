"""Two people approve a payment, and neither is the one who wants it."""

import asyncio
from datetime import timedelta

from stanchion import Principal, Reviewer, Run, Stanchion, approvers, tool, workflow
from stanchion.review import ReviewRefused

FINANCE = frozenset({"finance"})
PEOPLE = [Reviewer("ana", FINANCE), Reviewer("bo", FINANCE), Reviewer("cleo", FINANCE)]


@tool(write=True)
async def pay(account: str, euros: int) -> str:
    """Pay somebody."""
    return f"paid {euros} to {account}"


@workflow(
    tools=[pay],
    approvers=[
        approvers(
            pay,
            roles={"finance"},
            people=2,
            requester_may=False,
            escalates={timedelta(hours=4): {"manager"}},
        )
    ],
)
async def settle(run: Run, account: str) -> str:
    """Pay an account."""
    return await run.call(pay, account, 900)


async def main() -> None:
    """Ask three people, of whom one may not."""
    async with Stanchion("sqlite://:memory:", reviewers=PEOPLE) as app:
        handle = await app.start(settle, "4400112201", initiator=Principal("ana"))
        for name in ["ana", "bo", "cleo"]:
            await handle.settled()
            (question,) = await app.reviews.pending()
            try:
                await handle.answer(question.id, "approve", by=name)
            except ReviewRefused as refused:
                print(refused.message.partition(": ")[2])
        print(await handle.result())


asyncio.run(main())
# > whoever requested or has approved it may not answer it
# > paid 900 to 4400112201
