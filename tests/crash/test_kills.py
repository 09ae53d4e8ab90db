"""The smallest version of ``make crash``: real processes, killed and stopped, on SQLite."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    """What one run of it found, after it judged the log outside."""
    command = [sys.executable, "-m", "benchmarks.crash", "--scale", "tiny", "--store", "sqlite"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
    return json.loads(ended.stdout.splitlines()[-1])


@pytest.mark.promise("LEDGER-1")
@pytest.mark.promise("WORKFLOW-1")
def test_every_killed_run_ends_with_all_that_it_was_to_do(found: dict[str, Any]) -> None:
    assert found["kills"] >= 5
    assert (found["lost"], found["unfinished"]) == (0, 0)


@pytest.mark.promise("EFFECT-1")
@pytest.mark.promise("EFFECT-4")
@pytest.mark.promise("WORKFLOW-1")
def test_nothing_is_done_twice_beyond_its_contract(found: dict[str, Any]) -> None:
    assert found["open_intent_share"] >= 0.3
    assert found["doubled"] == 0


@pytest.mark.promise("EFFECT-3")
def test_what_only_a_person_can_know_is_asked(found: dict[str, Any]) -> None:
    plain = found["stores"]["sqlite"]["classes"]["plain"]

    assert found["silent_unknown"] == 0
    assert plain["asked"] >= 1
    assert plain["performed"] == plain["wanted"]


@pytest.mark.promise("LEDGER-3")
def test_a_stopped_writer_that_lost_its_run_adds_nothing_and_leaves_what_it_learnt(
    found: dict[str, Any],
) -> None:
    assert found["stops"] >= 3
    assert (found["doubled"], found["asked_needlessly"]) == (0, 0)


@pytest.mark.promise("LIMIT-3")
def test_workers_killed_at_a_rate_leave_it_as_it_stands(found: dict[str, Any]) -> None:
    sqlite = found["stores"]["sqlite"]

    assert sqlite["kills_in_turns"] >= 1
    assert sqlite["classes"]["paced"]["performed"] > 8  # more than a full bucket holds
    assert found["rate_exceeded"] == 0


@pytest.mark.promise("LIMIT-4")
def test_a_breaker_stays_open_over_killed_workers_and_lets_calls_through_afterwards(
    found: dict[str, Any],
) -> None:
    sqlite = found["stores"]["sqlite"]

    assert sqlite["kills_in_an_outage"] >= 1
    assert sqlite["classes"]["guarded"]["performed"] >= 12  # each run had its answer in the end
    assert found["probes_too_many"] == 0


@pytest.mark.promise("EFFECT-7")
def test_a_saga_of_killed_workers_is_undone_once_and_newest_first(found: dict[str, Any]) -> None:
    classes = found["stores"]["sqlite"]["classes"]

    assert found["undone_out_of_order"] == 0
    for tool in ("undo undo", "undo key_undo", "undo asked_undo"):
        assert classes[tool]["performed"] == classes[tool]["wanted"] >= 3


@pytest.mark.promise("WORKFLOW-1")
def test_workers_are_killed_in_the_layers_of_the_gateway(found: dict[str, Any]) -> None:
    kills = found["stores"]["sqlite"]["kills_in_layers"]

    own = {"validate", "ground", "limit", "once", "judge", "within", "review", "core"}
    assert own | {"_user_layer"} <= set(kills)
    assert sum(kills.values()) >= 2
