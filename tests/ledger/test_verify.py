"""A ledger that was changed behind its back is found out, with the run and the entry named."""

from collections.abc import Callable
from typing import Any

import pytest

from stanchion.ledger import (
    Document,
    Draft,
    EntryPhase,
    Place,
    RunChange,
    Settlement,
    Wait,
    payload,
    verify,
)
from stanchion.ledger._sql_store import SqlStore
from stanchion.ledger._verify import Progress
from stanchion.values import RunState
from tests.conformance.ledgers import a_run, commit, ended, message, owned, step

Tamper = Callable[..., list[Any]]
TEXT = payload("message")
SEEN = payload("seen")


def prompt_of(new: list[Any], spans: list[list[int]]) -> dict[str, Any]:
    return {"at": 0, "new": new, "spans": {"turns": spans}}


async def fill(store: SqlStore) -> None:
    """Write a finished run, a waiting one with prompts, a fork of it and a running one."""
    done = await owned(store, a_run("done"))
    spent = {"output_tokens": 7, "cost_nanos": 9}
    settled = Settlement(steps=1, output_tokens=7, cost_nanos=9)
    await store.append(commit(done, step(0, "one", settlement=spent), settlement=settled))
    await store.append(commit(done, step(1, "two")))
    end = RunChange(RunState.COMPLETED, "", payload("done"), release=True)
    await store.append(commit(done, ended(done), change=end))

    waiting = await owned(store, a_run("waiting"))
    prompt = prompt_of([TEXT.digest.hex(), [0, 1]], [[0, 2]])
    document = Document("run:waiting", "1", "a text", SEEN.digest)
    await store.append(
        commit(waiting, step(0, "x", prompt=prompt), payloads=(TEXT, SEEN), documents=(document,))
    )
    composite = Draft(Place("", 1), EntryPhase.OPEN, "race", "first")
    wait = Draft(Place("", 2), EntryPhase.WAIT, "receive", "paid")
    loser = Draft(Place("/1/f0.0", 0), EntryPhase.WAIT, "receive", "never")
    opened = (Wait("waiting", wait.place, "event", "paid"),)
    await store.append(commit(waiting, composite, loser))
    await store.append(commit(waiting, Draft(Place("", 1), EntryPhase.DONE, "race", "first")))
    await store.append(commit(waiting, wait, opened=opened))
    await store.append(commit(waiting, change=RunChange(RunState.WAITING, release=True)))
    await store.send(message("k", run="waiting", topic="other"))

    await store.copy(a_run("fork", forked_from="done", forked_at=3), 3)
    await owned(store, a_run("running"))


async def findings(store: SqlStore) -> list[tuple[str, int, str]]:
    report = await verify(store)
    assert report.found == len(report.findings)
    assert report.ok is not bool(report.findings)
    return [(f.run, f.seq, f.problem) for f in report.findings]


async def test_a_sound_ledger_has_no_findings_on_any_store(store: SqlStore) -> None:
    await fill(store)
    seen: list[Progress] = []

    report = await verify(store, progress=seen.append)

    assert report.findings == ()
    stats = await store.stats()
    checked = report.checked
    assert (checked.runs, checked.entries) == (stats["runs"], stats["entries"]) == (4, 11)
    assert checked.payloads == stats["payloads"]
    assert seen[-1] == report.checked


async def test_a_fork_may_open_the_waits_again_that_it_inherited(local: SqlStore) -> None:
    run = await owned(local)
    await local.append(commit(run, Draft(Place("", 0), EntryPhase.WAIT, "receive", "paid")))
    await local.copy(a_run("fork", forked_from="run-1", forked_at=1), 1)
    fork = await local.claim("fork", "ann")
    assert fork is not None
    parked = RunChange(RunState.WAITING, release=True)
    await local.append(commit(fork, change=parked))
    assert await findings(local) == []

    again = await local.claim("fork", "ann")
    assert again is not None
    wait = Wait("fork", Place("", 0), "event", "paid")
    await local.append(commit(again, opened=(wait,), change=parked))

    assert await findings(local) == []


async def test_a_prompt_that_refers_to_messages_nobody_added_is_named(local: SqlStore) -> None:
    run = await owned(local)
    known = [TEXT.digest.hex()]
    sound, ahead, copied = (
        step(0, "x", prompt=prompt_of(known, [[0, 1]])),
        step(1, "y", prompt=prompt_of([], [[0, 2]])),
        step(2, "z", prompt=prompt_of([[1, 1]], [[0, 1]])),
    )
    await local.append(commit(run, sound, ahead, copied, payloads=(TEXT,)))

    problem = "the prompt refers to messages that no entry has added"
    assert await findings(local) == [("run-1", 2, problem), ("run-1", 3, problem)]


