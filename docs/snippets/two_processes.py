"""A run that waits in one process and goes on in another."""

import asyncio

from stanchion import Run, Stanchion, workflow
from stanchion.engine import load_settings


@workflow
async def order(run: Run, item: str) -> str:
    """Ask before ordering."""
    answer = await run.ask(f"Order {item}?", choices=("yes", "no"), timeout=86_400)
    return f"{item}: {answer}"


async def first() -> None:
    """Start it; starting it again with the same key is the same run."""
    async with Stanchion("sqlite:///shop.db") as app:
        handle = await app.start(order, "tea", key="order-17", user="sam")
        again = await app.start(order, "tea", key="order-17")
        record = await handle.settled()
        print(record.state, "for", record.reason, handle.id == again.id)


async def second() -> None:
    """Another app on the same store: answer, and take the result."""
    async with Stanchion("sqlite:///shop.db", workflows=[order]) as app:
        (question,) = await app.reviews.pending()
        await app.answer(question.id, "yes", by="ana")
        print(await app.handle(question.run, order).result())


asyncio.run(first())
asyncio.run(second())

settings, origins = load_settings(environment={"STANCHION_CONCURRENCY": "8"}, poll_seconds=0.1)
for name in ("concurrency", "poll_seconds", "durability"):
    print(f"{name} = {getattr(settings, name)} ({origins[name]})")
# > waiting for a person: Order tea? True
# > tea: yes
# > concurrency = 8 (environment)
# > poll_seconds = 0.1 (code)
# > durability = process (default)
