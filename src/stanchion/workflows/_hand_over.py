"""Handing over: a run ends with a checkpoint, and a successor goes on from it, in one commit.

The successor runs the same workflow. What its predecessor's code had finished returns what it
returned, without being done again, and the code goes on behind the point where it handed over. A
step that was handed over in the middle, an agent whose window is full, begins anew with the
checkpoint. Lineage, keys and everything that was written go on, so that nothing is done twice.

A run hands over when nothing else of it is under way: its writes have outcomes and its questions
answers by then.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from stanchion.errors import NonDeterminismError, Refused, WorkflowError
from stanchion.ledger import (
    Draft,
    EntryPhase,
    Journal,
    NewRun,
    Payload,
    Place,
    Recorded,
    lane_below,
    payload,
)
from stanchion.memory import newest, shelf_of
from stanchion.workflows._checkpoint import (
    HAND_OVER,
    Checkpoint,
    Inherited,
    SeenBefore,
    StepBefore,
    pack,
    unpack,
)
from stanchion.workflows._incarnation import Incarnation
from stanchion.workflows._seeing import SEEN_KINDS

__all__ = ["LONGEST_CHAIN", "HandedOver", "Leaving", "can_hand_over", "hand_over", "successor_of"]

LONGEST_CHAIN = 50
"""Runs of one lineage: a task that needs more of them isn't getting on."""

MEMORIES = 50
"""Of the run's own memory, the newest that a checkpoint shows."""


class HandedOver(BaseException):
    """Another run goes on from here; this one records nothing more. A signal."""

    def __init__(self, left: Payload, marker: Draft | None = None) -> None:
        super().__init__()
        self.left = left
        """The checkpoint."""
        self.marker = marker
        """The entry of the point in the code, unless it is recorded."""


@dataclass(frozen=True, slots=True)
class Leaving:
    """What the run says to whoever takes over."""

    reason: str = "the workflow hands over"
    goal: str = ""
    constraints: tuple[str, ...] = ()
    open_items: tuple[str, ...] = ()
    summary: str = ""


def can_hand_over(incarnation: Incarnation) -> bool:
    """Tell whether a run may hand over here: not beside branches, not in an endless chain."""
    return incarnation.conductor.is_alone() and incarnation.start.number < LONGEST_CHAIN


async def hand_over(incarnation: Incarnation, leaving: Leaving) -> Checkpoint:
    """End this run and let a successor go on from here; return the checkpoint in the successor.

    A point at which a run hands over takes no ordinal. Raises WorkflowError beside branches that
    are at work, Refused at the end of the longest chain.
    """
    lane = incarnation.conductor.lane().path
    number = next(incarnation.hand_overs[lane])
    place = Place(f"{lane}/{HAND_OVER}.{number}", 0)
    recorded = incarnation.journal.take(place)
    done = None if recorded is None else recorded.done
    if done is not None and done.result is None and (before := incarnation.start.checkpoint):
        return before  # where that run ended
    if done is not None and done.result is not None and done.seq > incarnation.record.forked_at:
        left = Payload(done.result, await incarnation.replayed.kept(done.result))
        raise _over(incarnation, HandedOver(left))
    _check(incarnation, place, lane)
    incarnation.conductor.check()
    left = await _left(incarnation, leaving, place)
    marker = Draft(place, EntryPhase.DONE, HAND_OVER, HAND_OVER, payload(None), left)
    raise _over(incarnation, HandedOver(left, marker))


def successor_of(incarnation: Incarnation, left: Payload) -> NewRun:
    """Return the run that goes on: the same workflow, lineage, parent and user."""
    record = incarnation.record
    who = record.initiator
    return NewRun(
        id=f"{record.root}.{unpack(left.data)[0].number}",
        workflow=record.workflow,
        version=record.version,
        input=Payload(record.input, incarnation.replayed.payload(record.input)),
        tenant=record.tenant,
        user=record.user,
        tags=record.tags,
        initiator=None if who is None else Payload(who, incarnation.replayed.payload(who)),
        root=record.root,
        parent=record.parent,
        parent_place=record.parent_place,
        predecessor=record.id,
        checkpoint=left,
    )


def _over(incarnation: Incarnation, signal: HandedOver) -> HandedOver:
    incarnation.conductor.end(signal)
    return signal


