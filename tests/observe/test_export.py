"""Feeding destinations from a store: at least once, nothing skipped, whatever happens between."""

from __future__ import annotations

import asyncio
import contextlib
import re
import tracemalloc
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from stanchion import Stanchion
from stanchion.errors import DestinationFailed, RunFailed
from stanchion.ledger import Store, open_store
from stanchion.observe import (
    Destination,
    Exporter,
    FeedState,
    Meaning,
    Redaction,
    Response,
    Span,
    check,
    exporting,
    since,
)
from stanchion.observe._cursor import CursorLost
from stanchion.testing import FakeClock, FakeCollector, SimulatedCrash
from tests.conformance.ledgers import a_run, appended, commit, message, owned, step
from tests.observe.traced import app, fails, run_all, shout, spans_of

TO = Destination("here", "http://localhost/v1/traces")


@pytest.fixture
async def full(tmp_path: Path) -> AsyncIterator[Store]:
    """A store with a run of every kind of step, its child, and a failed run."""
    url = f"sqlite:///{tmp_path}/ledger.db"
    async with app(url) as running:
        await run_all(running)
        failed = await running.start(fails, "1")
        with pytest.raises(RunFailed):
            await failed.result()
    store = open_store(url)
    yield store
    await store.close()


async def all_spans(store: Store) -> dict[bytes, Span]:
    runs = {entry.run for entry in await store.follow((0, 0), 1000)}
    return {s.span_id: s for run in runs for s in await spans_of(store, run)}


def exporter(
    store: Store, collector: FakeCollector, to: Destination = TO, clock: FakeClock | None = None
) -> Exporter:
    return Exporter(store, to, sender=collector, clock=clock or FakeClock(automatic=True))


@pytest.mark.promise("OBSERVE-2")
async def test_everything_that_is_recorded_arrives_and_once_if_nothing_fails(full: Store) -> None:
    collector = FakeCollector()

    feed = await exporter(full, collector).catch_up()

    assert collector.taken == await all_spans(full)
    assert feed.sent == len(collector.taken) == sum(map(len, collector.requests))
    assert (await exporter(full, collector).catch_up()).sent == feed.sent


@pytest.mark.promise("OBSERVE-2")
async def test_what_a_crash_interrupted_is_sent_again_under_the_same_ids(full: Store) -> None:
    expected = await all_spans(full)
    sent: list[Span] = []
    taken: dict[bytes, Span] = {}

    def crashing(at: int) -> FakeCollector:
        left = at

        def answer(spans: Sequence[Span]) -> Response:
            nonlocal left
            left -= 1
            sent.extend(spans)
            taken.update((span.span_id, span) for span in spans)
            if left == 0:
                raise SimulatedCrash
            return Response(200)

        return FakeCollector(answer)

    small = Destination("here", TO.url, most_spans=1)
    for at in range(1, 12):
        with contextlib.suppress(SimulatedCrash):
            await exporter(full, crashing(at), small).catch_up()
    await exporter(full, crashing(0), small).catch_up()

    assert taken == expected
    assert {span.span_id for span in sent} == set(expected)


@pytest.mark.promise("OBSERVE-3")
async def test_an_entry_that_commits_late_is_exported_too(postgres_url: str) -> None:
    slow, quick = open_store(postgres_url), open_store(postgres_url)
    blocker = psycopg.connect(postgres_url)
    collector = FakeCollector()
    try:
        one, other = await owned(slow), await owned(quick, a_run("run-2"), "bob")
        await slow.send(message("k"))
        (unread,) = await slow.inbox("run-1")
        blocker.execute("SELECT 1 FROM inbox WHERE n = %s FOR UPDATE", [unread.id])
        # The late entry has its position; its transaction hangs until the blocker lets go.
        late = asyncio.create_task(appended(slow, commit(one, step(0, "late"), taken=(unread.id,))))
        await _until_one_waits(postgres_url)
        await appended(quick, commit(other, step(1, "early")))
        feeding = exporter(quick, collector)
        await feeding.catch_up()
        assert collector.taken == {}  # nothing past the commit horizon
        blocker.rollback()
        await late

        await feeding.catch_up()

        assert sorted(s.run for s in collector.taken.values()) == ["run-1", "run-2"]
    finally:
        blocker.close()
        await slow.close()
        await quick.close()


