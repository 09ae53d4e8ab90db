"""Sagas: what was made in a scope that fails is undone in reverse order, or listed for a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from stanchion import CallContext, DidNotHappen, Happened, NotPerformed, Run, allow, tool, workflow
from stanchion.errors import StepFailed
from stanchion.ledger import EntryPhase, Message, NewRun, open_store, payload
from stanchion.testing import Simulated, crash_at_every_commit, simulate
from stanchion.tools import Compensation
from stanchion.values import Action, Question, ToolCallPart, ToolError
from stanchion.workflows import Host, ReplayMode, Workflows, advance
from tests.workflows.agents import model


@dataclass
class World:
    """What stands booked, every request that arrived, and what goes wrong when."""

    booked: dict[str, str] = field(default_factory=dict[str, str])
    """Trips by key."""
    released: set[str] = field(default_factory=set[str])
    log: list[str] = field(default_factory=list[str])
    lose: set[str] = field(default_factory=set[str])
    """Requests whose answer gets lost, once each."""
    closed: set[str] = field(default_factory=set[str])
    """Trips that can't be released."""

    def book(self, key: str, trip: str) -> str:
        self.log.append(f"book {trip}")
        self.booked.setdefault(key, trip)
        self._maybe_lose(f"book {trip}")
        return f"b-{trip}"

    def release(self, key: str, trip: str) -> None:
        if trip in self.closed:
            raise NotPerformed(ToolError("closed", "it can't be released", Action.ESCALATE))
        self.log.append(f"release {trip}")
        if key not in self.released:
            self.released.add(key)
            booked = next(k for k, t in self.booked.items() if t == trip)
            del self.booked[booked]
        self._maybe_lose(f"release {trip}")

    def _maybe_lose(self, request: str) -> None:
        if request in self.lose:
            self.lose.remove(request)
            raise ConnectionResetError


async def release(call: CallContext[World], result: str, trip: str) -> None:
    """Give a booking back."""
    assert result == f"b-{trip}"
    call.deps.release(call.key, trip)


async def find(call: CallContext[World]) -> Happened[str] | DidNotHappen:
    """Look for a booking."""
    trip = call.deps.booked.get(call.key)
    return DidNotHappen() if trip is None else Happened(f"b-{trip}")


@tool(write=True, accepts_key=True, compensate=release)
async def book(call: CallContext[World], trip: str) -> str:
    """Book a trip.

    Args:
        trip: Where to.
    """
    return call.deps.book(call.key, trip)


@tool(write=True, reconcile=find, compensate=release)
async def book_without_key(call: CallContext[World], trip: str) -> str:
    """Book a trip where keys aren't known.

    Args:
        trip: Where to.
    """
    return call.deps.book(call.key, trip)


@tool(write=True, accepts_key=True)
async def announce(call: CallContext[World], trip: str) -> str:
    """Tell everybody; nothing takes that back.

    Args:
        trip: Where to.
    """
    call.deps.log.append(f"announce {trip}")
    return "told"


async def was_released(call: CallContext[World]) -> Happened[None] | DidNotHappen:
    """Look whether a booking was given back."""
    return Happened(None) if call.key in call.deps.released else DidNotHappen()


@tool(write=True, reconcile=find, compensate=Compensation(release, reconcile=was_released))
async def book_asked(call: CallContext[World], trip: str) -> str:
    """Book a trip where both sides can be asked.

    Args:
        trip: Where to.
    """
    return call.deps.book(call.key, trip)


@tool(write=True, accepts_key=True, compensate=Compensation(release, accepts_key=False))
async def book_with_key_only(call: CallContext[World], trip: str) -> str:
    """Book a trip where keys are known, but not for giving it back.

    Args:
        trip: Where to.
    """
    return call.deps.book(call.key, trip)


TOOLS = [book, book_without_key, book_asked, book_with_key_only, announce]
FREELY = [allow(each) for each in TOOLS]


def refuse() -> None:
    raise ValueError("no room")


async def travel(run: Run[World], *steps: Any) -> str:
    """Make the steps in a saga that fails at its end."""
    try:
        async with run.saga():
            for step in steps:
                await step(run)
            await run.read(refuse)
    except StepFailed:
        return "undone"
    return "travelled"