def _check(incarnation: Incarnation, place: Place, lane: str) -> None:
    """Raise what speaks against handing over here."""
    if incarnation.journal.has_unclaimed(lane):
        raise incarnation.give_up(
            NonDeterminismError(
                f"the code hands over at {lane or 'root'}, where the run has recorded more steps",
                remedy="guard the new call with run.patched(), or give the workflow a new version",
                lane=place.lane,
                ordinal=place.ordinal,
            )
        )
    if not incarnation.conductor.is_alone():
        raise WorkflowError(
            "a run can't hand over while branches of it are at work",
            remedy="await run.gather(...) and the like to their end, then hand over",
        )
    if incarnation.start.number >= LONGEST_CHAIN:
        raise Refused(
            f"{LONGEST_CHAIN} runs have handed this task over already",
            remedy="look at the last of them: it isn't getting on",
            rule="hand-overs",
        )


async def _left(incarnation: Incarnation, leaving: Leaving, place: Place) -> Payload:
    record, store = incarnation.record, incarnation.host.store
    at = _begun(incarnation.conductor.lane().path)
    anew = "" if at is None else lane_below(at)
    checkpoint = Checkpoint(
        number=incarnation.start.number + 1,
        predecessor=record.id,
        reason=leaving.reason,
        goal=leaving.goal,
        constraints=leaving.constraints,
        open_items=leaving.open_items,
        summary=leaving.summary,
        memory=tuple(await newest(store, record.tenant, shelf_of(record, "run"), MEMORIES)),
        effects=tuple(incarnation.writes.performed(record.id, anew)),
    )
    journal = Journal([*incarnation.start.entries(record), *await store.entries(record.id)])
    steps = [_step(recorded) for recorded in _finished(journal, anew)]
    if at is None:
        steps.append(StepBefore(place.lane, place.ordinal, HAND_OVER, HAND_OVER, None, None))
    inherited = Inherited(
        steps=tuple(steps),
        at=None if at is None else (at.lane, at.ordinal),
        seen=tuple(_seen(incarnation, anew)),
        denied=tuple((tool, sent.hex()) for tool, sent in incarnation.writes.denied()),
        keys=tuple(sorted(incarnation.writes.keys)),
        abandoned=tuple(sorted(sent.hex() for sent in incarnation.replayed.abandoned)),
    )
    return pack(checkpoint, inherited)


def _begun(lane: str) -> Place | None:
    """Return the outermost step that a lane is part of: it hasn't ended."""
    parts = lane.split("/")
    number = next((i for i, part in enumerate(parts) if part.isdecimal()), None)
    return None if number is None else Place("/".join(parts[:number]), int(parts[number]))


def _finished(journal: Journal, anew: str) -> list[Recorded]:
    """Return the steps that replay visits and, of agents, what they saw; none that begin anew."""
    found = {recorded.place: recorded for recorded in journal.replayed()}
    for recorded in [r for r in found.values() if r.entries[0].kind == "agent"]:
        seen = journal.within(lane_below(recorded.place))
        found |= {r.place: r for r in seen if r.entries[0].kind in SEEN_KINDS}
    finished = [r for r in found.values() if r.done is not None and not _is_in(r.place, anew)]
    return sorted(finished, key=lambda recorded: recorded.entries[0].seq)


def _step(recorded: Recorded) -> StepBefore:
    first, done = recorded.entries[0], recorded.done
    result = None if done is None or first.kind == HAND_OVER else done.result
    data = first.request_data
    return StepBefore(
        recorded.place.lane,
        recorded.place.ordinal,
        first.kind,
        first.name,
        None if first.request is None else first.request.hex(),
        None if result is None else result.hex(),
        failed=done is not None and done.facts.get("status") == "error",
        request_data=None if data is None else data.decode(),
        run=first.run if first.kind == "ask" else "",
    )


def _seen(incarnation: Incarnation, anew: str) -> Iterator[SeenBefore]:
    for seen in incarnation.conductor.lane().trail.own:
        if _is_in(seen.place, anew):
            data = None if seen.request_data is None else seen.request_data.decode()
            yield SeenBefore(
                seen.place.lane,
                seen.place.ordinal,
                seen.kind,
                seen.name,
                seen.request.hex(),
                seen.result.hex(),
                data,
                seen.by_model,
            )


def _is_in(place: Place, lane: str) -> bool:
    return bool(lane) and f"{place.lane}/".startswith(f"{lane}/")