async def test_two_processes_feed_a_destination_one_at_a_time(full: Store) -> None:
    other = FakeCollector()

    def meanwhile(_: Sequence[Span]) -> Response:
        return Response(200)

    class Slow(FakeCollector):
        async def send(self, spans: Sequence[Span]) -> Response:
            await exporter(full, other).catch_up()
            return await super().send(spans)

    slow = Slow(meanwhile)
    await exporter(full, slow).catch_up()

    assert other.requests == []
    assert slow.taken == await all_spans(full)


async def test_another_process_takes_over_when_the_one_that_fed_is_gone(tmp_path: Path) -> None:
    clock = FakeClock()
    url = f"sqlite:///{tmp_path}/ledger.db"
    async with app(url) as running:
        await run_all(running)
    store = open_store(url, clock=clock.now)
    try:
        assert await FeedState(store, "here", "gone").hold()
        collector = FakeCollector()
        await exporter(store, collector, clock=clock).catch_up()
        assert collector.taken == {}

        clock.advance(timedelta(minutes=2))
        await exporter(store, collector, clock=clock).catch_up()

        assert collector.taken == await all_spans(store)
    finally:
        await store.close()


async def test_who_lost_the_cursor_does_not_move_it(full: Store) -> None:
    state = FeedState(full, "here", "a")
    held = await state.hold()
    assert held is not None
    await FeedState(full, "here", "b").reset((0, 7))

    with pytest.raises(CursorLost):
        await state.move(held, (0, 9), at="", sent=1, dead=[])

    assert (await state.read()).cursor == (0, 7)


@pytest.mark.promise("OBSERVE-2")
async def test_a_destination_that_is_down_for_days_costs_no_memory_and_loses_nothing(
    full: Store,
) -> None:
    clock = FakeClock(automatic=True)
    began, sizes = clock.now(), list[int]()

    def answer(_: Sequence[Span]) -> Response:
        sizes.append(tracemalloc.get_traced_memory()[0])
        return Response(503 if clock.now() - began < timedelta(days=2) else 200)

    collector = FakeCollector(answer)
    tracemalloc.start()
    try:
        await exporter(full, collector, clock=clock).catch_up()
    finally:
        tracemalloc.stop()

    assert set(collector.taken) >= set(await all_spans(full))
    assert len(sizes) > 500
    assert max(sizes) - sizes[50] < 500_000


async def test_status_says_what_the_matter_is_while_a_destination_takes_nothing(
    full: Store,
) -> None:
    clock = FakeClock()
    feeding = exporter(full, FakeCollector([Response(503, "closed for works")] * 9), clock=clock)
    task = asyncio.create_task(feeding.catch_up())
    async with asyncio.timeout(10):
        while not clock.is_awaited:  # noqa: ASYNC110 (the clock is what is waited for)
            await asyncio.sleep(0)

    feed = await FeedState(full, "here", "looker").read()

    assert feed.trouble == "503 closed for works"
    assert feed.since
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_with_less_patience_the_cursor_stays_and_the_next_time_goes_on(full: Store) -> None:
    broken = Exporter(
        full,
        TO,
        sender=FakeCollector([Response(401, "no")] * 9),
        clock=FakeClock(automatic=True),
        patience=timedelta(minutes=1),
    )
    with pytest.raises(DestinationFailed):
        await broken.catch_up()

    collector = FakeCollector()
    await exporter(full, collector).catch_up()

    assert collector.taken == await all_spans(full)


async def test_dead_letters_are_kept_with_their_reason_and_where_to_find_the_span(
    full: Store,
) -> None:
    def answer(spans: Sequence[Span]) -> Response:
        bad = any(span.name.startswith("chat") for span in spans)
        return Response(422, "no chats") if bad else Response(200)

    feed = await exporter(full, FakeCollector(answer)).catch_up()

    letters = await FeedState(full, "here", "looker").letters()
    assert feed.dead == len(letters) == 2
    assert {letter["reason"] for letter in letters} == {"422 no chats"}
    found = await full.entries(letters[0]["run"], letters[0]["seq"] - 1)
    assert found[0].kind == "model"


