"""What every store does in one commit: entries, payloads and projections, or nothing of them."""

import asyncio
import hashlib
import os
from dataclasses import replace

import pytest

from stanchion.errors import EncodingError, RunNotFound
from stanchion.ledger import (
    Draft,
    EntryPhase,
    Fenced,
    Message,
    Payload,
    Place,
    RunChange,
    Settlement,
    Store,
    Wait,
    payload,
)
from stanchion.values import RunState
from tests.conformance.ledgers import a_run, appended, commit, ended, message, owned, step


async def test_entries_come_back_as_they_were_acknowledged(store: Store) -> None:
    run = await owned(store)

    written = [*await appended(store, commit(run, step(0, {"a": [1, 2.5, None, "ü"]}, key="k")))]
    written += await appended(store, commit(run, step(1, lane="/0/f0.1"), step(2, "x", n={"b": 2})))

    assert written == await store.entries("run-1")
    assert [e.seq for e in written] == [1, 2, 3]
    assert [e.place for e in written] == [Place("", 0), Place("/0/f0.1", 1), Place("", 2)]
    assert [e.facts for e in written] == [{"key": "k"}, {}, {"n": {"b": 2}}]
    assert written[1].result is None
    assert await store.entries("run-1", after=2) == written[2:]
    assert (await store.get("run-1")).chain == written[2].chain


async def test_facts_come_back_as_json_even_when_they_are_acknowledged(store: Store) -> None:
    run = await owned(store)

    entry = (await appended(store, commit(run, step(0, span=("node", 3)))))[0]

    assert entry.facts == {"span": ["node", 3]}


async def test_the_chain_covers_every_field_of_an_entry(store: Store) -> None:
    drafts = [
        step(0, "x"),
        step(1, "x"),
        step(0, "y"),
        step(0, "x", lane="a"),
        step(0, "x", fact=1),
        Draft(Place("", 0), EntryPhase.OPEN, "step", "fetch", payload([0]), payload("x")),
        Draft(Place("", 0), EntryPhase.DONE, "call", "fetch", payload([0]), payload("x")),
        Draft(Place("", 0), EntryPhase.DONE, "step", "f", payload([0]), payload("x")),
        Draft(Place("", 0), EntryPhase.DONE, "step", "fetch", None, payload("x")),
        Draft(Place("", 0), EntryPhase.DONE, "step", "fetch", payload("x"), payload([0])),
    ]
    chains: set[bytes] = set()
    for i, draft in enumerate(drafts):
        run = await owned(store, a_run(f"run-{i}"))
        chains.add((await appended(store, commit(run, draft)))[0].chain)

    assert len(chains) == len(drafts)


async def test_a_commit_changes_the_projection_with_its_entries(store: Store) -> None:
    run = await owned(store)
    spent = Settlement(1, 2, 3, 400, 50, 6_000_000_000_000, 7)

    await store.append(commit(run, step(0, "x"), settlement=spent))
    await store.append(
        commit(
            run,
            ended(run),
            settlement=spent,
            change=RunChange(RunState.COMPLETED, "all done", payload("r"), release=True),
        )
    )

    record = await store.get("run-1")
    assert record.account == Settlement(2, 4, 6, 800, 100, 12_000_000_000_000, 14)
    assert (record.state, record.reason, record.worker) == (RunState.COMPLETED, "all done", "")
    assert (record.result, record.error, record.seq) == (payload("r").digest, None, 2)
    assert await store.payloads("", [payload("r").digest]) == {payload("r").digest: b'"r"'}


async def test_a_change_leaves_alone_what_it_does_not_name(store: Store) -> None:
    run = await owned(store)
    await store.append(commit(run, change=RunChange(RunState.WAITING, "for a person")))
    await store.append(commit(run, change=RunChange(error=payload("e"))))

    record = await store.get("run-1")
    assert (record.state, record.reason) == (RunState.WAITING, "for a person")
    assert (record.worker, record.error) == ("ann", payload("e").digest)


async def test_a_reason_may_quote_what_a_database_can_not_keep(store: Store) -> None:
    run = await owned(store)

    await store.append(commit(run, change=RunChange(RunState.FAILED, "bad bytes: \0 \ud800")))

    assert (await store.get("run-1")).reason == "bad bytes: \N{REPLACEMENT CHARACTER} ?"


async def test_concurrent_commits_of_one_run_number_their_entries_without_a_gap(
    store: Store,
) -> None:
    run = await owned(store)

    await asyncio.gather(*(store.append(commit(run, step(0, lane=f"/{i}"))) for i in range(50)))

    assert [e.seq for e in await store.entries("run-1")] == list(range(1, 51))
    assert (await store.get("run-1")).account.steps == 50


async def test_a_commit_that_fails_among_others_takes_only_itself_back(store: Store) -> None:
    run = await owned(store)
    broken = Wait("run-1", Place("", 8), "event", "t", None, {"a lone surrogate": "\ud800"})

    outcomes = await asyncio.gather(
        store.append(commit(run, step(0, "good 0"))),
        store.append(commit(run, step(8, "bad"), opened=(broken,))),
        store.append(commit(run, step(1, "good 1"))),
        store.claim("run-1", "ann"),
        store.append(commit(run, step(9, "lost"))),
        store.create(a_run("run-2")),
        return_exceptions=True,
    )

    failed = [type(outcome) for outcome in outcomes if isinstance(outcome, BaseException)]
    assert failed == [EncodingError, Fenced]
    assert [e.place.ordinal for e in await store.entries("run-1")] == [0, 1]
    assert await store.payloads("", [payload("bad").digest, payload("lost").digest]) == {}
    again = await store.claim("run-1", "ann")
    assert again is not None
    await store.append(commit(again, step(8, "bad"), step(9, "lost")))
    assert len(await store.payloads("", [payload("bad").digest, payload("lost").digest])) == 2