def booking(trip: str, which: Any = book) -> Callable[[Run[World]], Any]:
    return lambda run: run.call(which, trip)


async def play(*steps: Any, world: World, **simulated: Any) -> Simulated[str]:
    @workflow(tools=TOOLS, untrusted_may=FREELY)
    async def trip(run: Run[World], _: str) -> str:
        return await travel(run, *steps)

    return await simulate(trip, "go", deps=world, **simulated)


@pytest.mark.promise("EFFECT-7")
async def test_what_was_made_in_a_saga_that_fails_is_undone_in_reverse_order() -> None:
    world = World()

    result = await play(booking("oslo"), booking("rome"), world=world)

    assert result.output == "undone"
    assert world.log == ["book oslo", "book rome", "release rome", "release oslo"]
    assert world.booked == {}


async def test_a_saga_that_ends_well_undoes_nothing() -> None:
    @workflow(tools=TOOLS, untrusted_may=FREELY)
    async def trip(run: Run[World], _: str) -> str:
        async with run.saga():
            return await run.call(book, "oslo")

    world = World()
    result = await simulate(trip, "go", deps=world)

    assert (result.output, list(world.booked.values())) == ("b-oslo", ["oslo"])


async def test_what_was_made_outside_of_the_saga_stays() -> None:
    @workflow(tools=TOOLS, untrusted_may=FREELY)
    async def trip(run: Run[World], _: str) -> str:
        await run.call(book, "home")
        return await travel(run, booking("oslo"))

    world = World()
    await simulate(trip, "go", deps=world)

    assert list(world.booked.values()) == ["home"]


@pytest.mark.promise("EFFECT-7")
async def test_a_compensation_is_a_write_with_an_intent_and_a_key_of_its_own() -> None:
    world = World()
    result = await play(booking("oslo"), world=world)

    entries = [e for e in result.entries if e.kind == "compensate"]
    assert [e.phase for e in entries] == [EntryPhase.INTENT, EntryPhase.DONE]
    keys = {e.facts["key"] for e in result.entries if e.phase is EntryPhase.INTENT}
    assert len(keys) == 2
    assert world.released < keys


@pytest.mark.promise("EFFECT-7")
async def test_a_compensation_whose_answer_was_lost_is_sent_again_with_the_same_key() -> None:
    world = World(lose={"release oslo"})

    result = await play(booking("oslo"), world=world)

    assert (result.output, result.questions) == ("undone", ())
    assert world.log == ["book oslo", "release oslo", "release oslo"]
    assert len(world.released) == 1


@pytest.mark.promise("EFFECT-7")
async def test_an_unknown_write_is_reconciled_before_it_is_undone() -> None:
    world = World(lose={"book oslo"})

    result = await play(booking("oslo", book_without_key), world=world)

    assert result.output == "undone"
    kinds = [e.kind for e in result.entries if e.kind in {"reconcile", "compensate"}]
    assert kinds == ["reconcile", "compensate", "compensate"]
    assert world.booked == {}


@pytest.mark.parametrize(
    ("answer", "sent"), [("happened", 1), ("did_not_happen", 2), ("leave", 1)], ids=str
)
async def test_a_compensation_that_nothing_can_tell_of_is_asked_about(
    answer: str, sent: int
) -> None:
    def says(question: Question) -> str:
        return answer if question.kind == "unknown" else "settled"

    world = World(lose={"release oslo"})

    result = await play(
        booking("oslo", book_without_key),
        world=world,
        answers=says,
    )

    assert (result.output, world.log.count("release oslo")) == ("undone", sent)
    assert [q.kind.value for q in result.questions] == ["unknown", *["undo"] * (answer == "leave")]


