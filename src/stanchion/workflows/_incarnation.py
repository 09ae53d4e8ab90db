"""One attempt of one process at moving one run: claim, replay, perform, record.

Everything that a run does outside its own code passes through two doors here: ``perform`` for steps
that have an outcome now, ``wait`` for those whose outcome comes from outside later. Both claim the
place in the journal first, call nothing that is recorded already, and write before they return.
It knows the ledger and lanes; what a step does is the body it is given. What lanes owe, leave
behind and have seen, what replay returns, and what a commit begins with, have files of their own.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count
from typing import Any, TypeAlias

from stanchion.errors import EncodingError, LedgerError, NonDeterminismError, StepError
from stanchion.ledger import (
    TRACEPARENT,
    Charge,
    Codec,
    Commit,
    Document,
    Draft,
    Durability,
    Entry,
    EntryPhase,
    Fenced,
    Inbox,
    Journal,
    Message,
    NewRun,
    Payload,
    Place,
    PromptLog,
    Recorded,
    RunChange,
    RunRecord,
    Settlement,
    Wait,
    lane_below,
    payload,
    traceparent,
)
from stanchion.tools import Pulse, calling
from stanchion.values import Json
from stanchion.workflows._checkpoint import FIRST, Start, read_start
from stanchion.workflows._conductor import Conductor, Lane, Suspended
from stanchion.workflows._here import here
from stanchion.workflows._host import Host
from stanchion.workflows._left import Left, left_in
from stanchion.workflows._lineage import CIRCLE, circle_below, circle_of
from stanchion.workflows._outcomes import decode_error, encode_error
from stanchion.workflows._outside import Awaited, Ignored, Outside
from stanchion.workflows._owed import Owed
from stanchion.workflows._preface import Preface
from stanchion.workflows._purse import NOTHING, Due, Purse, added
from stanchion.workflows._replayed import Replayed
from stanchion.workflows._salt import salt_of
from stanchion.workflows._seeing import see, see_again
from stanchion.workflows._writes import Writes

__all__ = ["CANCELLING", "LOOP_VERSION", "Body", "Incarnation", "StepScope", "is_shut_down"]

NOTHING_SPENT = NOTHING
ONE_STEP = Settlement(steps=1)

CANCELLING = "cancelling"
"""The note that a request to cancel was taken up, with who made it."""

_NOTHING_DUE = Due()

LOOP_VERSION = 8
"""How composite steps are composed; kept in their opening entries."""


@dataclass(slots=True)
class StepScope:
    """A step while it is performed: its place, its record so far, and what its outcome adds."""

    incarnation: Incarnation
    place: Place
    kind: str
    name: str
    request: Payload
    recorded: Recorded | None
    facts: dict[str, Json] = field(default_factory=dict[str, Json])
    settlement: Settlement = NOTHING_SPENT
    opening: dict[str, Json] = field(default_factory=dict[str, Json])
    """Facts of the opening entry, if there comes to be one."""
    payloads: tuple[Payload, ...] = ()
    documents: tuple[Document, ...] = ()
    """What can be searched for once the outcome is recorded."""
    withdrawn: tuple[tuple[str, str], ...] = ()
    """Documents, by scope and key, that are not found any more from then on."""
    written: bool = False
    verdicts: tuple[tuple[str, str], ...] = ()
    """What the gateway's layers said; recorded with the intent or the outcome."""
    recorded_unknown: bool = False
    """An attempt of this step has an outcome that nobody has found out yet."""
    on_fenced: Callable[[], Awaitable[None]] | None = None
    """What to leave behind if another writer has the run when the outcome is to be recorded."""

    @property
    def loop(self) -> int:
        """The version of composite steps under which this one began."""
        opening = self.recorded.last(EntryPhase.OPEN) if self.recorded else None
        return LOOP_VERSION if opening is None else int(opening.facts.get("loop", 1))

    def below(self, suffix: str = "") -> AbstractContextManager[Lane]:
        """Drive the lane of this step's children; the opening entry is written with the first."""
        if not self.written:
            self.incarnation.preface.open_later(self.place, self._open)
        return self.incarnation.conductor.below(self.place, suffix)

    def _open(self) -> Draft:
        opening = self.draft(EntryPhase.OPEN, None, **self.opening, loop=LOOP_VERSION)
        self.written = True
        return opening

    def draft(self, phase: EntryPhase, result: Payload | None = None, **facts: Json) -> Draft:
        """Return an entry of this step; the first one at its place carries the request."""
        request = None if self.written else self.request
        return Draft(self.place, phase, self.kind, self.name, request, result, facts)

    async def note(
        self,
        phase: EntryPhase,
        result: Payload | None = None,
        *,
        durability: Durability,
        **facts: Json,
    ) -> None:
        """Write an entry of this step that isn't its outcome."""
        draft = self.draft(phase, result, **facts)
        await self.incarnation.append(draft, durability=durability)
        self.written = True


