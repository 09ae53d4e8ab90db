"""Replay: what is recorded is returned, what differs is found before any call."""

from __future__ import annotations

import asyncio
import json
import random
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from stanchion import Run, workflow
from stanchion.errors import ContractError, EncodingError, NonDeterminismError
from stanchion.testing import crash_at_every_commit, export_run, replay_recording, simulate
from stanchion.workflows import ReplayMode

calls: list[str] = []


def note(text: str) -> str:
    calls.append(text)
    return text.upper()


class Order(BaseModel):
    id: int
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class Point:
    x: int
    y: int


def make_order(number: int) -> Order:
    return Order(id=number, lines=("a", "b"))


def make_point(x: int) -> Point:
    return Point(x, x * 2)


@workflow
async def three_reads(run: Run, prefix: str) -> str:
    return "".join([await run.read(note, f"{prefix}{i}") for i in range(3)])


@workflow
async def parallel(run: Run, n: int) -> list[str]:
    async def branch(i: int) -> str:
        first = await run.read(note, f"{i}a")
        return first + await run.read(note, f"{i}b")

    return await run.map(branch, range(n))


@pytest.mark.promise("WORKFLOW-1")
async def test_after_a_crash_anywhere_a_completed_step_isnt_performed_again() -> None:
    async for crash in crash_at_every_commit(three_reads, "x", before=calls.clear):
        performed = crash.point.startswith("done") and crash.side == "before"
        assert crash.result.output == "X0X1X2"
        assert len(calls) == 3 + performed


@pytest.mark.promise("WORKFLOW-4")
@pytest.mark.parametrize("seed", range(8))
async def test_the_result_doesnt_depend_on_the_order_in_which_lanes_are_released(seed: int) -> None:
    mode = ReplayMode(everywhere=True, seed=seed)

    result = await simulate(parallel, 4, replay=mode)

    assert result.output == ["0A0B", "1A1B", "2A2B", "3A3B"]


@pytest.mark.promise("LEDGER-4")
async def test_a_live_result_is_what_replay_will_return() -> None:
    seen: list[object] = []

    @workflow
    async def typed(run: Run, _: None) -> str:
        seen.append(await run.read(make_order, 7))
        seen.append(await run.read(make_point, 1))
        seen.append(await run.now())
        seen.append(await run.random())
        return "done"

    await simulate(typed, None, replay=ReplayMode(everywhere=True))

    assert seen[0] == Order(id=7, lines=("a", "b"))
    assert seen[1] == seen[3]
    assert Point(1, 2) in seen
    assert seen[-4:] == [Order(id=7, lines=("a", "b")), Point(1, 2), seen[-2], seen[-1]]


@pytest.mark.promise("LEDGER-4")
async def test_a_result_that_cant_be_kept_is_refused_and_says_how_to_mend_it() -> None:
    @workflow
    async def opaque(run: Run, _: None) -> None:
        await run.read(object)

    result = await simulate(opaque, None)

    assert result.state == "failed"
    assert "can't be stored" in result.reason
    assert "remedy" in result.reason
    assert [e.kind for e in result.entries] == ["run", "run"]


async def test_a_result_over_the_limit_is_refused() -> None:
    def huge() -> str:
        return "x" * (17 * 1024 * 1024)

    @workflow
    async def large(run: Run, _: None) -> None:
        await run.read(huge)

    result = await simulate(large, None)

    assert result.state == "failed"
    assert "over the limit" in result.reason
    assert "store it elsewhere and return its address" in result.reason
    assert [e.kind for e in result.entries] == ["run", "run"]


@pytest.mark.xfail(reason="that a result can't be kept is raised in the workflow, not recorded")
async def test_a_workflow_may_catch_that_a_result_cant_be_kept_and_go_on() -> None:
    answers: list[Any] = [object(), "can be kept"]

    @workflow
    async def stubborn(run: Run, text: str) -> str:
        try:
            return str(await run.read(lambda: answers.pop(0)))
        except EncodingError:
            await run.now()
            return text

    result = await simulate(stubborn, "x", replay=ReplayMode(everywhere=True))

    assert result.output == "x", result.reason


@pytest.mark.promise("WORKFLOW-2")
async def test_changed_code_is_stopped_before_any_call_with_a_readable_difference(
    tmp_path: Path,
) -> None:
    recording = await record(three_reads, "x", tmp_path)

    @workflow(name="three_reads")
    async def changed(run: Run, prefix: str) -> str:
        await run.read(note, "something else")
        return "".join([await run.read(note, f"{prefix}{i}") for i in range(3)])

    calls.clear()
    with pytest.raises(NonDeterminismError, match="another request"):
        await replay_recording(changed, recording)
    assert calls == []


