"""Every golden run replays on today's code: same outcome, no new step, nothing called."""

from __future__ import annotations

from pathlib import Path

import pytest

from stanchion.testing import forbid_real_calls, replay_recording
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
