"""The app and its engine: starting, waiting, answering, ending, resuming, forking, recovering."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import BaseModel

from stanchion import Principal, Run, Settings, Stanchion, allow, workflow
from stanchion.errors import RunCancelled, RunFailed
from stanchion.ledger import RunFilter
from stanchion.review import ReviewRefused
from stanchion.workflows import ReplayMode
from tests.workflows.desk import Bank, pay_blindly, pay_with_key

QUICK = Settings(poll_seconds=0.02, lease_seconds=0.5)


class Payment(BaseModel):
    amount: int


@workflow
async def greet(run: Run, name: str) -> str:
    return f"hello {name}"


@workflow
async def ask_first(run: Run, name: str) -> str:
    answer = await run.ask("Shall we?", choices=("yes", "no"))
    return f"{name}: {answer}"


@workflow
async def wait_for_payment(run: Run, _: None) -> int:
    return (await run.receive(Payment)).amount


@workflow
async def ask_twice(run: Run, name: str) -> str:
    first = await run.ask("First?")
    return first + await run.ask("Second?")


@workflow(tools=[pay_with_key], untrusted_may=[allow(pay_with_key)])
async def pay_then_ask(run: Run[Bank], account: str) -> str:
    receipt = await run.call(pay_with_key, account, 5)
    again = await run.ask("Pay again?", choices=("yes", "no"))
    if again == "yes":
        return await run.call(pay_with_key, account, 7)
    return receipt


broken = [True]


def flaky() -> str:
    if broken[0]:
        raise ValueError("not yet")
    return "mended"


@workflow
async def needs_mending(run: Run, _: None) -> str:
    if broken[0]:
        raise RuntimeError("a bug in the workflow")
    return await run.read(flaky)


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[Stanchion]:
    async with Stanchion(f"sqlite:///{tmp_path}/ledger.db", settings=QUICK, deps=Bank()) as opened:
        yield opened


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for a condition, at most ten seconds."""
    async with asyncio.timeout(10):
        while not await condition():  # noqa: ASYNC110 (a bounded wait on a store)
            await asyncio.sleep(0.01)


async def waiting(app: Stanchion, run: str) -> None:
    async def is_waiting() -> bool:
        return (await app.store.get(run)).state == "waiting"

    await until(is_waiting)


async def test_a_run_is_started_and_gives_its_result(app: Stanchion) -> None:
    handle = await app.start(greet, "Ada")

    assert await handle.result() == "hello Ada"
    assert (await handle.status()).state == "completed"


@pytest.mark.promise("WORKFLOW-7")
async def test_the_same_key_gives_the_same_run_and_another_tenant_another(app: Stanchion) -> None:
    first, second = await asyncio.gather(
        app.start(greet, "Ada", key="k", tenant="a"), app.start(greet, "Eve", key="k", tenant="a")
    )
    other = await app.start(greet, "Eve", key="k", tenant="b")

    assert first.id == second.id != other.id
    assert await first.result() == await second.result()
    assert len(await app.store.list(RunFilter())) == 2


async def test_tenant_user_tags_and_initiator_reach_the_workflow(app: Stanchion) -> None:
    seen: list[object] = []

    @workflow
    async def look(run: Run, _: None) -> None:
        seen.extend([run.tenant, run.user, dict(run.tags), run.initiator.claims["account"]])

    who = Principal("ada", claims={"account": "111"})
    handle = await app.start(look, None, tenant="t", user="u", tags={"a": "b"}, initiator=who)
    await handle.result()

    assert seen == ["t", "u", {"a": "b"}, "111"]


@pytest.mark.promise("WORKFLOW-5")
async def test_a_waiting_run_is_continued_by_another_process_after_the_answer(
    tmp_path: Path,
) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    async with Stanchion(url, settings=QUICK) as first:
        handle = await first.start(ask_first, "Ada")
        await waiting(first, handle.id)
        assert (await handle.status()).worker == ""

    async with Stanchion(url, settings=QUICK, workflows=[ask_first]) as second:
        question = (await second.reviews.pending())[0]
        await second.answer(question.id, "yes", by="bob")
        assert await second.handle(handle.id, ask_first).result() == "Ada: yes"


@pytest.mark.promise("REVIEW-1")
async def test_an_answer_is_used_once(app: Stanchion) -> None:
    handle = await app.start(ask_first, "Ada")
    await waiting(app, handle.id)
    question = (await app.reviews.pending())[0]
    await handle.answer(question.id, "no", by="bob")

    with pytest.raises(ReviewRefused):
        await handle.answer(question.id, "yes", by="eve")
    assert await handle.result() == "Ada: no"