@pytest.mark.promise("EFFECT-7")
async def test_what_cant_be_undone_is_listed_for_a_person_and_the_rest_undone_first() -> None:
    def scribble(text: str) -> str:
        return text

    def scribbling(run: Run[World]) -> Any:
        return run.step(scribble, "x")

    world = World(closed={"rome"})
    steps = [
        booking("oslo"),
        booking("fair", announce),
        booking("rome"),
        scribbling,
    ]

    waiting = await play(*steps, world=World(closed={"rome"}))
    result = await play(*steps, world=world, answers=["settled"])

    assert waiting.state == "waiting", "nothing is left in silence"
    (question,) = result.questions
    assert [(each["what"], each["why"]) for each in question.subject["left"]] == [
        ("scribble", "nothing is declared that undoes it"),
        ("book", "it can't be released"),
        ("announce", "nothing is declared that undoes it"),
    ]
    assert question.subject["left"][1]["arguments"] == {"trip": "rome"}
    assert (result.output, list(world.booked.values())) == ("undone", ["rome"])


@pytest.mark.promise("EFFECT-7")
async def test_writes_of_agents_and_of_branches_in_the_saga_are_undone_too() -> None:
    async def agent(run: Run[World]) -> Any:
        return await run.agent(goal="Book.", tools=[book], input="go")

    async def both(run: Run[World]) -> Any:
        return await run.gather(run.call(book, "bonn"), run.call(book, "bern"))

    world = World()
    booker = model(ToolCallPart("c", "book", {"trip": "oslo"}), "done")
    await play(agent, both, world=world, models={"strong": booker})

    assert world.booked == {}
    assert world.log[-1] == "release oslo"


@pytest.mark.promise("EFFECT-7")
async def test_a_cancelled_saga_is_undone() -> None:
    @workflow(tools=TOOLS, untrusted_may=FREELY)
    async def trip(run: Run[World], _: str) -> int:
        async def slow() -> None:
            async with run.saga():
                await run.call(book, "oslo")
                await run.sleep(60)

        return (await run.race(slow(), run.sleep(5)))[0]

    world = World()
    result = await simulate(trip, "go", deps=world)

    assert (result.output, world.booked) == (1, {})


@pytest.mark.promise("EFFECT-7")
async def test_a_cancelled_saga_whose_undoing_waits_for_a_person_isnt_gone_past() -> None:
    @workflow(tools=TOOLS, untrusted_may=FREELY)
    async def trip(run: Run[World], _: str) -> str:
        async def slow() -> None:
            async with run.saga():
                await run.call(announce, "fair")
                await run.sleep(60)

        async def fails() -> None:
            await run.sleep(5)
            await run.read(refuse)

        try:
            await run.gather(slow(), fails())
        except StepFailed:
            return "undone"
        return "travelled"

    waiting = await simulate(trip, "go", deps=World())
    settled = await simulate(trip, "go", deps=World(), answers=["settled"])

    assert waiting.state == "waiting"
    assert [q.kind for q in waiting.questions] == ["undo"]
    assert settled.output == "undone"


@pytest.mark.promise("EFFECT-7")
async def test_a_compensation_whose_answer_was_lost_is_asked_for_by_its_own_reconciler() -> None:
    world = World(lose={"release oslo"})

    result = await play(booking("oslo", book_asked), world=world)

    assert (result.output, result.questions) == ("undone", ())
    assert world.log == ["book oslo", "release oslo"]


async def test_a_compensation_may_know_less_of_keys_than_its_tool() -> None:
    world = World(lose={"release oslo"})

    result = await play(
        booking("oslo", book_with_key_only), world=world, answers=["happened", "settled"]
    )

    assert [q.kind.value for q in result.questions] == ["unknown"]
    assert world.log == ["book oslo", "release oslo"]


@pytest.mark.promise("EFFECT-7")
async def test_where_compensations_can_be_asked_about_no_crash_needs_a_person() -> None:
    @workflow(tools=TOOLS, untrusted_may=FREELY)
    async def trip(run: Run[Any], _: str) -> str:
        return await travel(run, booking("oslo", book_asked), booking("rome", book_asked))

    now, crashes = Now(), 0
    async for crash in crash_at_every_commit(trip, "go", deps=now, before=now.reset):
        crashes += 1
        assert (crash.result.output, crash.result.questions) == ("undone", ()), crash
        assert now.world.booked == {}, crash
        assert max(Counter(now.world.log).values()) == 1, crash
    assert crashes > 15


