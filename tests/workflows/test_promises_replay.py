"""Attacks on what is promised of replay: live values, and code that differs from its record."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest

from stanchion import Run, workflow
from stanchion.ledger import NewRun, RunRecord, Store, open_store, payload
from stanchion.workflows import Host, ReplayMode, Workflow, Workflows, advance
from tests.moving import move

performed: list[str] = []


def note(text: str) -> str:
    performed.append(text)
    return text


def untidy() -> Any:
    """Return what JSON can only hold in another form."""
    return {"pair": (1, 2), "nothing": None}


@pytest.fixture
async def memory() -> AsyncIterator[Store]:
    performed.clear()
    store = open_store("sqlite://:memory:")
    yield store
    await store.close()


async def started(store: Store, definition: Workflow[Any, Any, Any]) -> RunRecord:
    await store.create(NewRun("run", definition.name, definition.version, payload("x")))
    return await moved(store, definition)


async def moved(
    store: Store, definition: Workflow[Any, Any, Any], mode: ReplayMode | None = None
) -> RunRecord:
    host = Host(store, Workflows([definition]), "worker")
    return await move(host if mode is None else replace(host, replay=mode))


@pytest.mark.promise("LEDGER-4")
async def test_a_live_value_has_the_form_that_replay_gives_it(memory: Store) -> None:
    seen: list[str] = []

    @workflow
    async def looks(run: Run, _: str) -> None:
        seen.append(repr(await run.read(untidy)))
        await run.ask("Shall we?", choices=("yes", "no"))

    await started(memory, looks)
    await moved(memory, looks)

    live, replayed = seen
    assert live == replayed == "{'nothing': None, 'pair': [1, 2]}"


@pytest.mark.promise("LEDGER-4")
async def test_a_live_value_isnt_the_object_that_a_step_still_holds(memory: Store) -> None:
    held: list[str] = ["kept"]

    def mine() -> list[str]:
        return held

    @workflow
    async def looks(run: Run, _: str) -> int:
        given = await run.read(mine)
        held.append("changed afterwards")
        return len(given)

    record = await started(memory, looks)

    assert record.result == payload(1).digest


def renamed(text: str) -> str:
    return note(text)


@workflow(name="two")
async def two_steps(run: Run, text: str) -> None:
    await run.read(note, f"{text}1")
    await run.read(note, f"{text}2")
    await run.ask("Shall we?", choices=("yes", "no"))


@workflow(name="two")
async def another_request(run: Run, text: str) -> None:
    await run.read(note, f"{text}1")
    await run.read(note, "something else")
    await run.ask("Shall we?", choices=("yes", "no"))


@workflow(name="two")
async def another_name(run: Run, text: str) -> None:
    await run.read(renamed, f"{text}1")


@workflow(name="two")
async def another_kind(run: Run, text: str) -> None:
    await run.now()
    await run.read(note, "after it")


@workflow(name="two")
async def another_order(run: Run, text: str) -> None:
    await run.read(note, f"{text}2")
    await run.read(note, f"{text}1")
    await run.ask("Shall we?", choices=("yes", "no"))


@workflow(name="two")
async def one_less(run: Run, text: str) -> None:
    await run.read(note, f"{text}2")


@pytest.mark.promise("WORKFLOW-2")
@pytest.mark.parametrize(
    "changed",
    [another_request, another_name, another_kind, another_order, one_less],
    ids=lambda each: each.fn.__name__,
)
async def test_changed_code_makes_no_call_and_its_run_waits_with_both_sides_named(
    memory: Store, changed: Workflow[Any, Any, Any]
) -> None:
    await started(memory, two_steps)
    performed.clear()

    record = await moved(memory, changed)

    assert performed == []
    assert record.state == "waiting"
    assert "code asks for:" in record.reason
    assert "recorded:" in record.reason


async def goes_on_elsewhere(run: Run, text: str) -> None:
    try:
        await run.read(note, "something else")
    except Exception:
        with run.scope():
            await run.read(note, "in a scope that has no record")


async def ends_with_a_result(run: Run, text: str) -> None:
    try:
        await run.read(note, "something else")
    except Exception:
        return


async def ends_with_an_error(run: Run, text: str) -> None:
    try:
        await run.read(note, "something else")
    finally:
        raise ValueError("whatever came before")


async def goes_on_in_another_branch(run: Run, text: str) -> None:
    async def differs() -> None:
        await run.read(note, "nothing of the kind is recorded")

    async def goes_on() -> None:
        await run.read(note, "left")
        await run.read(note, "after it")

    with contextlib.suppress(BaseException):
        await run.gather(differs(), goes_on())


@workflow
async def two_branches(run: Run, text: str) -> None:
    async def branch(name: str) -> None:
        await run.read(note, name)
        await run.ask(name, choices=("yes", "no"))

    await run.gather(branch("right"), branch("left"))


@pytest.mark.promise("WORKFLOW-2")
@pytest.mark.parametrize(
    ("recorded", "changed"),
    [
        (two_steps, goes_on_elsewhere),
        (two_steps, ends_with_a_result),
        (two_steps, ends_with_an_error),
        (two_branches, goes_on_in_another_branch),
    ],
)
async def test_a_workflow_that_catches_the_difference_makes_no_call_and_cant_end(
    memory: Store, recorded: Workflow[Any, Any, Any], changed: Any
) -> None:
    await started(memory, recorded)
    performed.clear()

    record = await moved(memory, workflow(name=recorded.name)(changed))

    assert record.state == "waiting"
    assert "code asks for:" in record.reason
    assert performed == []


async def test_a_run_that_is_told_to_stop_isnt_ended_by_code_that_goes_past_it(
    memory: Store,
) -> None:
    @workflow
    async def stubborn(run: Run, _: str) -> str:
        with contextlib.suppress(BaseException):
            await run.read(note, "first")
            await run.read(note, "second")
        return "all is well"

    await memory.create(NewRun("run", "stubborn", "1", payload("x")))
    host = Host(memory, Workflows([stubborn]), "worker", replay=ReplayMode())
    record = await advance(host, "run", lambda incarnation: incarnation.interrupt())

    assert record is not None
    assert (record.state, performed) == ("running", [])


@pytest.mark.promise("WORKFLOW-4")
@pytest.mark.parametrize("seed", range(4))
async def test_branches_that_were_released_in_any_order_bring_each_its_own_result(
    memory: Store, seed: int
) -> None:
    def branch(run: Run, i: int) -> Callable[[], Any]:
        async def both() -> str:
            first = await run.read(note, f"{i}a")
            return f"{first}{await run.read(note, f'{i}b')}"

        return both

    @workflow
    async def parallel(run: Run, _: str) -> list[str]:
        found = list(await run.gather(*(branch(run, i)() for i in range(4))))
        await run.ask("Shall we?", choices=("yes", "no"))
        return found

    results: list[list[str]] = []

    @workflow(name="parallel")
    async def again(run: Run, _: str) -> None:
        results.append(list(await run.gather(*(branch(run, i)() for i in range(4)))))
        await run.ask("Shall we?", choices=("yes", "no"))

    await started(memory, parallel)
    performed.clear()
    await moved(memory, again, ReplayMode(seed=seed))

    assert results == [["0a0b", "1a1b", "2a2b", "3a3b"]]
    assert performed == []