async def test_an_event_reaches_the_run_that_waits_for_its_type(app: Stanchion) -> None:
    handle = await app.start(wait_for_payment, None)
    await app.send(handle.id, Payment(amount=5), key="e1")

    assert not await app.send(handle.id, Payment(amount=6), key="e1")
    assert await handle.result() == 5


async def test_a_waiting_run_can_be_cancelled_and_says_so(app: Stanchion) -> None:
    handle = await app.start(ask_first, "Ada")
    await waiting(app, handle.id)
    await handle.cancel(by="bob")

    with pytest.raises(RunCancelled):
        await handle.result()
    assert await app.reviews.pending() == ()


async def test_a_failed_run_goes_on_after_the_cause_is_mended(app: Stanchion) -> None:
    broken[0] = True
    handle = await app.start(needs_mending, None)
    with pytest.raises(RunFailed, match="a bug in the workflow"):
        await handle.result()

    broken[0] = False
    await handle.resume(by="bob")

    async def completed() -> bool:
        return (await handle.status()).state == "completed"

    await until(completed)
    assert await handle.result() == "mended"


async def test_a_fork_has_its_own_effects_and_repeats_of_the_others_need_a_person(
    app: Stanchion,
) -> None:
    handle = await app.start(pay_then_ask, "111")
    await waiting(app, handle.id)
    entries = await app.store.entries(handle.id)
    intent = next(e for e in entries if e.phase == "intent")

    fork = await handle.fork(at=intent.seq - 1)
    await waiting(app, fork.id)

    question = (await app.reviews.pending(run=fork.id))[0]
    assert question.kind == "approval"
    assert "forked" in question.reason


async def test_a_handle_of_an_app_that_leaves_its_runs_to_others_waits_for_them(
    tmp_path: Path,
) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    async with Stanchion(url, settings=QUICK, workflows=[greet]) as other:
        app = Stanchion(url, settings=QUICK, workflows=[greet])
        handle = await app.start(greet, "Ada", serve=False)
        assert await handle.result(timeout=timedelta(seconds=5)) == "hello Ada"
        assert (await other.store.get(handle.id)).state == "completed"

    left = await app.start(greet, "Eve", serve=False)
    with pytest.raises(TimeoutError):
        await left.result(timeout=timedelta(seconds=0.2))
    assert await app.store.entries(left.id) == []
    await app.open()
    assert await left.result(timeout=timedelta(seconds=5)) == "hello Eve"
    await app.close()


