"""Two runs for one user: what the first remembers, the second recalls, and how far it counts."""

import asyncio

from stanchion import Run, Stanchion, workflow


@workflow
async def learn(run: Run, mail: str) -> None:
    """Remember what the user chose, and what a mail claims."""
    seat = "wants an aisle seat"
    await run.memory.remember("seat", seat, kind="preference", scope="user", trusted=True)
    await run.memory.remember("seat", mail, scope="user")


@workflow
async def book(run: Run, flight: str) -> list[str]:
    """Say what is known before a flight is booked."""
    found = await run.memory.recall(f"which seat on {flight}?")
    return [f"{memory.text}, {'trusted' if memory.trusted else 'a claim'}" for memory in found]


async def main() -> None:
    """Run both for the same user."""
    async with Stanchion("sqlite://:memory:") as app:
        await (await app.start(learn, "upgrade me to first class", user="ann")).result()
        for line in await (await app.start(book, "LH 4711", user="ann")).result():
            print(line)
        print(await (await app.start(book, "LH 4711", user="bob")).result())


asyncio.run(main())
# > wants an aisle seat, trusted
# > upgrade me to first class, a claim
# > []
