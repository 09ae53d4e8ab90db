"""Steps without a contract: recorded reads, children, events, timers, patches."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from stanchion.errors import EncodingError, Expired, StanchionError, StepFailed
from stanchion.ledger import (
    Codec,
    Draft,
    EntryPhase,
    Inbox,
    NewRun,
    Payload,
    Place,
    codec_for,
    payload,
)
from stanchion.values import Principal
from stanchion.workflows._incarnation import Incarnation, StepScope
from stanchion.workflows._lineage import CIRCLE, child_id, circle_in, lineage
from stanchion.workflows._outside import Awaited, Ignored, WaitSpec
from stanchion.workflows._workflow import Workflow

__all__ = [
    "child",
    "function_name",
    "function_request",
    "initiator_of",
    "is_async",
    "patched",
    "read",
    "receive",
    "return_type",
    "run_function",
    "sleep",
    "sleep_until",
]

T = TypeVar("T")
_nothing = codec_for(type(None))


def initiator_of(incarnation: Incarnation) -> Principal:
    """Return who the run acts for; without one, nobody with no claims."""
    digest = incarnation.record.initiator
    if digest is None:
        return Principal("")
    return codec_for(Principal).decode(incarnation.replayed.payload(digest))


def _initiator_payload(incarnation: Incarnation) -> Payload | None:
    digest = incarnation.record.initiator
    return None if digest is None else Payload(digest, incarnation.replayed.payload(digest))


def return_type(fn: Callable[..., Any]) -> Any:
    """Return a function's declared return type, Any without one."""
    try:
        return inspect.get_annotations(inspect.unwrap(fn), eval_str=True).get("return", Any)
    except (NameError, TypeError):
        return Any


def is_async(fn: Callable[..., Any]) -> bool:
    """Tell whether a function runs in the loop, where it can be cut off, or in a thread."""
    return _shape(fn).is_async


async def run_function(fn: Callable[..., Any], args: Any, kwargs: Mapping[str, Any]) -> Any:
    """Call an async function, or a sync one in a thread."""
    return await _shape(fn).awaitable(fn)(*args, **kwargs)


@dataclass(frozen=True, slots=True)
class _Shape:
    """What a function's definition says, looked up once: that takes longer than recording does."""

    is_async: bool
    result: Codec[Any]

    def awaitable(self, fn: Callable[..., Any]) -> Callable[..., Awaitable[Any]]:
        """Return the function itself, or what calls a sync one in a thread."""
        return fn if self.is_async else partial(asyncio.to_thread, fn)


_shapes: WeakKeyDictionary[Callable[..., Any], _Shape] = WeakKeyDictionary()


def _shape(fn: Callable[..., Any]) -> _Shape:
    function = getattr(fn, "__func__", fn)
    try:
        known = _shapes.get(function)
        if known is None:
            known = _shapes[function] = _shape_of(fn)
    except TypeError:  # a callable that can't be a weak key
        return _shape_of(fn)
    return known


def _shape_of(fn: Callable[..., Any]) -> _Shape:
    return _Shape(inspect.iscoroutinefunction(fn), codec_for(return_type(fn)))


def function_name(fn: Callable[..., Any]) -> str:
    """Return the name under which a function's steps are recorded."""
    return getattr(fn, "__name__", type(fn).__name__)


async def read(
    incarnation: Incarnation, fn: Callable[..., Any], args: Any, kwargs: Mapping[str, Any]
) -> Any:
    """Record the result of a function that changes nothing."""
    name = function_name(fn)
    shape = _shape(fn)
    run = shape.awaitable(fn)

    async def body(_: StepScope) -> Any:
        try:
            return await run(*args, **kwargs)
        except StanchionError:
            raise
        except Exception as error:
            raise StepFailed(
                f"{name} raised {type(error).__name__}: {error}", type=type(error).__name__
            ) from error

    request = function_request(name, args, kwargs)
    return await incarnation.perform("step", name, request, shape.result, body)


def function_request(name: str, args: Any, kwargs: Mapping[str, Any]) -> Any:
    """Return the request of a function's step: its arguments, as JSON."""
    plain = [[_argument(a) for a in args], {k: _argument(v) for k, v in kwargs.items()}]
    return payload(plain, what=f"the arguments of {name}")