@pytest.mark.promise("WORKFLOW-2")
async def test_code_that_asks_for_less_than_is_recorded_is_stopped(tmp_path: Path) -> None:
    recording = await record(three_reads, "x", tmp_path)

    @workflow(name="three_reads")
    async def shorter(run: Run, prefix: str) -> str:
        return await run.read(note, f"{prefix}0")

    with pytest.raises(NonDeterminismError, match="2 step"):
        await replay_recording(shorter, recording)


async def test_unchanged_code_replays_a_recording_without_a_new_step(tmp_path: Path) -> None:
    recording = await record(three_reads, "x", tmp_path)
    calls.clear()

    await replay_recording(three_reads, recording)

    assert calls == []


async def test_a_patch_applies_to_new_runs_and_not_to_recorded_ones(tmp_path: Path) -> None:
    recording = await record(three_reads, "x", tmp_path)

    @workflow(name="three_reads")
    async def patched(run: Run, prefix: str) -> str:
        if await run.patched("shout"):
            await run.read(note, "new step")
        return "".join([await run.read(note, f"{prefix}{i}") for i in range(3)])

    await replay_recording(patched, recording)
    calls.clear()
    fresh = await simulate(patched, "x", replay=ReplayMode(everywhere=True))

    assert fresh.output == "X0X1X2"
    assert "new step" in calls


def test_a_workflow_that_reads_the_clock_is_refused_with_the_line_and_the_remedy() -> None:
    import time

    async def impatient(run: Run, _: None) -> float:
        return time.time()

    with pytest.raises(ContractError, match=r"time.time\(\) in line \d+") as refused:
        workflow(impatient)
    assert "run.now()" in refused.value.remedy


ALIASES: dict[str, Callable[[], float]] = {"clock": time.monotonic}


def in_a_helper() -> float:
    return deeper()


def deeper() -> float:
    return random.random()  # noqa: S311


def hidden() -> float:
    return ALIASES["clock"]()


async def reads_the_date(run: Run, _: None) -> str:
    return datetime.now().isoformat()  # noqa: DTZ005


async def rolls(run: Run, _: None) -> int:
    return random.randint(1, 6)  # noqa: S311


async def makes_an_id(run: Run, _: None) -> str:
    return str(uuid.uuid4())


async def naps(run: Run, _: None) -> None:
    await asyncio.sleep(1)


async def asks_a_helper(run: Run, _: None) -> float:
    return in_a_helper()


@pytest.mark.parametrize(
    ("refused", "call", "instead"),
    [
        (reads_the_date, "datetime.now", "run.now()"),
        (rolls, "random.randint", "run.random()"),
        (makes_an_id, "uuid.uuid4", "run.random()"),
        (naps, "asyncio.sleep", "run.sleep("),
        (asks_a_helper, "random.random", "run.random()"),
    ],
    ids=lambda each: getattr(each, "__name__", None),
)
def test_what_differs_on_replay_is_refused_when_the_workflow_is_defined(
    refused: Any, call: str, instead: str
) -> None:
    with pytest.raises(ContractError, match=rf"{call}\(\) in line \d+") as error:
        workflow(refused)
    assert instead in error.value.remedy


def test_what_is_handed_to_a_step_may_read_the_clock() -> None:
    @workflow
    async def records(run: Run, _: None) -> float:
        def clock() -> float:
            return time.time()

        return await run.read(clock) + await run.read(lambda: random.random())  # noqa: S311

    assert records.name == "records"


async def test_a_clock_that_nobody_saw_is_found_by_replaying_and_nothing_is_called() -> None:
    @workflow
    async def by_the_clock(run: Run, _: None) -> None:
        await run.read(note, str(hidden()))
        await run.read(note, "after it")

    calls.clear()
    result = await simulate(by_the_clock, None, replay=ReplayMode(everywhere=True))

    assert result.state == "waiting"
    assert "run.now(), run.random()" in result.reason
    assert len(calls) == 1


def test_a_workflow_that_makes_tasks_of_its_own_is_refused() -> None:
    async def eager(run: Run, _: None) -> None:
        await asyncio.gather(run.read(note, "a"), run.read(note, "b"))

    with pytest.raises(ContractError, match=r"asyncio.gather"):
        workflow(eager)


async def record(definition: object, value: object, folder: Path) -> Path:
    """Run a workflow and export it."""
    from stanchion.ledger import open_store
    from stanchion.testing import FakeClock
    from stanchion.testing._simulate import Simulation

    store = open_store("sqlite://:memory:")
    simulation = Simulation(store, FakeClock(automatic=True), {}, None)
    run = await simulation.create(definition, value, None)  # type: ignore[arg-type]
    await simulation.drive(definition, run)  # type: ignore[arg-type]
    path = folder / "run.jsonl"
    await export_run(store, run, path)
    await store.close()
    assert json.loads(path.read_text().splitlines()[0])["state"] == "completed"
    return path