async def test_pages_end_where_the_next_begins(local: SqlStore) -> None:
    run = await owned(local)
    for i in range(11):
        drafts = [step(100 * i + j, f"{i} {j}") for j in range(100)]
        await local.append(commit(run, *drafts))

    report = await verify(local)

    assert report.findings == ()
    assert (report.checked.entries, report.checked.payloads) == (1100, 1101)


CHANGES = [
    ("UPDATE entries SET facts = '{\"n\":1}' WHERE seq = 2", "done", 2, "was changed"),
    ("UPDATE entries SET name = 'other' WHERE seq = 1", "done", 1, "was changed"),
    ("UPDATE entries SET facts = 'no json' WHERE seq = 2", "done", 2, "can't be read"),
    ("UPDATE entries SET request_data = '[7]' WHERE seq = 1", "done", 1, "request doesn't have"),
    ("UPDATE entries SET request_data = NULL WHERE seq = 1", "done", 1, "is missing"),
    ("DELETE FROM entries WHERE seq = 2", "done", 3, "entries 2 to 2 are missing"),
    ("DELETE FROM entries WHERE seq = 3", "done", 2, "counts 3 entries, its last one is 2"),
    ("UPDATE runs SET seq = 2 WHERE id = 'done'", "done", 3, "after the last one that the run"),
    ("UPDATE runs SET chain = zeroblob(32) WHERE id = 'done'", "done", 3, "chain isn't its last"),
    ("UPDATE runs SET output_tokens = 8", "done", 0, "8 output_tokens, the entries add up to 7"),
    ("UPDATE runs SET steps = 3 WHERE id = 'done'", "done", 0, "has 3 steps"),
    ("UPDATE runs SET state = 'failed'", "done", 3, "says completed, the run is failed"),
    ("UPDATE runs SET state = 'completed'", "waiting", 0, "is completed, no entry says so"),
    ("UPDATE runs SET result = NULL WHERE id = 'done'", "done", 3, "result isn't the one"),
    ("DELETE FROM waits", "waiting", 5, "wait at root[2] is missing among the open waits"),
    ("UPDATE waits SET ordinal = 7", "waiting", 0, "open wait at root[7] without its entry"),
    ("UPDATE runs SET state = 'failed'", "waiting", 0, "open wait at root[2] of a run that has"),
    ("DELETE FROM payloads WHERE digest = :result", "done", 1, "is missing"),
    ("UPDATE payloads SET data = 'x' WHERE digest = :result", "done", 1, "have its digest"),
    ("UPDATE payloads SET encoding = 1 WHERE digest = :result", "done", 1, "have its digest"),
    ("DELETE FROM payloads WHERE digest = :input", "done", 0, "is missing"),
    ("DELETE FROM payloads WHERE digest = :text", "waiting", 1, "is missing"),
    ("UPDATE payloads SET data = 'x' WHERE digest = :text", "waiting", 1, "have its digest"),
    ("DELETE FROM runs WHERE id = 'done'", "number 1", 0, "3 entries of a run that doesn't exist"),
    ("DELETE FROM payloads WHERE digest = :message", "waiting", 0, "inbox message 1 is missing"),
    ("DELETE FROM payloads WHERE digest = :seen", "", 0, "the document '1' in 'run:waiting' is"),
]


@pytest.mark.promise("LEDGER-5")
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change[0])
async def test_a_change_behind_the_ledgers_back_is_named(
    local: SqlStore, tamper: Tamper, change: tuple[str, str, int, str]
) -> None:
    statement, run, seq, problem = change
    await fill(local)
    names = {
        ":result": payload("one"),
        ":input": payload({"ticket": 7}),
        ":text": TEXT,
        ":seen": SEEN,
        ":message": payload({"key": "k"}),
    }
    literals = {name: f"x'{kept.digest.hex()}'" for name, kept in names.items()}
    for name, literal in literals.items():
        statement = statement.replace(name, literal)

    tamper(statement)

    found = await findings(local)
    assert any(f[0] == run and f[1] == seq and problem in f[2] for f in found), found


async def test_one_changed_entry_is_one_finding(local: SqlStore, tamper: Tamper) -> None:
    await fill(local)
    number = tamper("SELECT n FROM runs WHERE id = 'done'")[0][0]

    tamper("UPDATE entries SET kind = 'call' WHERE seq = 1 AND run = ?", number)

    assert [(run, seq) for run, seq, _ in await findings(local)] == [("done", 1)]


async def test_a_report_names_a_thousand_findings_and_counts_the_rest(
    local: SqlStore, tamper: Tamper
) -> None:
    run = await owned(local)
    await local.append(commit(run, *(step(i) for i in range(1200))))
    tamper("UPDATE entries SET name = 'other'")

    report = await verify(local)

    assert (len(report.findings), report.found) == (1000, 1200)