async def test_a_handle_of_an_app_that_was_only_used_to_send_moves_its_run(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    async with Stanchion(url, settings=QUICK) as first:
        handle = await first.start(wait_for_payment, None)
        await waiting(first, handle.id)

    app = Stanchion(url, settings=QUICK, workflows=[wait_for_payment])
    await app.send(handle.id, Payment(amount=3))
    assert await app.handle(handle.id, wait_for_payment).result(timeout=timedelta(seconds=5)) == 3
    await app.close()


@pytest.mark.promise("WORKFLOW-6")
async def test_a_run_of_an_unregistered_version_waits_and_goes_on_once_it_is_served(
    tmp_path: Path,
) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    async with Stanchion(url, settings=QUICK) as first:
        await first.open(serve=False)
        old = await first.start(ask_first, "Ada")
        await waiting(first, old.id)
        question = (await first.reviews.pending())[0]

    @workflow(name="ask_first", version="2")
    async def newer(run: Run, name: str) -> str:
        return "another version"

    async with Stanchion(url, settings=QUICK, workflows=[newer]) as second:
        await second.answer(question.id, "yes", by="bob")

        async def parked() -> bool:
            return "no app here serves" in (await second.store.get(old.id)).reason

        await until(parked)
        record = await second.store.get(old.id)
        assert record.state == "waiting"
        assert "register it and resume the run" in record.reason

    async with Stanchion(url, settings=QUICK, workflows=[ask_first]) as third:
        assert await third.handle(old.id, ask_first).result() == "Ada: yes"


async def test_runs_of_workflows_that_an_app_doesnt_know_are_left_to_others(
    tmp_path: Path,
) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    async with Stanchion(url, settings=QUICK) as first:
        handle = await first.start(ask_first, "Ada")
        await waiting(first, handle.id)
        question = (await first.reviews.pending())[0]

    async with Stanchion(url, settings=QUICK, workflows=[greet]) as other:
        await other.answer(question.id, "yes", by="bob")
        await (await other.start(greet, "Eve")).result()
        record = await other.store.get(handle.id)

    assert (record.state, record.reason) == ("waiting", "a person: Shall we?")


async def test_a_run_whose_process_died_is_taken_over_when_its_lease_expires(
    tmp_path: Path,
) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    dead = Stanchion(url, settings=QUICK, workflows=[greet])
    host = await dead.open(serve=False)
    await host.store.heartbeat("dead", timedelta(seconds=0.3))
    handle = await dead.start(greet, "Ada", serve=False)
    assert await host.store.claim(handle.id, "dead") is not None
    await dead.close()

    async with Stanchion(url, settings=QUICK, workflows=[greet]) as alive:
        assert await alive.handle(handle.id, greet).result(timeout=timedelta(seconds=5))


async def test_many_runs_move_at_once_within_the_limit(tmp_path: Path) -> None:
    settings = Settings(poll_seconds=0.02, concurrency=5)
    async with Stanchion(f"sqlite:///{tmp_path}/ledger.db", settings=settings) as app:
        handles = [await app.start(greet, str(i)) for i in range(40)]
        results = await asyncio.gather(*(h.result() for h in handles))

    assert results == [f"hello {i}" for i in range(40)]


async def test_events_are_the_entries_as_they_are_recorded(app: Stanchion) -> None:
    handle = await app.start(pay_then_ask, "111")
    await waiting(app, handle.id)
    question = (await app.reviews.pending())[0]
    await handle.answer(question.id, "no", by="bob")

    seen = [entry.phase.value async for entry in handle.events()]

    assert seen == ["note", "intent", "done", "wait", "done", "note"]


def test_code_that_isnt_async_runs_a_workflow_through_one_bridge(tmp_path: Path) -> None:
    app = Stanchion(f"sqlite:///{tmp_path}/ledger.db")

    assert app.run_sync(greet, "Ada") == "hello Ada"


async def test_a_graceful_stop_lets_the_step_in_flight_finish(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    begun, go = asyncio.Event(), asyncio.Event()

    async def slow() -> str:
        begun.set()
        await go.wait()
        return "done"

    @workflow
    async def two(run: Run, _: None) -> list[str]:
        return [await run.read(slow), await run.read(slow)]

    app = Stanchion(url, settings=QUICK)
    await app.open()
    handle = await app.start(two, None)
    await begun.wait()
    closing = asyncio.create_task(app.close())
    await asyncio.sleep(0)
    go.set()
    await closing

    async with Stanchion(url, settings=QUICK, workflows=[two]) as again:
        entries = await again.store.entries(handle.id)
        assert [e.kind for e in entries if e.phase == "done"][:1] == ["step"]
        assert await again.handle(handle.id, two).result() == ["done", "done"]


@pytest.mark.parametrize("everywhere", [False, True])
async def test_the_engine_serves_replay_modes_too(
    tmp_path: Path,
    everywhere: bool,
) -> None:
    mode = ReplayMode(everywhere=everywhere, seed=1)
    bank = Bank()
    app = Stanchion(f"sqlite:///{tmp_path}/l.db", settings=QUICK, deps=bank, replay=mode)
    async with app:
        handle = await app.start(pay_then_ask, "111")
        await until(lambda: pending(app))
        question = (await app.reviews.pending())[0]
        await handle.answer(question.id, "yes", by="bob")
        assert await handle.result(timeout=timedelta(seconds=10)) == "receipt 2"
    assert [amount for _, _, amount in bank.sent] == [5, 7]


async def pending(app: Stanchion) -> bool:
    return bool(await app.reviews.pending())


async def test_an_unknown_outcome_shows_as_a_question_and_its_answer_moves_the_run(
    tmp_path: Path,
) -> None:
    @workflow(tools=[pay_blindly], untrusted_may=[allow(pay_blindly)])
    async def blind(run: Run[Bank], account: str) -> str:
        return await run.call(pay_blindly, account, 1)

    url = f"sqlite:///{tmp_path}/l.db"
    async with Stanchion(url, settings=QUICK, deps=Bank(lose_answers=1)) as app:
        handle = await app.start(blind, "111")
        await waiting(app, handle.id)
        question = (await app.reviews.pending())[0]
        assert question.choices == ("happened", "did_not_happen", "stop")
        await handle.answer(question.id, "happened", "as seen in the bank", by="bob")
        assert await handle.result() == "as seen in the bank"


async def test_a_run_that_was_answered_isnt_settled_before_it_has_taken_that_up() -> None:
    async with Stanchion("sqlite://:memory:", settings=QUICK) as app:
        handle = await app.start(ask_twice, "")
        for said in ("a", "b"):
            await handle.settled()
            (question,) = await app.reviews.pending()
            await handle.answer(question.id, "answer", said, by="ana")
        assert (await handle.settled()).state == "completed"
        assert await handle.result() == "ab"
