"""A process that commits as fast as it can and says which commits were acknowledged."""

from __future__ import annotations

import asyncio
import sys
from datetime import timedelta

from stanchion.ledger import (
    Commit,
    Draft,
    EntryPhase,
    NewRun,
    Place,
    Settlement,
    open_store,
    payload,
)


async def write(url: str) -> None:
    """Commit two entries at a time, and print their number after each acknowledgement."""
    store = open_store(url)
    await store.create(NewRun("run", "writer", "1", payload(None)))
    await store.heartbeat("writer", timedelta(seconds=30))
    record = await store.claim("run", "writer")
    assert record is not None
    for n in range(0, 1_000_000, 2):
        drafts = tuple(
            Draft(Place("", n + i), EntryPhase.DONE, "step", "write", payload(n + i), payload("x"))
            for i in range(2)
        )
        await store.append(Commit("run", record.epoch, drafts, settlement=Settlement(steps=2)))
        sys.stdout.write(f"{n + 2}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(write(sys.argv[1]))
