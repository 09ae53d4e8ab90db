"""A run that hands over: its successor goes on behind that point, and nothing is done twice."""

import asyncio

from stanchion import Run, Stanchion, workflow


def look_up(name: str) -> str:
    """Say when it is really called."""
    print(f"looking up {name}")
    return f"{name}'s file"


@workflow
async def review(run: Run, name: str) -> str:
    """Read a file in one run and judge it in the next."""
    found = await run.read(look_up, name)
    checkpoint = await run.hand_over(goal="judge the file", open_items=["the verdict"])
    return f"run {checkpoint.number}: {found}, open: {checkpoint.open_items[0]}"


async def main() -> None:
    """Run it and look at the chain."""
    async with Stanchion("sqlite://:memory:") as app:
        handle = await app.start(review, "Ann")
        print(await handle.result())
        print((await handle.status()).state, (await handle.latest()).state)


asyncio.run(main())
# > looking up Ann
# > run 2: Ann's file, open: the verdict
# > handed_over completed