Body: TypeAlias = Callable[[StepScope], Awaitable[Any]]


class Incarnation:
    """A run in memory. Made by ``load``, driven by ``advance``, thrown away when it waits."""

    def __init__(
        self, host: Host, record: RunRecord, entries: Sequence[Entry], start: Start = FIRST
    ) -> None:
        self.host = host
        self.record = record
        self.start = start
        """What the run takes over from the one before it."""
        self.journal = Journal([*start.entries(record), *entries])
        for lane in start.optional():
            self.journal.forget(lane)
        self.replayed = Replayed(host, record)
        self.writes = Writes(entries, start)
        self.prompts = PromptLog(entries)
        self.conductor = Conductor(
            replay_everywhere=host.replay.everywhere,
            shuffle=None if host.replay.seed is None else random.Random(host.replay.seed),  # noqa: S311 (test order)
        )
        self.purse: Purse | None = None
        """What the run may spend; None if nothing limits it."""
        self.admit: Callable[[StepScope], Awaitable[None]] | None = None
        """Finds room for a new step, if steps or the run's time are limited."""
        self.fault: Exception | None = None
        """What makes this incarnation's end not the workflow's own doing."""
        self.salt = salt_of(record, entries)
        """A word that is random in each run, for what nobody outside of it may be able to name."""
        self.hand_overs: defaultdict[str, Iterator[int]] = defaultdict(count)
        """Numbers of the points, in each lane, at which the code hands over."""
        self.patches: dict[Place, bool] = {}
        """Answers of ``run.patched`` in this incarnation, by the marker's place."""
        self.circles = {e.place: e.facts[CIRCLE] for e in entries if CIRCLE in e.facts}
        """By which rule runs were refused below a step: they called each other in circles."""
        self.notes = notes = [e for e in entries if e.phase is EntryPhase.NOTE]
        opened = set(self.journal.open_waits()) - left_in(entries)
        self.outside = Outside(host, record.id, opened, self.poke)
        self._cancelling = any(n.name == CANCELLING and n.seq > record.forked_at for n in notes)
        self.owed = Owed(self.journal, self.writes)
        self.left = Left(self.journal, self.writes, self.outside)
        self.preface = Preface(self.journal, self.left)
        self._pulses: dict[Place, Pulse] = {}

    @classmethod
    async def load(cls, host: Host, record: RunRecord) -> Incarnation:
        """Read what a claimed run has recorded."""
        entries = await host.store.entries(record.id)
        incarnation = cls(host, record, entries, await read_start(host.store, record))
        await incarnation.replayed.read(incarnation.journal)
        incarnation.replayed.abandoned |= incarnation.start.abandoned
        await incarnation.outside.read()
        return incarnation

    def next_place(self) -> Place:
        """Return where the current lane's next step will stand."""
        lane = self.conductor.lane()
        return Place(lane.path, lane.ordinal)

    def headers(self, place: Place) -> Mapping[str, str]:
        """Return what a call sends along, so that its target's spans join the run's trace."""
        return {TRACEPARENT: traceparent(self.record.id, self.record.tags, place)}

    # The door for steps whose outcome is made here

    async def perform(
        self,
        kind: str,
        name: str,
        request: Payload,
        result: Codec[Any],
        body: Body,
        *,
        fork: int | None = None,
    ) -> Any:
        """Return the recorded outcome of a step, or make one and record it.

        ``fork`` is the number of the fork whose branches the step waits for, if it does.
        """
        with self.conductor.lane().step(kind, name) as place:
            recorded = self._claim(place, kind, name, request.digest)
            self.conductor.lane().trail.own += self.start.seen_at(place)
            if recorded is not None and recorded.done is not None:
                await self.conductor.replay_turn()
                see_again(self.conductor.lane(), self.journal, recorded.done, request)
                return await self.replayed.outcome(recorded.done, result)
            if not self.owed.by_step(place, fork):
                await self.conductor.before_new_step(place)
            scope = StepScope(
                self, place, kind, name, request, recorded, written=recorded is not None
            )
            outcome = await self._record(scope, result, body)
            await self.conductor.after_new_step(place)
            return outcome

    async def _record(self, scope: StepScope, result: Codec[Any], body: Body) -> Any:
        what = f"the result of {scope.kind} {scope.name!r}"
        outer = here.set((self.record, scope.place))
        try:
            if self.admit is not None:
                await self.admit(scope)
            encoded, value = result.round_trip(await self._do(scope, body), what=what)
        except StepError as error:
            await self._finish(scope, encode_error(error), status="error")
            raise decode_error(encode_error(error)) from error
        except BaseException:
            if self.purse is not None:
                self.purse.left(scope.place)
            raise
        finally:
            here.reset(outer)
        await self._finish(scope, encoded)
        step = scope.place, scope.kind, scope.name
        see(self.conductor.lane(), *step, request=scope.request, result=encoded.digest)
        return value

    async def _do(self, scope: StepScope, body: Body) -> Any:
        """Do what a step does; note if runs that it started went round in circles."""
        with calling(self.record.id) as caller:
            try:
                return await body(scope)
            finally:
                if rule := await circle_below(self.host.store, caller):
                    scope.facts[CIRCLE] = self.circles[scope.place] = rule

    async def _finish(self, scope: StepScope, result: Payload, **facts: Json) -> None:
        self.preface.settle(scope.place)
        self.owed.settle(scope.place)
        self._pulses.pop(scope.place, None)
        if scope.recorded is not None:
            self.left.lane(lane_below(scope.place))  # what it did before needn't come again
        if self.purse is not None:
            self.purse.finished(scope.place)
        settlement = ONE_STEP
        if scope.settlement is not NOTHING_SPENT:
            settlement = replace(scope.settlement, steps=1)
            facts["settlement"] = _spent(scope.settlement)
        try:
            await self.append(
                scope.draft(EntryPhase.DONE, result, **scope.facts, **facts),
                payloads=scope.payloads,
                settlement=settlement,
                documents=scope.documents,
                withdrawn=scope.withdrawn,
            )
        except (Fenced, Suspended):
            if scope.on_fenced is not None:
                await scope.on_fenced()
            raise

    # The door for steps whose outcome comes from outside

    async def wait(self, awaited: Awaited) -> Any:
        """Return what a wait brought: ``read(message)``, or ``read(None)`` when its time came."""
        lane = self.conductor.lane()
        with lane.step(awaited.kind, awaited.name) as place:
            recorded = self._claim(place, awaited.kind, awaited.name, awaited.request.digest)
            if recorded is not None and recorded.done is not None:
                await self.conductor.replay_turn()
                see_again(lane, self.journal, recorded.done, awaited.request)
                return await self.replayed.outcome(recorded.done, awaited.result)
            entry = recorded.waiting if recorded else None
            wait = await self._begin(place, awaited, entry)
            while True:
                message = await self._next_message(wait)
                try:
                    encoded = awaited.result.encode(awaited.read(message))
                except Ignored:
                    await self.append(taken=_ids(message))
                    continue
                except StepError as error:
                    await self._conclude(wait, awaited, message, encode_error(error), failed=True)
                    raise decode_error(encode_error(error)) from error
                await self._conclude(wait, awaited, message, encoded)
                step = place, awaited.kind, awaited.name
                see(lane, *step, request=awaited.request, result=encoded.digest)
                await self.conductor.after_new_step(place)
                return awaited.result.decode(encoded.data)

    async def _begin(self, place: Place, awaited: Awaited, entry: Entry | None) -> Wait:
        """Open a wait, or take up an open one; the time to wake at is the recorded one."""
        digest = None if entry is None else entry.result
        shown = None if digest is None else self.replayed.payload(digest)
        spec = awaited.spec(place, shown)
        wake_at = spec.wake_at if entry is None else _time(entry.facts.get("wake_at"))
        wait = Wait(self.record.id, place, spec.kind, spec.topic, wake_at, spec.body)
        try:
            await self.conductor.before_new_step(place)
        except asyncio.CancelledError:
            self._leave(wait)
            raise
        if entry is None:
            facts: dict[str, Json] = {"wake_at": wake_at.isoformat()} if wake_at else {}
            body = payload(spec.body, what="what a wait shows") if spec.body else None
            draft = Draft(
                place, EntryPhase.WAIT, awaited.kind, awaited.name, awaited.request, body, facts
            )
            await self.append(draft, opened=(wait,), started=spec.started)
            for child in spec.started:
                self.host.notify(child.id)
        self.outside.begin(wait)
        return wait

    def _leave(self, wait: Wait) -> None:
        """End a wait whose lane was cancelled, unless only this process ends."""
        self.left.wait(wait, for_good=not self.conductor.is_shut_down())

    async def _next_message(self, wait: Wait) -> Inbox | None:
        ready, message = self.outside.ready(wait)
        if ready:
            return message
        try:
            return await self.conductor.block(wait.place)
        except asyncio.CancelledError:
            self._leave(wait)
            raise

    async def _conclude(
        self,
        wait: Wait,
        awaited: Awaited,
        message: Inbox | None,
        result: Payload,
        *,
        failed: bool = False,
    ) -> None:
        facts: dict[str, Json] = {"timed_out": True} if message is None else {}
        if message is not None and message.kind == "child":
            facts |= circle_of(json.loads(message.payload))
        if failed:
            facts["status"] = "error"
        if self.purse is not None:
            self.purse.finished(wait.place)
        self.outside.end(wait.place)
        await self.append(
            Draft(wait.place, EntryPhase.DONE, awaited.kind, awaited.name, None, result, facts),
            taken=_ids(message),
            settlement=ONE_STEP,
        )

    @property
    def circle(self) -> dict[str, Json]:
        """What the run's end says if runs below it went round in circles."""
        return {CIRCLE: next(iter(self.circles.values()))} if self.circles else {}

    async def poke(self) -> None:
        """Look for messages and due times, and wake the lanes that they are for."""
        await self.outside.read()
        if self.cancel_requested:
            self.conductor.stop(asyncio.CancelledError("the run was cancelled"))
            self.conductor.cut()
        for place, message in self.outside.due(self.conductor.blocked()):
            self.conductor.deliver(place, message)

    def give_up(self, error: Exception) -> Suspended:
        """Return the signal that ends this incarnation for a reason no workflow may catch."""
        self.fault = self.fault or error
        self.conductor.end()
        return Suspended()

    def interrupt(self) -> None:
        """End this incarnation after the steps in flight; the run goes on elsewhere or later."""
        self.conductor.interrupt()

    def raise_end(self) -> None:
        """Raise what ended this incarnation, however its workflow took that: it isn't asked."""
        ended = self.fault or self.conductor.signal
        if ended is not None:
            raise ended
        if self.cancel_requested or is_shut_down():
            raise asyncio.CancelledError

    @property
    def cancel_requested(self) -> bool:
        """Tell whether somebody asked for this run to be cancelled, now or before it waited."""
        return self._cancelling or bool(self.cancels)

    @property
    def cancels(self) -> list[Inbox]:
        """The requests to cancel that aren't in the record yet."""
        return [m for m in self.outside.messages("") if m.kind == "cancel"]

    # Signs of life

    def new_pulse(self, place: Place) -> Pulse:
        """Return what the body of an attempt at a place beats with."""
        pulse = self._pulses[place] = Pulse()
        return pulse

    def progress(self) -> Mapping[Place, Json]:
        """Return how far the calls under way say they are; known in this process only."""
        return {place: p.progress for place, p in self._pulses.items() if p.progress is not None}

    # Recording

    async def append(
        self,
        *drafts: Draft,
        payloads: tuple[Payload, ...] = (),
        opened: tuple[Wait, ...] = (),
        taken: tuple[int, ...] = (),
        sent: tuple[Message, ...] = (),
        started: tuple[NewRun, ...] = (),
        change: RunChange | None = None,
        settlement: Settlement = NOTHING_SPENT,
        durability: Durability = Durability.PROCESS,
        documents: tuple[Document, ...] = (),
        withdrawn: tuple[tuple[str, str], ...] = (),
    ) -> None:
        """Commit; a store that fails ends the incarnation, the workflow can't catch it."""
        if self.conductor.over and change is None:
            raise Suspended
        due = self._due(started)
        settlement = added(settlement, due.settlement) if due else settlement
        entries = (*self.preface.drafts(drafts), *due.drafts(), *drafts)
        sent = (*sent, *self.left.orphans(self.record.id))
        commit = Commit(
            self.record.id,
            self.record.epoch,
            entries,
            payloads,
            opened,
            self.outside.ended(),
            taken,
            sent,
            started,
            change,
            settlement,
            durability,
            documents,
            withdrawn,
            tuple(due.charges),
        )
        try:
            await self.host.store.append(commit)
        except Fenced as fenced:
            self.conductor.end(fenced)
            raise
        except EncodingError:
            if self.purse is not None:
                self.purse.put_back(due)
            raise
        except asyncio.CancelledError:
            self.prompts.distrust()
            raise
        except LedgerError as error:
            if change is not None:  # the workflow has ended: there is nothing left to give up
                raise
            raise self.give_up(error) from error
        for message in sent:
            self.host.notify(message.run)
        for draft in entries:
            self.writes.note(draft)

    async def hold(self, note: Draft, charges: Sequence[Charge]) -> None:
        """Hold amounts in accounts, with a note of it; raise NoRoom if one has no room."""
        if self.conductor.over:
            raise Suspended
        record = self.record
        try:
            await self.host.store.append(
                Commit(record.id, record.epoch, (note,), charges=tuple(charges))
            )
        except Fenced as fenced:
            self.conductor.end(fenced)
            raise
        except LedgerError as error:
            raise self.give_up(error) from error

    def _due(self, started: tuple[NewRun, ...]) -> Due:
        """Return what the next commit records of what was spent; a run that is started shares."""
        if self.purse is None:
            return _NOTHING_DUE
        shared = self.purse.share() if started else ()
        due = self.purse.take_due()
        due.notes += shared
        return due

    def _claim(self, place: Place, kind: str, name: str, request: bytes) -> Recorded | None:
        try:
            return self.journal.claim(place, kind, name, request)
        except NonDeterminismError as error:
            self.give_up(error)
            raise


def is_shut_down() -> bool:
    """Tell whether this task was cancelled from outside: the process ends, not the run."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _ids(message: Inbox | None) -> tuple[int, ...]:
    return () if message is None else (message.id,)


def _spent(settlement: Settlement) -> dict[str, Json]:
    spent = {name: getattr(settlement, name) for name in Settlement.__slots__}
    return {name: value for name, value in spent.items() if value and name != "steps"}


def _time(text: Any) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
