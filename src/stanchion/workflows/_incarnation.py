"""One attempt of one process at moving one run: claim, replay, perform, record.

Everything that a run does outside its own code passes through two doors here: ``perform`` for steps
that have an outcome now, ``wait`` for those whose outcome comes from outside later. Both claim the
place in the journal first, call nothing that is recorded already, and write before they return.
It knows the ledger and lanes; what a step does is the body it is given.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count
from typing import Any, TypeAlias

from stanchion.errors import (
    EncodingError,
    LedgerError,
    NonDeterminismError,
    StepError,
    StoreCorrupt,
)
from stanchion.ledger import (
    ACCEPTED,
    TRACEPARENT,
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
    lane_of_branch,
    payload,
    read_message,
    traceparent,
)
from stanchion.tools import Pulse
from stanchion.values import Json
from stanchion.values import Message as ModelMessage
from stanchion.workflows._conductor import Conductor, Lane, Suspended
from stanchion.workflows._here import here
from stanchion.workflows._host import Host
from stanchion.workflows._outcomes import decode_error, encode_error
from stanchion.workflows._outside import Awaited, Ignored, Outside
from stanchion.workflows._trail import Seen
from stanchion.workflows._writes import Writes

__all__ = [
    "CANCELLING",
    "LOOP_VERSION",
    "RUN_PLACE",
    "Body",
    "Incarnation",
    "StepScope",
    "is_shut_down",
]

_SAGA = re.compile(r"/s\d+\.")
"""In the path of a lane: it is a saga's, or below one."""
_UNDO = "/undo/"
"""In the path of a lane: what stands there undoes a saga."""

NOTHING_SPENT = Settlement()
ONE_STEP = Settlement(steps=1)

RUN_PLACE = Place("", -1)
"""Where entries about the run as a whole stand; no step ever does."""

CANCELLING = "cancelling"
"""The note that a request to cancel was taken up, with who made it."""

SEEN_KINDS = frozenset(
    {"agent", "ask", "call", "child", "decide", "extract", "memory", "receive", "step"}
)
"""Steps that bring values from outside."""

MOST_SEEN = 1024
"""Bytes of a request that are kept with what was seen; the ledger has a larger one as a payload."""

