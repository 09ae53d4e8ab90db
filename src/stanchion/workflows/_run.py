"""The face of a run inside its workflow: one thin method per kind of step.

Every method goes through the incarnation's two doors, so that whatever it returns is recorded and
the same on replay. Nothing here performs anything itself.
"""

from __future__ import annotations

import random
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Iterable,
    Mapping,
    Sequence,
)
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Generic, Literal, ParamSpec, TypeVar, cast, overload

from pydantic import BaseModel
from typing_extensions import TypeVar as DefaultTypeVar

from stanchion.decide import Calibration, Certificate
from stanchion.errors import Expired
from stanchion.ledger import codec_for, payload
from stanchion.tools import Tool
from stanchion.values import Decision, Principal, ToolResult
from stanchion.workflows import (
    _agent,
    _calls,
    _concurrency,
    _hand_over,
    _nodes,
    _people,
    _propose,
    _saga,
    _steps,
)
from stanchion.workflows._agent import AgentResult
from stanchion.workflows._checkpoint import Checkpoint
from stanchion.workflows._conductor import Lane
from stanchion.workflows._hand_over import Leaving
from stanchion.workflows._incarnation import Incarnation
from stanchion.workflows._memory import RunMemory
from stanchion.workflows._workflow import Workflow

__all__ = ["Run"]

Deps = DefaultTypeVar("Deps", default=Any)
P = ParamSpec("P")
T = TypeVar("T")
T1 = TypeVar("T1")
T2 = TypeVar("T2")
T3 = TypeVar("T3")
I = TypeVar("I")  # noqa: E741 (an input or item)
O = TypeVar("O")  # noqa: E741 (an output)
E = TypeVar("E", bound=Enum)
M = TypeVar("M", bound=BaseModel)

Duration = timedelta | float
"""A timedelta, or seconds."""


