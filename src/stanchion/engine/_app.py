"""The app: a store, models, workflows and resources, and the handles of the runs it starts.

The one object that an application makes. It opens the store and starts the in-process engine when
first used; ``async with`` or ``close`` ends both.
"""

from __future__ import annotations

import asyncio
import base64
import os
import socket
import uuid
from collections.abc import AsyncIterator, Coroutine, Iterable, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any, Generic, Self, TypeVar

from stanchion import ledger  # a store and its driver are imported when opened
from stanchion.engine._engine import Engine
from stanchion.engine._notifier import Notifier
from stanchion.engine._settings import Settings, load_settings
from stanchion.errors import RunCancelled, RunFailed, RunNotFound
from stanchion.ledger import (
    TRACEPARENT,
    Codec,
    Entry,
    Message,
    NewRun,
    Payload,
    RunRecord,
    Store,
    codec_for,
    payload,
)
from stanchion.models import Embedder, Model, Price, resolve
from stanchion.review import Reviewer, Reviewers, ReviewInbox, reply
from stanchion.tools import Rate
from stanchion.values import Principal, Question, RunState
from stanchion.workflows import (
    Ceiling,
    Clock,
    Host,
    ReplayMode,
    SystemClock,
    Workflow,
    Workflows,
    raise_ceiling,
    read_amount,
    started_by,
)

__all__ = ["ModelSpec", "RunHandle", "Stanchion", "new_run_id"]

T = TypeVar("T")
I = TypeVar("I")  # noqa: E741 (an input)
O = TypeVar("O")  # noqa: E741 (an output)

ENDED = {RunState.COMPLETED, RunState.FAILED, RunState.CANCELLED, RunState.HANDED_OVER}

ModelSpec = str | Model | Sequence[str | Model]


def new_run_id() -> str:
    """Return a random id of 26 characters, safe in URLs and file names."""
    return base64.b32encode(uuid.uuid4().bytes).decode().rstrip("=").lower()


