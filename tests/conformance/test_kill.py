"""What was acknowledged is there after kill -9, whole, and nothing else of it."""

import random
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import IO

import pytest

from stanchion.ledger import open_store, verify
from tests.conformance.ledgers import LEASE, appended, commit, step


@contextmanager
def appender(url: str) -> Generator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.conformance.appender", url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def acknowledged(process: subprocess.Popen[str], wanted: int) -> list[str]:
    """Read some acknowledgements, kill the process, and read what it had still said."""
    output: IO[str] | None = process.stdout
    assert output is not None
    assert output.readline() == "ready\n"
    places = [output.readline().strip() for _ in range(wanted)]
    process.kill()
    said = output.read().splitlines(keepends=True)
    return places + [line.strip() for line in said if "\n" in line]


@pytest.mark.promise("LEDGER-1")
async def test_a_killed_process_leaves_everything_it_was_told_is_stored(shared_url: str) -> None:
    with appender(shared_url) as process:
        places = acknowledged(process, random.randint(50, 150))  # noqa: S311 (an instant to kill at)

    store = open_store(shared_url)
    try:
        report = await verify(store)
        entries = await store.entries("run-1")
        assert report.findings == ()
        assert {f"{e.place.lane} {e.place.ordinal}" for e in entries} >= set(places)
        record = await store.get("run-1")
        assert (record.account.steps, record.account.output_tokens) == (
            len(entries),
            3 * len(entries),
        )
        assert len(await store.inbox("parent")) == len(entries)
        assert all(e.request_data for e in entries)
        wanted = [e.result for e in entries if e.result is not None]
        assert len(await store.payloads("", wanted)) == len(set(wanted))
        await store.heartbeat("ann", LEASE)
        again = await store.claim("run-1", "ann")
        assert again is not None
        assert (await appended(store, commit(again, step(0))))[0].seq == len(entries) + 1
    finally:
        await store.close()