async def test_back_filling_starts_at_a_time(full: Store) -> None:
    entries = await full.follow((0, 0), 1000)
    middle = entries[len(entries) // 2]
    collector = FakeCollector()
    await FeedState(full, "here", "x").reset(await since(full, middle.recorded_at))

    await exporter(full, collector).catch_up()

    expected = await all_spans(full)
    assert set(collector.taken) == {
        span_id for span_id, span in expected.items() if span.ended_at >= middle.recorded_at
    }


async def test_whole_runs_are_sent_when_they_have_ended(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    whole = Destination("here", TO.url, when="run")
    collector = FakeCollector()
    async with app(url) as running:
        await run_all(running)
        await exporter(running.store, collector, whole).catch_up()
        assert collector.taken == await all_spans(running.store)


async def test_of_the_runs_a_sample_is_sent_and_every_one_with_an_error_or_a_person(
    tmp_path: Path,
) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    collector = FakeCollector()
    async with app(url) as running:
        asked = await run_all(running)
        failed = await running.start(fails, "1")
        with pytest.raises(RunFailed):
            await failed.result()
        quiet = [await running.start(shout, str(n)) for n in range(60)]
        for each in quiet:
            await each.result()
        few = Destination("here", TO.url, sample=0.2)
        await exporter(running.store, collector, few).catch_up()

    sent = {span.run for span in collector.taken.values()}
    assert {asked, failed.id} <= sent
    assert 2 <= len(sent & {each.id for each in quiet}) <= 26


@pytest.mark.promise("OBSERVE-4")
async def test_secrets_never_leave_and_contents_only_if_wanted(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    key = f"sk-ant-{'a1' * 20}"
    async with app(url) as running:
        await (await running.start(shout, f"my key is {key}, call me at 0123-456")).result()
    store = open_store(url)
    try:
        told, silent = FakeCollector(), FakeCollector()
        mine = Redaction(patterns=(re.compile(r"\d{4}-\d{3}"),))
        await exporter(store, told, Destination("a", TO.url, redaction=mine)).catch_up()
        without = Redaction(content=True)
        await exporter(store, silent, Destination("b", TO.url, redaction=without)).catch_up()
    finally:
        await store.close()

    (span,) = told.taken.values()
    assert span.attributes["input.value"] == "my key is (redacted), call me at (redacted)"
    (span,) = silent.taken.values()
    assert span.attributes["input.value"] == "(redacted)"
    assert span.attributes["stanchion.workflow.name"] == "shout"


@pytest.mark.promise("OBSERVE-4")
async def test_a_span_that_cannot_be_redacted_is_not_sent(full: Store) -> None:
    def broken(span: Span) -> Span:
        if span.name.startswith("chat"):
            raise ValueError
        return span

    collector = FakeCollector()
    to = Destination("here", TO.url, adapt=broken)

    feed = await exporter(full, collector, to).catch_up()

    assert feed.dead == 2
    assert not any(s.name.startswith("chat") for s in collector.taken.values())


async def test_spans_arrive_while_the_run_goes_on(tmp_path: Path) -> None:
    async with app(f"sqlite:///{tmp_path}/ledger.db") as running:
        arrived = asyncio.Event()

        class Waiting(FakeCollector):
            async def send(self, spans: Sequence[Span]) -> Response:
                arrived.set()
                return await super().send(spans)

        await _while_exporting(running, Waiting(), arrived)


async def _while_exporting(
    running: Stanchion, collector: FakeCollector, arrived: asyncio.Event
) -> None:
    feeding = exporter(running.store, collector)
    task = asyncio.create_task(feeding.serve())
    run = asyncio.create_task(run_all(running))
    await asyncio.wait_for(arrived.wait(), 10)
    await run
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await feeding.catch_up()
    assert collector.taken == await all_spans(running.store)


async def test_a_check_sends_a_probe_or_says_what_is_missing() -> None:
    collector = FakeCollector()
    assert (await check(TO, sender=collector)).meaning is Meaning.TAKEN
    assert [s.name for s in collector.taken.values()] == ["stanchion probe"]

    verdict = await check(Destination("here", "http://x", lacks=("LANGSMITH_API_KEY",)))

    assert verdict.meaning is Meaning.MISCONFIGURED
    assert "LANGSMITH_API_KEY" in verdict.reason


async def test_exporting_leaves_what_is_not_taken_for_the_next_time(full: Store) -> None:
    nowhere = Destination("here", "http://127.0.0.1:1/v1/traces", timeout=0.2)

    async with exporting(full, nowhere):
        await asyncio.sleep(0)

    collector = FakeCollector()
    await exporter(full, collector).catch_up()
    assert set(collector.taken) == set(await all_spans(full))


async def _until_one_waits(url: str) -> None:
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    with psycopg.connect(url, autocommit=True) as admin:
        for _ in range(1000):
            row = admin.execute(waiting).fetchone()
            if row is not None and row[0]:
                return
            await asyncio.sleep(0.01)
    pytest.fail("nothing waits")
