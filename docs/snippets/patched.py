"""A change to a workflow that has runs under way."""

import asyncio
from pathlib import Path

from stanchion import Run, Stanchion, workflow
from stanchion.errors import NonDeterminismError
from stanchion.testing import export_run, replay_recording


@workflow(name="greet")
async def before(run: Run, name: str) -> str:
    """Greet, as the first release did."""
    return f"{name} {await run.read(str.upper, 'hello')}"


@workflow(name="greet")
async def careless(run: Run, name: str) -> str:
    """Put a step before the others: runs that began without it don't match any more."""
    await run.now()
    return f"{name} {await run.read(str.upper, 'hello')}"


@workflow(name="greet")
async def careful(run: Run, name: str) -> str:
    """Make the same change, for new runs only."""
    if await run.patched("note the time"):
        await run.now()
    return f"{name} {await run.read(str.upper, 'hello')}"


async def main() -> None:
    """Record a run of the first release and replay it on the others."""
    file = Path("greet.jsonl")
    async with Stanchion("sqlite://:memory:") as app:
        handle = await app.start(before, "Sam")
        await handle.result()
        await export_run(app.store, handle.id, file)
    for changed in (careless, careful):
        try:
            await replay_recording(changed, file)
            print(changed.fn.__name__, "replays")
        except NonDeterminismError as error:
            print(changed.fn.__name__, "differs,", error.message.splitlines()[0].split(", ")[-1])


asyncio.run(main())
# > careless differs, the code no longer matches the record at root[0]
# > careful replays
