"""A run driven to its end in memory: time jumps, answers come from the test, nothing is real.

The same code path as production: the SQL store on ``:memory:``, ``advance``, the review inbox. Only
the clock, the models and the people are the test's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

from stanchion.errors import ConfigurationError
from stanchion.ledger import (
    Entry,
    Message,
    NewRun,
    RunRecord,
    Store,
    Wait,
    codec_for,
    open_store,
)
from stanchion.models import Model, Price
from stanchion.review import EVERYBODY, Reviewer, Reviewers, ReviewInbox, question_from_body, reply
from stanchion.testing._clock import FakeClock
from stanchion.values import Principal, Question, RunState, Step
from stanchion.workflows import Ceiling, Host, ReplayMode, Workflow, Workflows, advance, steps_of

__all__ = ["Answers", "Simulated", "Simulation", "simulate"]

O = TypeVar("O")  # noqa: E741 (the output)
I = TypeVar("I")  # noqa: E741 (the input)

Said: TypeAlias = "str | tuple[str, Any] | tuple[str, Any, str]"
Answers: TypeAlias = "Sequence[Said] | Callable[[Question], Said | None]"
"""Choices, (choice, value) or (choice, value, by) in order; or a function from question to one,
None to leave it unanswered."""

ENDED = {RunState.COMPLETED, RunState.FAILED, RunState.CANCELLED, RunState.HANDED_OVER}
MAX_ROUNDS = 10_000
TESTER = "tester"
"""Who answers, where the test doesn't say."""


@dataclass(frozen=True, slots=True)
class Simulated(Generic[O]):
    """What came of a simulated run."""

    output: O | None
    state: RunState
    reason: str
    questions: tuple[Question, ...]
    """Every question that was asked, in order."""
    entries: tuple[Entry, ...]
    record: RunRecord

    @property
    def steps(self) -> tuple[Step, ...]:
        """The run's steps as a tree."""
        return steps_of(self.entries)


async def simulate(
    workflow: Workflow[Any, I, O],
    input: I,  # noqa: A002
    *,
    models: Mapping[str, Model] | None = None,
    answers: Answers = (),
    events: Iterable[Any] = (),
    deps: Any = None,
    clock: FakeClock | None = None,
    initiator: Principal | None = None,
    replay: ReplayMode | None = None,
    reviewers: Iterable[Reviewer] = (),
    ceilings: Sequence[Ceiling] = (),
    prices: Mapping[str, Price] | None = None,
) -> Simulated[O]:
    """Run a workflow until it ends, or waits for something that the test doesn't bring."""
    time = clock or FakeClock(automatic=True)
    store = open_store("sqlite://:memory:", clock=time.now)
    try:
        simulation = Simulation(
            store,
            time,
            models or {},
            deps,
            replay=replay,
            reviewers=Reviewers.of(reviewers),
            ceilings=ceilings,
            prices=prices,
        )
        run = await simulation.create(workflow, input, initiator)
        return await simulation.drive(workflow, run, answers, events)
    finally:
        await store.close()


class Simulation:
    """One store with one worker, driven step by step."""

    def __init__(
        self,
        store: Store,
        clock: FakeClock,
        models: Mapping[str, Model],
        deps: Any,
        *,
        replay: ReplayMode | None = None,
        worker: str = "simulation",
        reviewers: Reviewers = EVERYBODY,
        ceilings: Sequence[Ceiling] = (),
        prices: Mapping[str, Price] | None = None,
    ) -> None:
        self.store = store
        self.clock = clock
        self.host = Host(
            store=store,
            workflows=Workflows(),
            worker=worker,
            models=models,
            deps=deps,
            clock=clock,
            replay=replay or ReplayMode.from_environment(),
            reviewers=reviewers,
            ceilings=tuple(ceilings),
            prices=prices or {},
        )
        self.questions: list[Question] = []

    async def create(
        self, workflow: Workflow[Any, Any, Any], value: Any, initiator: Principal | None
    ) -> str:
        """Create a run and return its id."""
        self.host.workflows.add(workflow)
        who = None if initiator is None else codec_for(Principal).encode(initiator)
        encoded = workflow.input_codec.encode(value, what="the input")
        new = NewRun("run", workflow.name, workflow.version, encoded, initiator=who)
        return (await self.store.create(new)).id

    async def drive(
        self,
        workflow: Workflow[Any, Any, O],
        run: str,
        answers: Answers = (),
        events: Iterable[Any] = (),
    ) -> Simulated[O]:
        """Advance the run and its children, bringing answers, events and time as they are due."""
        self.host.workflows.add(workflow)
        person = _Person(answers)
        for number, event in enumerate(events):
            await self._send(run, number, event)
        for _ in range(MAX_ROUNDS):
            await self._advance_all()
            record = await self._last(run)
            if record.state in ENDED or not await self._bring(person):
                return await self._result(workflow, record)
        raise ConfigurationError(
            f"the run didn't end within {MAX_ROUNDS} rounds", remedy="look for an endless loop"
        )

    async def _last(self, run: str) -> RunRecord:
        """Return the run, or the one that its task is at since it handed over."""
        record = await self.store.get(run)
        while record.successor:
            record = await self.store.get(record.successor)
        return record

    async def _advance_all(self) -> None:
        while runnable := await self.store.runnable(100, self._served()):
            for run in runnable:
                await advance(self.host, run)

    def _served(self) -> list[str]:
        return [definition.name for definition in self.host.workflows]

    async def _bring(self, person: _Person) -> bool:
        """Bring what some run waits for: an answer, otherwise time; False if there is nothing."""
        waits = await self.store.waits()
        inbox = ReviewInbox(self.store, clock=self.clock.now, reviewers=self.host.reviewers)
        for wait in (w for w in waits if w.kind == "question"):
            question = self._noted(wait)
            said = person.says(question)
            if said is not None:
                choice, value, by = said
                at = self.clock.now()
                await inbox.answer(reply(question, choice, by=by, at=at, value=value))
                return True
        times = [w.wake_at for w in waits if w.wake_at is not None]
        if not times:
            return False
        self.clock.advance_to(min(times))
        return True

    def _noted(self, wait: Wait) -> Question:
        question = question_from_body(wait.body)
        if all(known.id != question.id for known in self.questions):
            self.questions.append(question)
        return question

    async def _send(self, run: str, number: int, event: Any) -> None:
        name = type(event).__name__
        data = codec_for(type(event)).encode(event)
        await self.store.send(Message(run, f"event:{name}", f"event:{number}", data))

    async def _result(self, workflow: Workflow[Any, Any, O], record: RunRecord) -> Simulated[O]:
        output = None
        if record.result is not None:
            found = await self.store.payloads(record.tenant, [record.result])
            output = workflow.output_codec.decode(found[record.result], what="output")
        entries = tuple(await self.store.entries(record.id))
        questions = tuple(self.questions)
        return Simulated(output, record.state, record.reason, questions, entries, record)


class _Person:
    """Gives the test's answers, each once."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._given = 0

    def says(self, question: Question) -> tuple[str, Any, str] | None:
        """Return (choice, value, by), None to leave the question open."""
        if callable(self._answers):
            said = self._answers(question)
        elif self._given < len(self._answers):
            said = self._answers[self._given]
            self._given += 1
        else:
            said = None
        match said:
            case None:
                return None
            case str():
                return said, None, TESTER
            case (choice, value):
                return choice, value, TESTER
            case _:
                return said
