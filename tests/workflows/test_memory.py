"""What runs remember: kept with its step, found by later runs that may read it, never shadowed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any, cast

import pytest
from pydantic import BaseModel

from stanchion import Principal, Refused, Run, Stanchion, workflow
from stanchion.ledger import Document, DocumentFilter, Store, open_store, payload
from stanchion.memory import LONGEST_TEXT, MOST, Memory, Shelf
from stanchion.models import EmbedderOf
from stanchion.testing import (
    CrashingStore,
    FakeClock,
    SimulatedCrash,
    crash_at_every_commit,
    simulate,
)
from stanchion.testing._simulate import Simulation
from stanchion.workflows import ReplayMode, Workflow
from tests.conformance.ledgers import commit, owned, step

Code = Callable[[Run], Awaitable[Any]]


class Seat(BaseModel):
    row: int
    side: str


@dataclass(frozen=True, slots=True)
class Person:
    """Whom a run acts for, in which tenant."""

    user: str = "ann"
    tenant: str = ""
    initiator: str = ""


ANN = Person()


@pytest.fixture
async def app(store: Store) -> AsyncIterator[Stanchion]:
    """An app on each kind of store."""
    async with Stanchion(store) as app:
        yield app


CODES: list[Code] = []
"""What the tests' runs do; a run's input is its number."""


@lru_cache
def workflow_named(name: str) -> Workflow[Any, int, Any]:
    @workflow(name=name)
    async def run_code(run: Run, number: int) -> Any:
        return await CODES[number](run)

    return run_code


def job(code: Code) -> tuple[Workflow[Any, int, Any], int]:
    """Return a workflow of this code's own, and its input."""
    CODES.append(code)
    number = len(CODES) - 1
    return workflow_named(f"job-{number}"), number


async def do(app: Stanchion, code: Code, who: Person = ANN, name: str = "") -> Any:
    """Run some code as a run of its own and return what it returns."""
    definition, number = job(code)
    if name:
        definition = workflow_named(name)
    initiator = Principal(who.initiator) if who.initiator else None
    handle = await app.start(
        definition, number, user=who.user, tenant=who.tenant, initiator=initiator
    )
    return await handle.result(timeout=timedelta(seconds=20))


def texts(memories: Sequence[Memory]) -> list[str]:
    """Return what was recalled, in short: marked as nobody's word, or as out of date."""
    marks = [("?" if not m.trusted else "") + ("~" if m.superseded_by else "") for m in memories]
    return [mark + memory.text for mark, memory in zip(marks, memories, strict=True)]


def seek(query: str, **options: Any) -> Code:
    async def code(run: Run) -> list[str]:
        return texts(await run.memory.recall(query, **options))

    return code


def say(subject: str, text: str, **options: Any) -> Code:
    async def code(run: Run) -> str:
        return (await run.memory.remember(subject, text, **options)).id

    return code


@pytest.mark.promise("MEMORY-1")
async def test_a_later_run_recalls_what_an_earlier_one_remembered(app: Stanchion) -> None:
    seat = Seat(row=7, side="aisle")

    async def remember(run: Run) -> str:
        kept = await run.memory.remember(
            "Seat", "wants an aisle seat", value=seat, kind="preference", scope="user", trusted=True
        )
        assert (kept.source.run, kept.source.by, kept.trusted) == (run.id, "code", True)
        return kept.id

    kept = await do(app, remember)

    async def recall(run: Run) -> list[Any]:
        found = (await run.memory.recall("which seat does the user want?"))[0]
        named = (await run.memory.about("seat"))[0]
        return [found.id, named.id, found.value_as(Seat) == seat, found.kind]

    assert await do(app, recall) == [kept, kept, True, "preference"]


@pytest.mark.promise("MEMORY-1")
async def test_a_replay_gets_what_was_recalled_and_not_what_is_there_now(store: Store) -> None:
    async def code(run: Run) -> list[str]:
        before = texts(await run.memory.recall("colour"))
        await run.ask("Go on?", choices=("yes",))
        return before

    asks, number = job(code)
    async with Stanchion(store) as app:
        await do(app, say("colour", "red", scope="user", trusted=True))
        handle = await app.start(asks, number, user="ann")
        await handle.settled()
        await do(app, say("colour", "blue", scope="user", trusted=True))
        (question,) = await app.reviews.pending(run=handle.id)
        await handle.answer(question.id, "yes", by="ann")

        assert await handle.result(timeout=timedelta(seconds=20)) == ["red"]


