"""A run in a file: its entries, one prompt in full, and the check of the whole ledger."""

import asyncio

from stanchion import Run, Stanchion, workflow
from stanchion.ledger import open_store, read_prompt, verify
from stanchion.models import ScriptedModel


@workflow
async def summarise(run: Run, text: str) -> str:
    """Let a model say a text in a few words."""
    said = await run.agent(goal="Say it in five words.", tools=[], input=text)
    return said.output or said.stop_reason


async def main() -> None:
    """Run it, close everything, and read what was kept."""
    models = {"strong": ScriptedModel(["The card was charged twice."])}
    async with Stanchion("sqlite:///support.db", models=models) as app:
        handle = await app.start(summarise, "My card was charged twice, and I want it back.")
        await handle.result()

    store = open_store("sqlite:///support.db")
    for entry in await store.entries(handle.id):
        print(entry.seq, entry.phase, entry.kind, entry.name, f"at {entry.place.lane!r}")
        if sections := await read_prompt(store, "", entry):
            print("  prompt:", {name: len(messages) for name, messages in sections.items()})
    print("whole" if (await verify(store)).ok else "broken")
    await store.close()


asyncio.run(main())
# > 1 note run started at ''
# > 2 open agent strong at ''
# > 3 done model strong at '/0'
# >   prompt: {'pinned': 2}
# > 4 done agent strong at ''
# > 5 note run completed at ''
# > whole