@workflow(tools=TOOLS, untrusted_may=FREELY)
async def errand(run: Run[World], trip: str) -> str:
    return await run.call(book, trip)


@workflow(tools=TOOLS, untrusted_may=FREELY)
async def errands(run: Run[World], trip: str) -> None:
    await run.call(book_asked, f"{trip} and back")
    await run.child(errand, trip)
    async with run.saga():
        await run.call(book, "nowhere")
    await run.call(announce, trip)


async def send_out(run: Run[World]) -> Any:
    return await run.child(errands, "rome")


@pytest.mark.promise("EFFECT-7")
async def test_what_a_child_and_its_child_made_in_a_saga_that_fails_is_undone_too() -> None:
    world = World()

    result = await play(booking("oslo"), send_out, world=world, answers=["leave"])

    (question,) = result.questions
    assert [each["what"] for each in question.subject["left"]] == ["announce"]
    assert world.booked == {}
    released = [line for line in world.log if line.startswith("release")]
    assert released == [
        "release nowhere",
        "release rome",
        "release rome and back",
        "release oslo",
    ]


async def test_a_child_that_made_nothing_is_no_ones_business() -> None:
    @workflow
    async def idle(run: Run, what: str) -> str:
        return what

    async def child(run: Run[World]) -> Any:
        return await run.child(idle, "x")

    result = await play(child, world=World())

    assert (result.output, result.questions) == ("undone", ())


@pytest.mark.promise("EFFECT-7")
async def test_a_crash_anywhere_undoes_what_a_child_made_once() -> None:
    @workflow(tools=TOOLS, untrusted_may=FREELY)
    async def trip(run: Run[Any], _: str) -> str:
        served = errands  # a worker serves what the code of its workflows names

        async def send(run: Run[Any]) -> None:
            await run.child(served, "rome")

        return await travel(run, send)

    now, crashes = Now(), 0
    async for crash in crash_at_every_commit(
        trip, "go", deps=now, before=now.reset, answers=lambda _: "settled"
    ):
        crashes += 1
        assert crash.result.output == "undone", (crash.point, crash.side, crash.result.reason)
        assert now.world.booked == {}, (crash.point, crash.side)
        assert len(now.world.released) == 3, (crash.point, crash.side)
    assert crashes > 30


async def test_a_saga_within_a_saga_is_undone_once() -> None:
    @workflow(tools=TOOLS, untrusted_may=FREELY)
    async def trip(run: Run[World], _: str) -> str:
        async def inner(run: Run[World]) -> None:
            await travel(run, booking("rome"))

        return await travel(run, booking("oslo"), inner)

    world = World()
    await simulate(trip, "go", deps=world)

    assert world.log == ["book oslo", "book rome", "release rome", "release oslo"]


async def test_what_was_undone_may_be_made_again_by_a_model_without_a_question() -> None:
    async def agent(run: Run[World]) -> Any:
        return await run.agent(goal="Book.", tools=[book], input="go")

    @workflow(tools=TOOLS, untrusted_may=FREELY)
    async def trip(run: Run[World], _: str) -> str:
        await travel(run, agent)
        await agent(run)
        return "again"

    world = World()
    booker = model(ToolCallPart("c", "book", {"trip": "oslo"}), "done")
    result = await simulate(trip, "go", deps=world, models={"strong": booker})

    assert (result.questions, list(world.booked.values())) == ((), ["oslo"])


@pytest.mark.promise("EFFECT-7")
async def test_a_saga_that_waits_where_it_was_made_is_undone_when_its_neighbour_fails() -> None:
    async def books_and_waits(run: Run[World]) -> None:
        async with run.saga():
            await run.call(book, "oslo")
            await run.receive(World)

    async def fails_later(run: Run[World]) -> None:
        for _ in range(20):
            await run.now()
        await run.read(refuse)

    @workflow(tools=TOOLS, untrusted_may=FREELY)
    async def trip(run: Run[World], _: str) -> str:
        try:
            await run.gather(books_and_waits(run), fails_later(run))
        except StepFailed:
            return "undone"
        return "travelled"

    world = World()
    result = await simulate(trip, "go", deps=world)

    assert (result.output, result.reason, world.booked) == ("undone", "", {})