LOOP_VERSION = 5
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
        self.incarnation.open_later(self)
        return self.incarnation.conductor.below(self.place, suffix)

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
        self, host: Host, record: RunRecord, entries: Sequence[Entry], results: dict[bytes, bytes]
    ) -> None:
        self.host = host
        self.record = record
        self.journal = Journal(entries)
        self.writes = Writes(entries)
        self.prompts = PromptLog(entries)
        self.conductor = Conductor(
            replay_everywhere=host.replay.everywhere,
            shuffle=None if host.replay.seed is None else random.Random(host.replay.seed),  # noqa: S311 (test order)
        )
        self.fault: Exception | None = None
        """What makes this incarnation's end not the workflow's own doing."""
        self.keys = {e.facts["key"] for e in entries if e.phase is EntryPhase.INTENT}
        """Keys under which this run has sent something, or may have."""
        self.numbers: defaultdict[tuple[str, str, bytes], Iterator[int]] = defaultdict(count)
        """Those not yet tried for a key, by lineage, tool and arguments."""
        self.messages_seen: dict[bytes, ModelMessage] = {}
        self.abandoned: frozenset[bytes] = frozenset()
        """Requests of the writes that the run forked from performed after the fork."""
        self.patches: dict[Place, bool] = {}
        """Answers of ``run.patched`` in this incarnation, by the marker's place."""
        self.accepted_by = ""
        """Who accepts differences between the code and the record in this incarnation."""
        self._results = results
        notes = [e for e in entries if e.phase is EntryPhase.NOTE]
        left = _left(entries)
        opened = [place for place in self.journal.open_waits() if place not in left]
        self.outside = Outside(host, record.id, opened, self.poke)
        self._cancelling = any(n.name == CANCELLING and n.seq > record.forked_at for n in notes)
        self._unsettled = self.journal.unsettled()
        self._left: list[Place] = []
        """Waits of cancelled branches, to be noted with the next commit."""
        self._opening: dict[Place, StepScope] = {}
        self._pulses: dict[Place, Pulse] = {}

    @classmethod
    async def load(cls, host: Host, record: RunRecord) -> Incarnation:
        """Read what a claimed run has recorded."""
        entries = await host.store.entries(record.id)
        incarnation = cls(host, record, entries, {})
        wanted = [digest for r in incarnation.journal.replayed() for digest in _needed(r)]
        wanted += [d for d in (record.input, record.initiator) if d is not None]
        incarnation._results = dict(await host.store.payloads(record.tenant, wanted))
        incarnation.abandoned = await _abandoned(host, record)
        await incarnation.outside.read()
        return incarnation

    def next_place(self) -> Place:
        """Return where the current lane's next step will stand."""
        lane = self.conductor.lane()
        return Place(lane.path, lane.ordinal)

    def payload(self, digest: bytes) -> bytes:
        """Return a recorded payload's bytes."""
        try:
            return self._results[digest]
        except KeyError:
            raise StoreCorrupt(
                f"the payload {digest.hex()[:12]} of run {self.record.id} is missing",
                remedy="run `stanchion ledger verify`; an erased payload can't be replayed",
            ) from None

    def headers(self, place: Place) -> Mapping[str, str]:
        """Return what a call sends along, so that its target's spans join the run's trace."""
        return {TRACEPARENT: traceparent(self.record.id, self.record.tags, place)}

    async def message(self, digest: bytes) -> ModelMessage:
        """Return a model's message from its payload."""
        seen = self.messages_seen.get(digest)
        if seen is None:
            read = await read_message(self.host.store, self.record.tenant, [digest])
            seen = self.messages_seen[digest] = read[0]
        return seen

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
            if recorded is not None and recorded.done is not None:
                await self.conductor.replay_turn()
                self._see_again(place, kind, name, request, recorded.done)
                return self._outcome(recorded.done, result)
            if not self._owes(place, fork):
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
            encoded, value = result.round_trip(await body(scope), what=what)
        except StepError as error:
            await self._finish(scope, encode_error(error), status="error")
            raise decode_error(encode_error(error)) from error
        finally:
            here.reset(outer)
        await self._finish(scope, encoded)
        self._see(scope.place, scope.kind, scope.name, scope.request, encoded.digest)
        return value

    async def _finish(self, scope: StepScope, result: Payload, **facts: Json) -> None:
        self._opening.pop(scope.place, None)
        self._unsettled.discard(scope.place)
        self._pulses.pop(scope.place, None)
        if scope.recorded is not None:
            self.leave(lane_below(scope.place))  # what it did before needn't come again
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
        with self.conductor.lane().step(awaited.kind, awaited.name) as place:
            recorded = self._claim(place, awaited.kind, awaited.name, awaited.request.digest)
            if recorded is not None and recorded.done is not None:
                await self.conductor.replay_turn()
                self._see_again(place, awaited.kind, awaited.name, awaited.request, recorded.done)
                return self._outcome(recorded.done, awaited.result)
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
                self._see(place, awaited.kind, awaited.name, awaited.request, encoded.digest)
                await self.conductor.after_new_step(place)
                return awaited.result.decode(encoded.data)

    async def _begin(self, place: Place, awaited: Awaited, entry: Entry | None) -> Wait:
        """Open a wait, or take up an open one; the time to wake at is the recorded one."""
        shown = None if entry is None or entry.result is None else self.payload(entry.result)
        spec = awaited.spec(place, shown)
        wake_at = spec.wake_at if entry is None else _time(entry.facts.get("wake_at"))
        wait = Wait(self.record.id, place, spec.kind, spec.topic, wake_at, spec.body)
        try:
            await self.conductor.before_new_step(place)
        except asyncio.CancelledError:
            self.leave_wait(place)
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

    async def _next_message(self, wait: Wait) -> Inbox | None:
        ready, message = self.outside.ready(wait)
        if ready:
            return message
        try:
            return await self.conductor.block(wait.place)
        except asyncio.CancelledError:
            self.leave_wait(wait.place)
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
        if failed:
            facts["status"] = "error"
        self.outside.end(wait.place)
        await self.append(
            Draft(wait.place, EntryPhase.DONE, awaited.kind, awaited.name, None, result, facts),
            taken=_ids(message),
            settlement=ONE_STEP,
        )

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

    def owes(self, lane: str) -> bool:
        """Tell whether a lane can't be cancelled before it is replayed to where it was.

        It holds a write whose outcome is still to be found, which is settled first, or a saga that
        has made something and that replay hasn't come to yet: nobody else undoes that.
        """
        return self._owe(f"{lane}/") or self._owe_undoing(f"{lane}/")

    def _owes(self, place: Place, fork: int | None) -> bool:
        """Tell the same of one step, with the branches of its fork if it waits for any."""
        if place in self._unsettled or self._owe(f"{lane_below(place)}/"):
            return True
        branches = "" if fork is None else lane_of_branch(place.lane, fork, 0).removesuffix("0")
        return bool(branches) and (self._owe(branches) or self._owe_undoing(branches))

    def _owe(self, lanes: str) -> bool:
        # What undoes a saga isn't waited for: it begins anew when its lane is cancelled again.
        below = [p.lane for p in self._unsettled if f"{p.lane}/".startswith(lanes)]
        return any(_UNDO not in lane.removeprefix(lanes) for lane in below)

    def _owe_undoing(self, lanes: str) -> bool:
        return any(
            f"{made.place.lane}/".startswith(lanes)
            and _SAGA.search(made.place.lane, len(lanes) - 1)
            and not self.journal.is_claimed(made.place)
            for made in self.writes.made
        )

    def leave(self, lane: str) -> None:
        """Stop expecting what a branch that was cancelled recorded, and end its waits."""
        self.journal.forget(lane)
        self.writes.leave(lane)
        self._left += self.outside.end_within(lane)

    def leave_unattended(self) -> None:
        """End the waits that no lane came to: their branches were cancelled before."""
        self._left += self.outside.end_unattended()

    def leave_wait(self, place: Place) -> None:
        """End an open wait, if there is one, whose lane was cancelled."""
        if self.outside.is_open(place):
            self._left.append(place)
            self.outside.end(place)

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

    def open_later(self, scope: StepScope) -> None:
        """Write a composite step's opening entry together with its first child's entry."""
        if not scope.written:
            self._opening[scope.place] = scope

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
        opening = [*self._acceptances(), *self._openings(drafts), *self._leavings()]
        commit = Commit(
            self.record.id,
            self.record.epoch,
            (*opening, *drafts),
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
        )
        try:
            await self.host.store.append(commit)
        except Fenced as fenced:
            self.conductor.end(fenced)
            raise
        except EncodingError:
            raise
        except asyncio.CancelledError:
            self.prompts.distrust()
            raise
        except LedgerError as error:
            if change is not None:  # the workflow has ended: there is nothing left to give up
                raise
            raise self.give_up(error) from error
        for draft in (*opening, *drafts):
            self.writes.note(draft)

    def _acceptances(self) -> list[Draft]:
        """Note the differences that were accepted, before anything is recorded past them."""
        accepted, self.journal.accepted = self.journal.accepted, []
        for place, _ in accepted:
            self._left += self.outside.end_replaced(place)
        return [
            Draft(
                place,
                EntryPhase.NOTE,
                "run",
                ACCEPTED,
                facts={"by": self.accepted_by, "difference": text},
            )
            for place, text in accepted
        ]

    def _leavings(self) -> list[Draft]:
        left, self._left = self._left, []
        if not left:
            return []
        waits: Json = [[place.lane, place.ordinal] for place in left]
        return [Draft(RUN_PLACE, EntryPhase.NOTE, "run", "left", None, None, {"waits": waits})]

    def _openings(self, drafts: Sequence[Draft]) -> list[Draft]:
        if not self._opening or not drafts:
            return []
        lane = drafts[0].place.lane
        opening: list[Draft] = []
        for place in [p for p in self._opening if f"{lane}/".startswith(f"{lane_below(p)}/")]:
            scope = self._opening.pop(place)
            facts = {**scope.opening, "loop": LOOP_VERSION}
            opening.append(scope.draft(EntryPhase.OPEN, None, **facts))
            scope.written = True
        return opening

    # What lanes have seen

    def _see(self, place: Place, kind: str, name: str, request: Payload, result: bytes) -> None:
        if kind in SEEN_KINDS:
            lane = self.conductor.lane()
            data = request.data if len(request.data) <= MOST_SEEN else None
            seen = Seen(place, kind, name, request.digest, result, data, lane.by_model)
            lane.trail.own.append(seen)

    def _see_again(self, place: Place, kind: str, name: str, request: Payload, done: Entry) -> None:
        """See a replayed step as it was seen live: in a model's loop, its own steps came first."""
        if kind == "agent":
            self._see_within(place)
        if result := _value_of(done):
            self._see(place, kind, name, request, result)

    def _see_within(self, place: Place) -> None:
        trail = self.conductor.lane().trail
        for child in self.journal.within(lane_below(place)):
            first, result = child.entries[0], _value_of(child.done)
            if first.kind in SEEN_KINDS and first.request and result:
                step = child.place, first.kind, first.name, first.request, result
                trail.own.append(Seen(*step, first.request_data, by_model=True))

    def _claim(self, place: Place, kind: str, name: str, request: bytes) -> Recorded | None:
        try:
            return self.journal.claim(place, kind, name, request)
        except NonDeterminismError as error:
            self.give_up(error)
            raise

    def _outcome(self, done: Entry, result: Codec[Any]) -> Any:
        if done.result is None:
            raise StoreCorrupt(
                f"entry {done.seq} of run {done.run} has no result",
                remedy="run `stanchion ledger verify`",
            )
        data = self.payload(done.result)
        if done.facts.get("status") == "error":
            raise decode_error(Payload(done.result, data))
        return result.decode(data, what=f"{done.kind} {done.name!r}")