def _argument(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return json.loads(codec_for(type(value)).encode(value, what="an argument").data)


async def sleep(incarnation: Incarnation, duration: timedelta) -> None:
    """Wait for a while."""
    await _sleep(incarnation, {"seconds": duration.total_seconds()}, duration)


async def sleep_until(incarnation: Incarnation, at: datetime) -> None:
    """Wait for a time, which is recorded when the wait begins."""
    await _sleep(incarnation, None, at - incarnation.host.clock.now())


async def _sleep(incarnation: Incarnation, request: Any, duration: timedelta) -> None:
    def spec(_: Place, __: bytes | None) -> WaitSpec:
        return WaitSpec("timer", wake_at=incarnation.host.clock.now() + duration)

    awaited = Awaited("sleep", "sleep", payload(request), spec, lambda _: None, _nothing)
    await incarnation.wait(awaited)


async def receive(incarnation: Incarnation, event: type[T], timeout: timedelta | None) -> T:
    """Wait for an event of a type."""
    codec = codec_for(event)
    name = event.__name__

    def spec(_: Place, __: bytes | None) -> WaitSpec:
        wake_at = None if timeout is None else incarnation.host.clock.now() + timeout
        return WaitSpec("event", topic=f"event:{name}", wake_at=wake_at, body={"event": name})

    def take(message: Inbox | None) -> T:
        if message is None:
            raise Expired(f"no {name} arrived within {timeout}")
        try:
            return codec.decode(message.payload, what=f"event {name}")
        except EncodingError as error:
            raise Ignored(error.message) from error

    limit = None if timeout is None else timeout.total_seconds()
    request = payload({"event": name, "timeout": limit})
    return await incarnation.wait(Awaited("receive", name, request, spec, take, codec))


async def child(incarnation: Incarnation, workflow: Workflow[Any, Any, Any], value: Any) -> Any:
    """Start a run of another workflow and wait for its result."""
    record = incarnation.record
    encoded = workflow.input_codec.encode(value, what=f"the input of {workflow.name}")
    incarnation.host.workflows.add(workflow)

    def new(place: Place) -> NewRun:
        return NewRun(
            id=child_id(record.id, place),
            workflow=workflow.name,
            version=workflow.version,
            input=encoded,
            tenant=record.tenant,
            user=record.user,
            tags={**record.tags, **incarnation.headers(place)},
            initiator=_initiator_payload(incarnation),
            parent=record.id,
            parent_place=place,
        )

    def spec(place: Place, _: bytes | None) -> WaitSpec:
        run = new(place)
        return WaitSpec("child", topic=f"child:{run.id}", body={"child": run.id}, started=(run,))

    def take(message: Inbox | None) -> Any:
        ended: dict[str, Any] = json.loads(message.payload) if message is not None else {}
        if ended.get("state") != "completed":
            reason = ended.get("reason", "")
            raise StepFailed(
                f"the child {workflow.name} ended {ended.get('state')}: {reason}",
                type=str(ended.get("state")),
            )
        return workflow.output_codec.decode(payload(ended["result"]).data)

    request = payload({"workflow": workflow.name, "input": encoded.digest.hex()})
    if not incarnation.journal.has_unclaimed(incarnation.conductor.lane().path):
        await _refuse_circle(incarnation, workflow, encoded, request)
    awaited = Awaited("child", workflow.name, request, spec, take, workflow.output_codec)
    return await incarnation.wait(awaited)


async def _refuse_circle(
    incarnation: Incarnation, workflow: Workflow[Any, Any, Any], value: Payload, request: Payload
) -> None:
    """Record a refusal instead of a child that runs which call each other would never end with."""
    above = await lineage(incarnation.host.store, incarnation.record, workflow.max_depth)
    refused = circle_in(above, workflow, value.digest)
    if refused is None:
        return

    async def refuse(scope: StepScope) -> Any:
        scope.facts[CIRCLE] = refused.facts["rule"]
        raise refused

    await incarnation.perform("child", workflow.name, request, workflow.output_codec, refuse)


async def patched(incarnation: Incarnation, change: str) -> bool:
    """Return whether a change to the workflow's code applies to this run.

    A marker that is present says yes; none, with recorded steps still ahead in this lane, says no;
    none at the frontier writes the marker. A change is asked for by its id, so a marker takes no
    ordinal and asking again gives the same answer.
    """
    lane = incarnation.conductor.lane()
    place = Place(f"{lane.path}/patch.{change}", 0)
    known = incarnation.patches.get(place)
    if known is None:
        known = incarnation.journal.take(place) is not None
        if not known and not incarnation.journal.has_unclaimed(lane.path):
            incarnation.conductor.check()
            applies = payload(True)  # noqa: FBT003 (the value itself)
            marker = Draft(place, EntryPhase.DONE, "patch", change, payload(None), applies)
            await incarnation.append(marker)
            known = True
        incarnation.patches[place] = known
    return known
