"""Moving a run by hand until it rests, as an engine would."""

from __future__ import annotations

from stanchion.ledger import RunRecord
from stanchion.values import RunState
from stanchion.workflows import Host, advance


async def move(host: Host, run: str = "run") -> RunRecord:
    """Advance a run until it ends or waits; one call may not do, when replay is everywhere."""
    while True:
        record = await advance(host, run)
        assert record is not None, "another writer has the run"
        if record.state is not RunState.RUNNING:
            return record