class Run(Generic[Deps]):
    """One execution of a workflow, as its code sees it."""

    def __init__(self, incarnation: Incarnation, workflow: Workflow[Any, Any, Any]) -> None:
        record = incarnation.record
        self._incarnation = incarnation
        self._workflow = workflow
        self.id: str = record.id
        self.workflow: str = record.workflow
        self.tenant: str = record.tenant
        self.user: str = record.user
        self.tags: Mapping[str, str] = record.tags
        self.initiator: Principal = _steps.initiator_of(incarnation)
        """Who the run acts for, as the channel authenticated them."""
        self.memory = RunMemory(incarnation, workflow)
        """What is remembered beyond this run's window, and beyond the run."""

    @property
    def checkpoint(self) -> Checkpoint | None:
        """Where this run started, if it took over from another; None in a first run."""
        return self._incarnation.start.checkpoint

    @property
    def deps(self) -> Deps:
        """The application's resources, as given to the app; never recorded."""
        return self._incarnation.host.deps

    # Outside the run

    async def call(self, tool: Tool[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a tool through the gateway.

        A write has a durable intent before it is sent. An unknown outcome is settled by the tool's
        capabilities or by a person before this returns; it is never an exception.
        Raises ToolFailed (the tool said no), Refused (policy), Denied or Expired (a person).
        """
        arguments = tool.contract.arguments.bind(args, kwargs)
        return await _calls.call_tool(self._incarnation, self._workflow, tool, arguments)

    async def propose(
        self, tool: Tool[..., Any], arguments: Mapping[str, Any], *, call_id: str = ""
    ) -> ToolResult:
        """Make a call that a model proposed, its arguments as they came; never raise for the tool.

        In one run an equal write is one effect. ``call_id`` is the model's own id for the call.
        """
        incarnation, workflow = self._incarnation, self._workflow
        return await _propose.propose(incarnation, workflow, tool, arguments, call_id)

    async def step(
        self, fn: Callable[P, Awaitable[T] | T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run any function at most once: with a durable intent, like a write without contract.

        An exception, or a crash in the middle, leaves an unknown outcome, and a person is asked.
        """
        return await _calls.step(self._incarnation, fn, args, kwargs)

    async def read(
        self, fn: Callable[P, Awaitable[T] | T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a function without effects and record its result; a crash may run it again.

        Raises StepFailed when it raises, the same on replay.
        """
        return await _steps.read(self._incarnation, fn, args, kwargs)

    async def child(self, workflow: Workflow[Any, I, O], input: I, /) -> O:  # noqa: A002
        """Run another workflow as a run of its own and return its result.

        Raises StepFailed when the child fails or is cancelled, Refused when runs that call each
        other would go on for ever.
        """
        return await _steps.child(self._incarnation, workflow, input)

    # Models

    @overload
    async def decide(
        self,
        options: type[E],
        question: str,
        *,
        evidence: str,
        threshold: float = ...,
        role: str = ...,
        examples: Sequence[tuple[str, E]] = ...,
        calibration: Calibration | None = ...,
        timeout: Duration | None = ...,
        risk: float | None = ...,
        certificate: Certificate | None = ...,
        index: str = ...,
    ) -> Decision[E]: ...
    @overload
    async def decide(
        self,
        options: type[M],
        question: str,
        *,
        evidence: str,
        threshold: float = ...,
        role: str = ...,
        examples: Sequence[tuple[str, M]] = ...,
        timeout: Duration | None = ...,
        risk: float | None = ...,
        certificate: Certificate | None = ...,
        index: str = ...,
    ) -> Decision[M]: ...
    async def decide(
        self,
        options: type[Any],
        question: str,
        *,
        evidence: str,
        threshold: float = 0.9,
        role: str = "fast",
        examples: Sequence[tuple[str, Any]] = (),
        calibration: Calibration | None = None,
        timeout: Duration | None = None,
        risk: float | None = None,
        certificate: Certificate | None = None,
        index: str = "",
    ) -> Decision[Any]:
        """Choose a member of an enum, or fill a model, with a confidence.

        The confidence comes from token probabilities where the model gives them, otherwise from
        repeated samples; a ``calibration`` fitted on labelled cases makes it mean something. Below
        ``threshold`` a person decides; ``timeout`` limits how long they may take (Expired).

        With ``risk`` the threshold is the ``certificate``'s, which must hold for exactly this node
        (``index`` is the version of what was retrieved); otherwise a person decides, and sees why.
        """
        node = _nodes.DecideNode(
            options,
            question,
            evidence,
            threshold,
            role,
            tuple(examples),
            calibration,
            _delta(timeout),
            risk,
            certificate,
            index,
        )
        return await _nodes.decide(self._incarnation, node)

    async def extract(
        self,
        result: type[T],
        *,
        source: str,
        instruction: str = "",
        examples: Sequence[tuple[str, T | None]] = (),
        role: str = "quarantine",
    ) -> T | None:
        """Read typed data out of text with a model that has no tools.

        None means that the text doesn't hold it. The value stays as untrusted as its source. Raises
        ModelFailed when the answer doesn't fit the type.
        """
        node = _nodes.ExtractNode(result, source, instruction, tuple(examples), role)
        return await _nodes.extract(self._incarnation, node)

    async def agent(
        self,
        *,
        goal: str,
        tools: Sequence[Tool[..., Any]],
        constraints: Sequence[str] = (),
        input: str = "",  # noqa: A002
        result: type[T] = str,
        role: str = "strong",
        max_turns: int = 10,
        when_stuck: Literal["ask", "stop"] = "ask",
        window: int | None = None,
    ) -> AgentResult[T]:
        """Let a model call tools in a bounded loop, each call through the same gateway.

        The goal, the constraints and the input are in every call, word for word; what else is sent
        stays within ``window`` tokens, by default what the model can read.
        One whose calls bring nothing new any more ends as ``stuck`` with what it found, and
        unless ``when_stuck`` is ``stop`` a person is asked first whether it may go on.
        """
        task = _agent.AgentTask(
            goal,
            tuple(tools),
            input,
            result,
            role,
            max_turns,
            when_stuck,
            tuple(constraints),
            window,
        )
        return await _agent.run_agent(self._incarnation, self._workflow, task)

    # People and events

    async def ask(
        self,
        prompt: str,
        *,
        answer: type[T] = str,
        choices: Sequence[str] = (),
        details: Mapping[str, Any] | None = None,
        timeout: Duration | None = None,
        roles: Collection[str] = (),
    ) -> T:
        """Ask a person, who has one of ``roles`` if any are given, and wait for the answer.

        Raises Denied, or Expired after ``timeout``.
        """
        return await _people.ask(
            self._incarnation,
            prompt,
            answer,
            choices=tuple(choices),
            details=dict(details or {}),
            timeout=_delta(timeout),
            roles=roles,
        )

    async def receive(self, event: type[T], *, timeout: Duration | None = None) -> T:
        """Wait for an event that ``app.send`` brings. Raises Expired after ``timeout``."""
        return await _steps.receive(self._incarnation, event, _delta(timeout))

    async def sleep(self, duration: Duration) -> None:
        """Wait; the run holds nothing in memory meanwhile and survives restarts."""
        await _steps.sleep(self._incarnation, _delta(duration) or timedelta())

    async def hand_over(
        self,
        *,
        reason: str = "the workflow hands over",
        goal: str = "",
        constraints: Sequence[str] = (),
        open_items: Sequence[str] = (),
        summary: str = "",
    ) -> Checkpoint:
        """End this run here, and let a successor go on from behind this call.

        The successor runs the same workflow: what was finished returns what it returned, without
        being done again, and this call returns the checkpoint there. Writes, their keys and the
        account are those of one lineage. Raises WorkflowError while branches are at work, Refused
        at the end of a chain of 50 runs.
        """
        said = Leaving(reason, goal, tuple(constraints), tuple(open_items), summary)
        return await _hand_over.hand_over(self._incarnation, said)

    # Determinism

    async def now(self) -> datetime:
        """Return the time (aware, UTC), recorded."""

        async def read(_: Any) -> datetime:
            return self._incarnation.host.clock.now()

        return await self._fact("now", codec_for(datetime), read)

    async def random(self) -> float:
        """Return a random number in [0, 1), recorded."""

        async def draw(_: Any) -> float:
            return random.random()  # noqa: S311 (not for secrets)

        return await self._fact("random", codec_for(float), draw)

    async def _fact(self, kind: str, codec: Any, body: Any) -> Any:
        return await self._incarnation.perform(kind, kind, payload(None), codec, body)

    async def patched(self, change: str) -> bool:
        """Tell whether this run has the change: True for new runs, False for older records."""
        return await _steps.patched(self._incarnation, change)

    # Branches

    @overload
    async def gather(self, a: Awaitable[T1], b: Awaitable[T2], /) -> tuple[T1, T2]: ...
    @overload
    async def gather(
        self, a: Awaitable[T1], b: Awaitable[T2], c: Awaitable[T3], /
    ) -> tuple[T1, T2, T3]: ...
    @overload
    async def gather(self, *awaitables: Awaitable[T]) -> tuple[T, ...]: ...
    async def gather(self, *awaitables: Awaitable[Any]) -> tuple[Any, ...]:
        """Run branches together; the first failure cancels the others and is raised."""
        return tuple(await _concurrency.gather(self._incarnation, awaitables))

    async def map(
        self, fn: Callable[[I], Awaitable[O]], items: Iterable[I], *, limit: int | None = None
    ) -> list[O]:
        """Run ``fn`` for each item, at most ``limit`` at once; results in the items' order."""
        return await _concurrency.map_items(self._incarnation, fn, items, limit)

    def scope(self) -> AbstractContextManager[Lane]:
        """Give a group of steps a lane of its own: ``with run.scope(): ...``."""
        return self._incarnation.conductor.scope()

    def saga(self) -> AbstractAsyncContextManager[None]:
        """Undo what was made in the body if it fails: ``async with run.saga(): ...``.

        Its writes are compensated, newest first, also when it is cancelled and after a crash; what
        can't be undone is put in front of a person. Then the error goes on.
        """
        return _saga.saga(self._incarnation, self._workflow)

    async def race(self, *awaitables: Awaitable[T]) -> tuple[int, T]:
        """Return (index, result) of the first branch to end; the others are cancelled."""
        return await _concurrency.race(self._incarnation, awaitables)

    def as_completed(self, *awaitables: Awaitable[T]) -> AsyncIterator[tuple[int, T]]:
        """Iterate over (index, result) in the order of completion."""
        return _concurrency.as_completed(self._incarnation, awaitables)

    async def timeout(self, awaitable: Awaitable[T], after: Duration) -> T:
        """Return the branch's result, or raise Expired and cancel it once ``after`` has passed.

        A write in flight isn't cut: it gets its outcome first.
        """
        index, value = await _concurrency.race(
            self._incarnation, cast("tuple[Awaitable[T], ...]", (awaitable, self.sleep(after)))
        )
        if index == 1:
            raise Expired(
                f"the time limit of {_delta(after)} passed",
                remedy="allow more time, or handle Expired",
            )
        return value


@overload
def _delta(duration: Duration) -> timedelta: ...
@overload
def _delta(duration: None) -> None: ...
def _delta(duration: Duration | None) -> timedelta | None:
    if duration is None or isinstance(duration, timedelta):
        return duration
    return timedelta(seconds=duration)