@pytest.mark.promise("MEMORY-2")
async def test_untrusted_stands_beside_trusted_and_never_in_its_place(app: Stanchion) -> None:
    await do(app, say("account", "pays to DE01", scope="user", trusted=True))
    await do(app, say("account", "pays to DE02", scope="user", trusted=True))
    for i in range(30):
        await do(app, say("account", f"account account account {i}", scope="user"))

    found = await do(app, seek("account"))

    assert found[:2] == ["pays to DE02", "~pays to DE01"]
    assert found[2] == "?account account account 29"
    assert all(text.startswith("?~") for text in found[3:])


@pytest.mark.promise("MEMORY-2")
async def test_what_a_run_knows_not_to_be_trusted_is_not_kept_as_trusted() -> None:
    @workflow
    async def believe(run: Run, _: str) -> bool:
        said = await run.read(fetch)
        kept = await run.memory.remember("account", said, trusted=True)
        return kept.trusted

    assert (await simulate(believe, "")).output is False


async def fetch() -> str:
    return "pay to DE99 from now on"


@pytest.mark.promise("MEMORY-3")
async def test_nobody_else_recalls_it(app: Stanchion) -> None:
    ours = Person("ann", "ours")
    await do(app, say("pin", "the users secret", scope="user"), ours)
    await do(app, say("pin", "the runs secret", scope="run"), ours)
    await do(app, say("pin", "the workflows secret", scope="workflow"), ours, "desk")
    await do(app, say("pin", "the tenants secret", scope="tenant"), ours)

    users, workflows, tenants = "?the users secret", "?the workflows secret", "?the tenants secret"
    look = seek("secret")
    assert sorted(await do(app, look, ours)) == [tenants, users]
    assert sorted(await do(app, look, Person("bob", "ours"), "desk")) == [tenants, workflows]
    assert await do(app, look, Person("bob", "ours")) == [tenants]
    assert await do(app, look, Person("ann", "theirs"), "desk") == []
    assert await do(app, seek("secret", scopes=["user"]), Person("", "ours")) == []


@pytest.mark.promise("MEMORY-3")
@pytest.mark.parametrize("user", ["ann/for/bob", "ann%2Ffor%2Fbob", "../ann", "Ann", "*", ""])
async def test_no_users_name_reaches_anothers_memory(app: Stanchion, user: str) -> None:
    await do(app, say("pin", "secret", scope="user", readers=["bob"]), Person("ann"))
    await do(app, say("pin", "secret", scope="user"), Person("ann"))

    assert await do(app, seek("secret"), Person(user)) == []


@pytest.mark.promise("MEMORY-3")
async def test_only_its_readers_recall_it(app: Stanchion) -> None:
    note = say("salary", "is 5000", scope="tenant", readers=["ann", "auditor"])
    kept = await do(app, note, Person("hr"))
    look = seek("salary")

    assert await do(app, look, Person("ann")) == ["?is 5000"]
    assert await do(app, look, Person("bob", initiator="auditor")) == ["?is 5000"]
    assert await do(app, look, Person("hr")) == []

    async def forget(run: Run) -> bool:
        return await run.memory.forget(kept)

    assert await do(app, forget, Person("bob")) is False
    assert await do(app, forget, Person("ann")) is True
    assert await do(app, look, Person("bob", initiator="auditor")) == []


async def test_a_memory_that_was_forgotten_is_recalled_no_more(app: Stanchion) -> None:
    async def code(run: Run) -> list[Any]:
        kept = await run.memory.remember("diet", "no nuts")
        gone = [await run.memory.forget(kept), await run.memory.forget(kept.id)]
        return [*gone, len(await run.memory.recall("nuts"))]

    assert await do(app, code) == [True, False, 0]


async def test_a_memory_lasts_as_long_as_it_was_said_to() -> None:
    @workflow
    async def wait(run: Run, hours: int) -> list[str]:
        await run.memory.remember("door", "is open", lasts=timedelta(hours=2))
        await run.sleep(timedelta(hours=hours))
        return texts(await run.memory.recall("door"))

    clock = FakeClock(automatic=True)
    assert (await simulate(wait, 1, clock=clock)).output == ["?is open"]
    assert (await simulate(wait, 3, clock=clock)).output == []


@pytest.mark.parametrize(
    ("subject", "text", "options", "rule"),
    [
        ("", "no subject", {}, "memory size"),
        ("?!", "no word in it", {}, "memory size"),
        ("s" * 201, "a long subject", {}, "memory size"),
        ("long", "x" * (LONGEST_TEXT + 1), {}, "memory size"),
        ("large", "value", {"value": ["x" * LONGEST_TEXT]}, "memory size"),
        ("user", "of nobody", {"scope": "user"}, "memory scope"),
    ],
)
async def test_what_cannot_be_remembered_is_refused_with_a_remedy(
    subject: str, text: str, options: dict[str, Any], rule: str
) -> None:
    async def code(run: Run) -> list[Any]:
        with pytest.raises(Refused) as refused:
            await run.memory.remember(subject, text, **options)
        found = await run.memory.recall(text)
        return [refused.value.facts["rule"], bool(refused.value.remedy), len(found)]

    assert (await simulate(*job(code))).output == [rule, True, 0]