@pytest.mark.promise("LEDGER-1")
async def test_a_failing_commit_leaves_nothing_anywhere(store: Store) -> None:
    run = await owned(store)
    await owned(store, a_run("parent"))
    everything = commit(
        run,
        step(0, "lost"),
        payloads=(payload("also lost"),),
        opened=(Wait("run-1", Place("", 1), "event", "paid"),),
        started=(a_run("child", input=payload("lost input")),),
        sent=(
            Message("parent", "paid", "k1", payload("lost message")),
            Message("parent", "\ud800", "k2", payload("a lone surrogate can't be stored")),
        ),
    )
    before = await store.stats()

    with pytest.raises(EncodingError):
        await store.append(everything)

    assert {k: v for k, v in (await store.stats()).items() if k != "bytes"} == {
        k: v for k, v in before.items() if k != "bytes"
    }
    assert (await store.get("run-1")).seq == 0
    written = await appended(store, commit(run, step(0, "lost")))
    assert written[0].seq == 1
    assert await store.payloads("", [payload("lost").digest])


async def test_children_start_and_messages_leave_with_the_commit(store: Store) -> None:
    run = await owned(store)
    place = Place("", 0)
    child = a_run("child", parent="run-1", parent_place=place, input=payload("for the child"))

    opened = (Wait("run-1", place, "child", "child"),)
    await store.append(commit(run, step(0), opened=opened, started=(child, child)))
    small = await owned(store, child, "bob")
    await store.append(
        commit(
            small,
            ended(small),
            change=RunChange(RunState.COMPLETED, release=True),
            sent=(message("c1", topic="child"), message("gone", run="nobody")),
        )
    )

    record = await store.get("child")
    assert (record.parent, record.parent_place, record.root) == ("run-1", place, "child")
    assert [m.topic for m in await store.inbox("run-1")] == ["child"]
    assert await store.payloads("", [payload("for the child").digest])


@pytest.mark.parametrize(("size", "kept"), [(126, 0), (127, 1)], ids=["small", "large"])
async def test_a_small_request_is_kept_in_its_entry(store: Store, size: int, kept: int) -> None:
    run = await owned(store)
    asked = payload("x" * size)
    rows = (await store.stats())["payloads"]

    await store.append(commit(run, Draft(Place("", 0), EntryPhase.DONE, "s", "n", asked)))
    await store.copy(a_run("fork", forked_from="run-1", forked_at=1), 1)

    for name in ("run-1", "fork"):
        (entry,) = await store.entries(name)
        there = await store.payloads("", [asked.digest])
        assert entry.request == asked.digest
        assert (entry.request_data or there[asked.digest]) == asked.data
    assert (await store.stats())["payloads"] == rows + kept


async def test_a_payload_is_kept_once_per_tenant(store: Store) -> None:
    mine = await owned(store, a_run("a", tenant="acme"))
    theirs = await owned(store, a_run("b", tenant="bolt"))
    secret = payload("the same content")
    rows = (await store.stats())["payloads"]

    for ordinal in range(3):
        await store.append(
            commit(mine, Draft(Place("", ordinal), EntryPhase.DONE, "s", "n", None, secret))
        )
    assert await store.payloads("bolt", [secret.digest]) == {}
    await store.append(commit(theirs, Draft(Place("", 0), EntryPhase.DONE, "s", "n", None, secret)))

    assert (await store.stats())["payloads"] == rows + 2
    assert await store.payloads("bolt", [secret.digest]) == {secret.digest: secret.data}
    assert await store.payloads("", [secret.digest]) == {}


@pytest.mark.parametrize(
    "data",
    [b"0", b'"' + b"a" * 127 + b'"', os.urandom(2_000_000).hex().encode(), b" " * 1_000_000],
    ids=["tiny", "small", "incompressible", "compressible"],
)
async def test_payloads_of_every_size_come_back_unchanged(store: Store, data: bytes) -> None:
    kept = Payload(hashlib.sha256(data).digest(), data)

    await store.put("acme", [kept])

    assert await store.payloads("acme", [kept.digest]) == {kept.digest: data}


async def test_many_payloads_are_fetched_at_once_and_unknown_ones_are_missing(
    store: Store,
) -> None:
    kept = [payload(f"number {i}") for i in range(700)]
    await store.put("", kept)

    found = await store.payloads("", [p.digest for p in kept] + [payload("unknown").digest] * 2)

    assert found == {p.digest: p.data for p in kept}
    assert await store.payloads("", []) == {}


async def test_a_commit_to_an_unknown_run_is_refused(store: Store) -> None:
    run = await owned(store)

    with pytest.raises(RunNotFound):
        await store.append(commit(replace(run, id="nope"), step(0)))


async def test_a_caller_that_is_cancelled_leaves_the_store_whole(store: Store) -> None:
    run = await owned(store)
    abandoned = asyncio.create_task(store.append(commit(run, step(0, "x"))))
    await asyncio.sleep(0)
    abandoned.cancel()

    await store.append(commit(run, step(1, "y")))

    entries = await store.entries("run-1")
    assert [e.seq for e in entries] == [1, 2]