class Stanchion:
    """A runtime over one store."""

    def __init__(
        self,
        store: str | Store | None = None,
        *,
        models: Mapping[str, ModelSpec] | None = None,
        workflows: Iterable[Workflow[Any, Any, Any]] = (),
        deps: Any = None,
        rate: Rate | None = None,
        ceilings: Sequence[Ceiling] = (),
        prices: Mapping[str, Price] | None = None,
        embedder: Embedder | None = None,
        reviewers: Iterable[Reviewer] | None = None,
        settings: Settings | None = None,
        clock: Clock | None = None,
        replay: ReplayMode | None = None,
    ) -> None:
        url = store if isinstance(store, str) else None
        self.settings = settings or load_settings(store=url)[0]
        self.workflows = Workflows(workflows)
        self._given_store = store
        self._models = models
        self._deps = deps
        self._rate = rate
        self._ceilings = tuple(ceilings)
        self._prices = dict(prices or {})
        self._embedder = embedder
        given = None if reviewers is None else Reviewers.of(reviewers)
        self.reviewers = given or self.settings.reviewers
        """Who answers questions that need a role."""
        self._clock = clock or SystemClock()
        self._replay = replay or ReplayMode.from_environment()
        self._host: Host | None = None
        self._engine: Engine | None = None
        self._serving: asyncio.Task[None] | None = None
        self._notifying: asyncio.Task[None] | None = None
        self._left_to_others = False
        self._changed: dict[str, asyncio.Event] = {}

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    # Life

    async def open(self, *, serve: bool = True) -> Host:
        """Open the store and, unless ``serve`` is False, start moving runs.

        An app that was opened without serving stays so until it is opened again: its handles wait
        for others to move their runs, and look at the store every ``poll_seconds``.
        """
        host = await self._open_store()
        self._left_to_others = not serve and self._serving is None
        if serve and self._serving is None:
            self._engine = Engine(
                host,
                concurrency=self.settings.concurrency,
                lease=timedelta(seconds=self.settings.lease_seconds),
                poll=timedelta(seconds=self.settings.poll_seconds),
                moved=self._moved,
            )
            await self._wake_unregistered(host)
            self._serving = asyncio.create_task(self._engine.serve(), name="stanchion engine")
            self._notifying = self._start_notifying(host)
        return host

    async def close(self, *, grace: timedelta = timedelta(seconds=10)) -> None:
        """Let steps in flight finish, stop the engine, release the store."""
        if self._notifying is not None:
            self._notifying.cancel()
            await asyncio.gather(self._notifying, return_exceptions=True)
            self._notifying = None
        if self._engine is not None and self._serving is not None:
            await self._engine.stop(grace)
            await self._serving
            self._engine = self._serving = None
        tools = (tool for workflow in self.workflows for tool in workflow.tools)
        for resource in {tool.resource for tool in tools if tool.resource is not None}:
            await resource.aclose()
        if self._host is not None:
            await self._host.store.close()
            self._host = None

    async def serve(self) -> None:
        """Move runs until cancelled."""
        await self.open()
        if self._serving is not None:
            await asyncio.shield(self._serving)

    @property
    def store(self) -> Store:
        """The open store."""
        if self._host is None:
            raise RunNotFound("the app isn't open", remedy="use `async with app:` or app.open()")
        return self._host.store

    @property
    def models_in_code(self) -> Mapping[str, ModelSpec]:
        """The models that this app was given by role; they come before those of its settings."""
        return dict(self._models or {})

    @property
    def reviews(self) -> ReviewInbox:
        """The questions that runs ask people."""
        return ReviewInbox(self.store, clock=self._clock.now, reviewers=self.reviewers)

    # Runs

    async def start(
        self,
        workflow: Workflow[Any, I, O],
        input: I,  # noqa: A002
        *,
        key: str = "",
        tenant: str = "",
        user: str = "",
        tags: Mapping[str, str] | None = None,
        initiator: Principal | None = None,
        traceparent: str = "",
        serve: bool = True,
    ) -> RunHandle[O]:
        """Start a run, or return the one that ``key`` started before.

        With ``serve=False`` it is left to whichever process serves the store. ``traceparent`` is
        the W3C header of the request that asks for it, whose trace the run's spans then join.
        From the body of a tool it is started below the run that made the call; raises Refused where
        runs that start each other would go round in circles.
        """
        self.workflows.add(workflow)
        host = await self.open(serve=serve)
        encoded = None if initiator is None else codec_for(Principal).encode(initiator)
        value = workflow.input_codec.encode(input, what=f"the input of {workflow.name}")
        caller = await started_by(host.store, workflow, value)
        record = await host.store.create(
            NewRun(
                id=new_run_id(),
                workflow=workflow.name,
                version=workflow.version,
                input=value,
                tenant=tenant,
                user=user,
                key=key,
                tags={**(tags or {}), **({TRACEPARENT: traceparent} if traceparent else {})},
                initiator=encoded,
                parent="" if caller is None else caller.run,
            )
        )
        if caller is not None:
            caller.started.append(record.id)
        self._notify(record.id)
        return RunHandle(self, record.id, workflow.output_codec)

    def handle(self, run: str, workflow: Workflow[Any, Any, O] | None = None) -> RunHandle[O]:
        """Return the handle of a run by its id."""
        codec: Codec[Any] = codec_for(Any) if workflow is None else workflow.output_codec
        return RunHandle(self, run, codec)

    def run_sync(self, workflow: Workflow[Any, I, O], input: I, **options: Any) -> O:  # noqa: A002
        """Start a run and wait for its result, from code that isn't async.

        The same options as ``start``. Raises RuntimeError inside a running event loop.
        """

        async def whole() -> O:
            async with self:
                return await (await self.start(workflow, input, **options)).result()

        return run_blocking(whole())

    async def send(self, run: str, event: Any, *, key: str = "") -> bool:
        """Send an event to a run that waits, or will wait, for its type; False if seen before."""
        name = type(event).__name__
        encoded = codec_for(type(event)).encode(event, what=f"the event {name}")
        return await self._send(run, f"event:{name}", encoded, "event", key or uuid.uuid4().hex)

    async def cancel(self, run: str, *, by: str = "") -> None:
        """Ask a run to end; a write in flight gets its outcome first."""
        await self._send(run, "", payload({"by": by}), "cancel", f"cancel:{uuid.uuid4().hex}")

    async def resume(self, run: str, *, accept_drift: bool = False, by: str = "") -> None:
        """Let a failed or parked run go on from where its record ends."""
        request = payload({"by": by, "accept_drift": accept_drift})
        await self._send(run, "resume", request, "resume", f"resume:{uuid.uuid4().hex}")

    async def answer(
        self, question: str, choice: str, value: Any = None, *, by: str, comment: str = ""
    ) -> Question:
        """Answer a question, by its id or a unique beginning of it; return the question."""
        asked = await self.reviews.get(question)
        now = self._clock.now()
        await self.reviews.answer(reply(asked, choice, by=by, at=now, value=value, comment=comment))
        self._notify(asked.run)
        return asked

    async def raise_ceiling(
        self, account: str, quantity: str, amount: Decimal | str | int, *, by: str
    ) -> int:
        """Give an account another ceiling, and wake the runs that wait for it; return how many.

        An account is ``run:ID``, ``workflow:NAME`` or ``tenant:NAME``, with a window's stamp
        behind it; a quantity ``usd``, ``tokens``, ``model_calls``, ``tool_calls``, ``steps``, or
        ``seconds`` for a run's time.
        """
        host = await self._open_store()
        ceiling, now = read_amount(quantity, amount), self._clock.now()
        told = await raise_ceiling(host.store, account, quantity, ceiling, by=by, at=now)
        for run in told:
            self._notify(run)
        return len(told)

    async def fork(self, run: str, *, at: int, input: Payload | None = None) -> RunHandle[Any]:  # noqa: A002
        """Start a new run from a copy of the first ``at`` entries of another.

        It has its own lineage: its writes get keys of their own, and those that the other run
        performed after the fork need a person.
        """
        host = await self._open_store()
        origin = await host.store.get(run)
        data = await host.store.payloads(origin.tenant, [origin.input])
        new = NewRun(
            id=new_run_id(),
            workflow=origin.workflow,
            version=origin.version,
            input=input or Payload(origin.input, data[origin.input]),
            tenant=origin.tenant,
            user=origin.user,
            tags={k: v for k, v in origin.tags.items() if k != TRACEPARENT},
            initiator=await self._kept(host, origin, origin.initiator),
            forked_from=run,
            forked_at=at,
            checkpoint=await self._kept(host, origin, origin.checkpoint),
        )
        record = await host.store.copy(new, at)
        self._notify(record.id)
        return self.handle(record.id)

    async def _kept(self, host: Host, origin: RunRecord, digest: bytes | None) -> Payload | None:
        if digest is None:
            return None
        data = await host.store.payloads(origin.tenant, [digest])
        return Payload(digest, data[digest])

    async def reach(self) -> Host:
        """Return the host, and start moving runs unless that was left to other processes."""
        return await self.open(serve=not self._left_to_others)

    async def _send(self, run: str, topic: str, data: Payload, kind: str, key: str) -> bool:
        host = await self._open_store()
        sent = await host.store.send(Message(run, topic, key, data, kind))
        self._notify(run)
        return sent

    # Plumbing

    async def _open_store(self) -> Host:
        if self._host is None:
            store = self._given_store
            if store is None or isinstance(store, str):
                url = store or self.settings.store
                store = await asyncio.to_thread(
                    ledger.open_store, url, durability=self.settings.durability
                )
            self._host = Host(
                store=store,
                workflows=self.workflows,
                worker=f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}",
                models=self._resolve_models(),
                deps=self._deps,
                clock=self._clock,
                approval_timeout=timedelta(seconds=self.settings.approval_seconds),
                notify=self._notify,
                replay=self._replay,
                rate=self._rate,
                ceilings=(*self.settings.ceilings, *self._ceilings),
                prices={**self.settings.prices, **self._prices},
                embedder=self._embedder,
                reviewers=self.reviewers,
            )
        return self._host

    def _start_notifying(self, host: Host) -> asyncio.Task[None] | None:
        url, secret = self.settings.notify_url, self.settings.notify_secret
        if not url:
            return None
        notifier = Notifier(host.store, url, secret, reviewers=self.reviewers, clock=self._clock)
        return asyncio.create_task(notifier.serve(), name="stanchion notices")

    def _resolve_models(self) -> dict[str, Model]:
        given: dict[str, ModelSpec] = {**self.settings.models, **(self._models or {})}
        return {role: resolve(spec) for role, spec in given.items()}

    def _notify(self, run: str) -> None:
        if self._engine is not None:
            self._engine.notify(run)

    def _moved(self, run: str) -> None:
        if (event := self._changed.pop(run, None)) is not None:
            event.set()

    async def wait_for_change(self, run: str) -> None:
        """Return when the engine here has moved the run, or after a poll's time."""
        event = self._changed.setdefault(run, asyncio.Event())
        try:
            async with asyncio.timeout(self.settings.poll_seconds):
                await event.wait()
        except TimeoutError:
            return

    async def _wake_unregistered(self, host: Host) -> None:
        """Resume runs that waited for a version which this app serves."""
        for wait in await host.store.waits(kind="version"):
            _, name, version = wait.topic.split(":", 2)
            if self.workflows.find(name, version) is not None:
                await self.resume(wait.run, by="engine: the version is registered")