class Now:
    """The world that stands at the moment, whoever asks."""

    def __init__(self) -> None:
        self.world = World()

    def reset(self) -> None:
        self.world = World(lose={"release oslo", "book bern"})

    def __getattr__(self, name: str) -> Any:
        return getattr(self.world, name)


def failing(run: Run[Any]) -> Any:
    return travel(
        run, booking("oslo"), booking("rome", book_without_key), booking("fair", announce)
    )


def branches(run: Run[Any]) -> Any:
    return _branches(run, fails_first=False)


def branches_of_which_the_first_fails(run: Run[Any]) -> Any:
    return _branches(run, fails_first=True)


def branches_with_a_time_limit(run: Run[Any]) -> Any:
    return _branches(run, fails_first=False, limit=100)


async def _branches(run: Run[Any], *, fails_first: bool, limit: float = 0) -> str:
    async def good() -> None:
        await run.now()
        await run.now()
        async with run.saga():
            await run.call(book, "oslo")
            await run.call(book, "rome")
            await run.receive(World)

    async def bad() -> None:
        await run.sleep(5)
        await run.call(announce, "fair")
        await run.read(refuse)

    try:
        first = run.timeout(good(), limit) if limit else good()
        both = (bad(), first) if fails_first else (first, bad())
        await run.gather(*both)
    except StepFailed:
        return "undone"
    return "travelled"


@pytest.mark.promise("EFFECT-7")
@pytest.mark.parametrize(
    "way",
    [failing, branches, branches_of_which_the_first_fails, branches_with_a_time_limit],
    ids=lambda way: way.__name__,
)
async def test_a_crash_anywhere_leaves_nothing_half_undone(way: Any) -> None:
    @workflow(tools=TOOLS, untrusted_may=FREELY)
    async def trip(run: Run[Any], _: str) -> str:
        return await way(run)

    now, crashes = Now(), 0
    async for crash in crash_at_every_commit(
        trip,
        "go",
        deps=now,
        before=now.reset,
        answers=lambda q: "settled" if q.kind == "undo" else "did_not_happen",
    ):
        crashes += 1
        assert crash.result.output == "undone", (crash.point, crash.side, crash.result.reason)
        assert now.world.booked == {}, (crash.point, crash.side)
        assert max(Counter(now.world.log).values()) <= 3
    assert crashes > 15


@pytest.mark.promise("EFFECT-7")
@pytest.mark.parametrize(
    "way", [failing, branches, branches_with_a_time_limit], ids=lambda way: way.__name__
)
async def test_a_saga_is_undone_in_whatever_order_its_lanes_are_replayed(way: Any) -> None:
    @workflow(tools=TOOLS, untrusted_may=FREELY)
    async def trip(run: Run[Any], _: str) -> str:
        return await way(run)

    for seed in range(20):
        world = World()
        replay = ReplayMode(everywhere=True, seed=seed)
        result = await simulate(trip, "go", deps=world, replay=replay, answers=lambda _: "settled")
        assert (result.output, world.booked) == ("undone", {}), seed


@pytest.mark.promise("EFFECT-7")
async def test_a_run_that_is_cancelled_undoes_its_saga_before_it_ends() -> None:
    @workflow(tools=TOOLS, untrusted_may=FREELY)
    async def trip(run: Run[World], _: str) -> None:
        async with run.saga():
            await run.call(book, "oslo")
            await run.ask("Go on?")

    store, world = open_store("sqlite://:memory:"), World()
    await store.create(NewRun("run", trip.name, trip.version, payload("go")))
    host = Host(store, Workflows([trip]), "worker", deps=world, replay=ReplayMode())
    waiting = await advance(host, "run")
    await store.send(Message("run", "", "cancel", payload({"by": "me"}), "cancel"))
    record = await advance(host, "run")
    await store.close()

    assert waiting is not None
    assert record is not None
    assert (waiting.state, record.state) == ("waiting", "cancelled")
    assert world.log == ["book oslo", "release oslo"]
