"""A process is killed while it commits; what it was told is kept, whole."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from stanchion.ledger import open_store

ROOT = Path(__file__).parents[2]


def kill_while_it_writes(url: str, after: int) -> int:
    """Kill a writer once that many entries are acknowledged; return how many were in the end."""
    acknowledged = 0
    with subprocess.Popen(
        [sys.executable, "-m", "tests.crash.writer", url], stdout=subprocess.PIPE, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            acknowledged = int(line)
            if acknowledged >= after:
                process.kill()
    return acknowledged


@pytest.mark.promise("LEDGER-1")
async def test_every_acknowledged_commit_survives_kill_9_whole(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    acknowledged = kill_while_it_writes(url, 50)

    store = open_store(url)
    try:
        record, entries = await store.get("run"), await store.entries("run")
        requests = {e.request for e in entries if e.request and e.request_data is None}
        wanted = requests | {e.result for e in entries if e.result}
        found = await store.payloads("", sorted(wanted))
    finally:
        await store.close()

    assert len(entries) >= acknowledged >= 50
    assert [e.seq for e in entries] == list(range(1, record.seq + 1))
    assert record.seq == record.account.steps
    assert record.seq % 2 == 0
    assert set(found) == wanted
    assert record.chain == entries[-1].chain