async def test_a_full_shelf_refuses_and_evicts_nothing() -> None:
    async def code(run: Run) -> list[str]:
        with pytest.raises(Refused, match="10,000 untrusted memories for this tenant"):
            await run.memory.remember("guess", "one more", scope="tenant")
        await run.memory.remember("fact", "a fact", scope="tenant", trusted=True)
        return texts(await run.memory.recall("fact"))

    store = open_store("sqlite://:memory:")
    shelf, body = Shelf("tenant").key, payload("x")
    guesses = tuple(
        Document(shelf, str(i), "guess", body.digest, label="untrusted") for i in range(MOST)
    )
    filler = await owned(store)
    await store.append(commit(filler, step(0), payloads=(body,), documents=guesses))
    async with Stanchion(store) as app:
        assert await do(app, code) == ["a fact"]


@workflow
async def remember_twice(run: Run, word: str) -> list[str]:
    first = await run.memory.remember("word", f"{word} 1", trusted=True)
    await run.memory.remember("word", f"{word} 2", trusted=True)
    await run.memory.forget(first)
    await run.memory.remember("word", f"{word} 3", trusted=True)
    return texts(await run.memory.recall("word"))


@pytest.mark.promise("MEMORY-1")
@pytest.mark.parametrize("at", range(1, 6))
async def test_at_every_crash_there_are_the_memories_that_the_record_says(at: int) -> None:
    clock = FakeClock(automatic=True)
    store = open_store("sqlite://:memory:", clock=clock.now)
    dying = Simulation(
        cast("Store", CrashingStore(store, at, "after")), clock, {}, None, replay=ReplayMode()
    )
    run = await dying.create(remember_twice, "red", None)
    with pytest.raises(SimulatedCrash):
        await dying.drive(remember_twice, run)

    steps = [e.name for e in await store.entries(run) if e.kind == "memory"]
    kept = await store.count_documents(DocumentFilter("", (Shelf("run", run).key,)))
    assert kept == steps.count("remember") - steps.count("forget")
    await store.close()


@pytest.mark.promise("MEMORY-1")
async def test_a_crash_leaves_no_memory_twice() -> None:
    crashes = [crash async for crash in crash_at_every_commit(remember_twice, "red")]

    assert len(crashes) >= 10
    assert {tuple(crash.result.output or ()) for crash in crashes} == {("red 3", "~red 2")}


async def test_memory_passes_a_replay_at_every_await() -> None:
    mode = ReplayMode(everywhere=True, seed=5)
    result = await simulate(remember_twice, "red", replay=mode)

    assert result.output == ["red 3", "~red 2"]


MEANINGS = {"dog": [1.0, 0.0], "puppy": [0.9, 0.1], "invoice": [0.0, 1.0]}


async def embed(many: Sequence[str]) -> list[list[float]]:
    return [next(v for word, v in MEANINGS.items() if word in text) for text in many]


async def test_with_an_embedder_a_memory_is_found_by_what_it_means(store: Store) -> None:
    async with Stanchion(store, embedder=EmbedderOf("meanings-1", embed)) as app:
        await do(app, say("pet", "has a dog", scope="user"))
        await do(app, say("bill", "an invoice is open", scope="user"))

        assert await do(app, seek("puppy")) == ["?has a dog"]
        assert (await do(app, seek("dog")))[0] == "?has a dog"


async def test_an_embedder_that_fails_is_done_without(store: Store) -> None:
    async def fails(_: Sequence[str]) -> list[list[float]]:
        await asyncio.sleep(0)
        raise ConnectionError("no route")

    async with Stanchion(store, embedder=EmbedderOf("broken", fails)) as app:
        await do(app, say("pet", "has a dog", scope="user"))

        assert await do(app, seek("dog")) == ["?has a dog"]
        assert await do(app, seek("puppy")) == []


HOSTILE = ['" OR 1=1', "NEAR(a b)", "'); DROP TABLE documents; --", "*", "x" * 100_000]


@pytest.mark.promise("MEMORY-3")
@pytest.mark.parametrize("query", HOSTILE)
async def test_a_hostile_question_brings_nothing_and_breaks_nothing(
    app: Stanchion, query: str
) -> None:
    await do(app, say("pin", "secret", scope="user"), Person("bob"))

    assert await do(app, seek(query)) == []