class RunHandle(Generic[O]):
    """A run seen from outside."""

    def __init__(self, app: Stanchion, run: str, codec: Codec[Any]) -> None:
        self._app = app
        self._codec = codec
        self.id = run

    async def status(self) -> RunRecord:
        """Return the run's state, reason, account and times."""
        host = await self._app.reach()
        return await host.store.get(self.id)

    async def latest(self) -> RunRecord:
        """Return the record of the run that the task is at: the last of those that took over."""
        record = await self.status()
        while record.successor:
            record = await self._app.store.get(record.successor)
        return record

    async def settled(self) -> RunRecord:
        """Wait until the run has ended or waits for the outside, and return its record.

        A run that was told what it waits for, and hasn't taken it up yet, doesn't wait any more. If
        it handed over, it is the run which went on.
        """
        while True:
            record = await self.latest()
            if record.state in ENDED or (
                record.state is RunState.WAITING and not await self._is_told(record.id)
            ):
                return record
            await self._app.wait_for_change(record.id)

    async def _is_told(self, run: str) -> bool:
        topics = {wait.topic for wait in await self._app.store.waits(run=run)}
        return any(m.topic in topics for m in await self._app.store.inbox(run))

    async def result(self, *, timeout: timedelta | None = None) -> O:
        """Wait for the output. Raises RunFailed, RunCancelled, or TimeoutError.

        A run that waits for a person keeps this waiting; ``settled`` doesn't. Of a run that handed
        over it is the output of the one that went on.
        """
        async with asyncio.timeout(None if timeout is None else timeout.total_seconds()):
            while (record := await self.latest()).state not in ENDED:
                await self._app.wait_for_change(record.id)
        if record.state is RunState.COMPLETED and record.result is not None:
            found = await self._app.store.payloads(record.tenant, [record.result])
            return self._codec.decode(found[record.result], what=f"output of {record.workflow}")
        if record.state is RunState.CANCELLED:
            raise RunCancelled(f"run {record.id} was cancelled", run=record.id)
        raise RunFailed(
            f"run {record.id} ended {record.state}: {record.reason}",
            remedy=f"look at it with `stanchion runs show {record.id}`; "
            "after mending the cause, resume it or fork it from an earlier step",
            run=record.id,
        )

    async def events(self) -> AsyncIterator[Entry]:
        """Yield the entries of the run, and of those that take over, as they are recorded."""
        run, after = self.id, 0
        await self._app.reach()
        while True:
            record = await self._app.store.get(run)
            for entry in await self._app.store.entries(run, after):
                after = entry.seq
                yield entry
            if record.successor:
                run, after = record.successor, 0
            elif record.state in ENDED:
                return
            else:
                await self._app.wait_for_change(run)

    async def answer(
        self, question: str, choice: str, value: Any = None, *, by: str, comment: str = ""
    ) -> None:
        """Answer one of the run's questions. Raises ReviewRefused if it can't be taken."""
        await self._app.answer(question, choice, value, by=by, comment=comment)

    async def cancel(self, *, by: str = "") -> None:
        """Ask the run to end."""
        await self._app.cancel(self.id, by=by)

    async def resume(self, *, accept_drift: bool = False, by: str = "") -> None:
        """Let a failed or parked run go on."""
        await self._app.resume(self.id, accept_drift=accept_drift, by=by)

    async def fork(self, *, at: int) -> RunHandle[O]:
        """Start a new run from the first ``at`` entries of this one."""
        forked = await self._app.fork(self.id, at=at)
        return RunHandle(self._app, forked.id, self._codec)


def run_blocking(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine from code that isn't async: the one bridge."""
    return asyncio.run(coroutine)