def is_shut_down() -> bool:
    """Tell whether this task was cancelled from outside: the process ends, not the run."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _left(entries: Sequence[Entry]) -> set[Place]:
    """Return where waits were ended without an outcome and not begun again."""
    left: set[Place] = set()
    for entry in entries:
        if entry.phase is EntryPhase.NOTE:
            left.update(Place(*place) for place in entry.facts.get("waits", ()))
        elif entry.phase is EntryPhase.WAIT:
            left.discard(entry.place)
    return left


def _value_of(done: Entry | None) -> bytes | None:
    """Return the digest of a step's value; None without one or for an error."""
    return None if done is None or done.facts.get("status") == "error" else done.result


def _needed(recorded: Recorded) -> list[bytes]:
    """Return what replaying a place needs: its outcome, what its intent sent, or what it asks."""
    entry = recorded.done or recorded.last(EntryPhase.INTENT) or recorded.waiting
    return [entry.result] if entry is not None and entry.result is not None else []


async def _abandoned(host: Host, record: RunRecord) -> frozenset[bytes]:
    if not record.forked_from:
        return frozenset()
    suffix = await host.store.entries(record.forked_from, record.forked_at)
    return frozenset(e.result for e in suffix if e.phase is EntryPhase.INTENT and e.result)


def _ids(message: Inbox | None) -> tuple[int, ...]:
    return () if message is None else (message.id,)


def _spent(settlement: Settlement) -> dict[str, Json]:
    spent = {name: getattr(settlement, name) for name in Settlement.__slots__}
    return {name: value for name, value in spent.items() if value and name != "steps"}


def _time(text: Any) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
