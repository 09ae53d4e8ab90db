"""Every golden run replays on today's code: same outcome, no new step, nothing called."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from stanchion.ledger import open_store
from stanchion.testing import FakeClock, forbid_real_calls, import_run, replay_recording
from stanchion.testing._recording import Recording, read_recording
from stanchion.values import RunState
from stanchion.workflows import Host, Workflows, advance
from stanchion.workflows._incarnation import LOOP_VERSION
from tests.golden.agents import agents
from tests.golden.flows import FOLDER, GOLDEN

RECORDINGS = sorted(FOLDER.glob("*.jsonl"))


def test_there_are_golden_runs_of_every_kind() -> None:
    assert {path.stem.partition("-")[0] for path in RECORDINGS} == set(GOLDEN)


@pytest.mark.promise("WORKFLOW-1")
@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda path: path.stem)
async def test_a_golden_run_replays(recording: Path) -> None:
    golden = GOLDEN[recording.stem.partition("-")[0]]

    with forbid_real_calls():
        added = await replay_recording(golden.workflow, recording)

    assert all(entry.phase == "note" for entry in added)


AGENTS = sorted(FOLDER.glob("agents-*.jsonl"))


def loop_of(recording: Recording) -> int:
    """Return the version of the loop under which the agent was recorded."""
    opened = next(e for e in recording.entries if (e["kind"], e["phase"]) == ("agent", "open"))
    return opened["facts"]["loop"]


def test_there_is_a_golden_agent_of_each_version_of_the_loop() -> None:
    assert [loop_of(read_recording(path)) for path in AGENTS] == [*range(2, LOOP_VERSION + 1)]


@pytest.mark.promise("WORKFLOW-1")
@pytest.mark.parametrize("path", AGENTS, ids=lambda path: path.stem)
async def test_a_golden_agent_that_was_interrupted_goes_on_as_its_version_did(path: Path) -> None:
    whole = read_recording(path)
    steps = [e for e in whole.entries if (e["kind"], e["phase"]) != ("agent", "done")]
    assert len(steps) == len(whole.entries) - 1
    clock = FakeClock(automatic=True)
    store = open_store("sqlite://:memory:", clock=clock.now)
    run = await import_run(store, replace(whole, entries=tuple(steps)), ended=False)
    before = (await store.get(run)).seq

    host = Host(store, Workflows([agents]), worker="later", clock=clock)
    with forbid_real_calls():
        record = await advance(host, run)
        while record is not None and record.state is RunState.RUNNING:
            record = await advance(host, run)

    added = [e for e in await store.entries(run, before) if e.phase != "note"]
    await store.close()
    assert record is not None, "the run was there to be claimed"
    assert record.result is not None, record.reason
    assert record.result.hex() == whole.head["result"]
    assert [(e.kind, e.phase) for e in added] == [("agent", "done")]
