"""A process that appends to a run until it's killed, and says what was acknowledged.

``python -m tests.conformance.appender URL`` prints ``ready``, then the seq of each acknowledged
entry, one to a line.
"""

import asyncio
import os
import sys

from stanchion.ledger import (
    Draft,
    EntryPhase,
    Place,
    RunRecord,
    Settlement,
    Store,
    open_store,
    payload,
)
from tests.conformance.ledgers import a_run, commit, message, owned


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def append_forever(url: str) -> None:
    store = open_store(url)
    run = await owned(store)
    await store.create(a_run("parent"))
    say("ready")
    await asyncio.gather(*(lane(store, run, f"/f0.{i}") for i in range(4)))


async def lane(store: Store, run: RunRecord, name: str) -> None:
    for ordinal in range(1_000_000):
        result = payload(f"{name} {ordinal} {os.urandom(400).hex()}")
        draft = Draft(
            Place(name, ordinal),
            EntryPhase.DONE,
            "step",
            "fetch",
            payload([name, ordinal]),
            result,
            {"settlement": {"output_tokens": 3}},
        )
        settled = Settlement(steps=1, output_tokens=3)
        sent = (message(f"{name} {ordinal}", run="parent"),)
        await store.append(commit(run, draft, settlement=settled, sent=sent))
        say(f"{name} {ordinal}")


asyncio.run(append_forever(sys.argv[1]))
