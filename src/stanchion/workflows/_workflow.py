"""Workflow definitions: a deterministic async function, its name, version, tools and bounds.

Definitions are plain values without a global registry: an app is given those it serves. What would
differ from one replay to the next (the clock, random numbers, tasks of its own) is refused when the
function is defined, by resolving what its source calls.
"""

from __future__ import annotations

import ast
import asyncio
import datetime
import inspect
import os
import random
import secrets
import textwrap
import time
import typing
import uuid
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, overload

from stanchion.errors import ConfigurationError, ContractError
from stanchion.ledger import Codec, codec_for
from stanchion.review import Approvers
from stanchion.tools import Layer, Rate, Tool
from stanchion.trust import Allow
from stanchion.workflows._budget import Budget
from stanchion.workflows._quarantine import Mode

__all__ = ["Workflow", "Workflows", "workflow"]

RunT = TypeVar("RunT")
I = TypeVar("I")  # noqa: E741 (the input's type)
O = TypeVar("O")  # noqa: E741 (the output's type)

_CLOCK = "await run.now() is recorded and the same on replay"
_RANDOM = "await run.random() is recorded and the same on replay"
_SLEEP = "await run.sleep(...) survives a restart"
_BRANCH = "await run.gather(...) gives each branch its own lane"

_NOT_REPLAYABLE: dict[Any, str] = {
    time.time: _CLOCK,
    time.time_ns: _CLOCK,
    time.localtime: _CLOCK,
    time.gmtime: _CLOCK,
    time.monotonic: _CLOCK,
    time.perf_counter: _CLOCK,
    time.sleep: _SLEEP,
    asyncio.sleep: _SLEEP,
    asyncio.gather: _BRANCH,
    asyncio.create_task: _BRANCH,
    asyncio.ensure_future: _BRANCH,
    asyncio.TaskGroup: _BRANCH,
    asyncio.wait: _BRANCH,
    asyncio.wait_for: "await run.timeout(...) records whether the limit passed",
    asyncio.timeout: "await run.timeout(...) records whether the limit passed",
    uuid.uuid1: _RANDOM,
    uuid.uuid4: _RANDOM,
    os.urandom: _RANDOM,
    secrets.token_hex: _RANDOM,
    secrets.token_urlsafe: _RANDOM,
    secrets.token_bytes: _RANDOM,
    random.random: _RANDOM,
    random.randint: _RANDOM,
    random.choice: _RANDOM,
    random.shuffle: _RANDOM,
    random.uniform: _RANDOM,
    random.sample: _RANDOM,
    random.choices: _RANDOM,
    random.gauss: _RANDOM,
    random.randbytes: _RANDOM,
    random.randrange: _RANDOM,
    secrets.choice: _RANDOM,
    secrets.randbelow: _RANDOM,
}
_CLOCK_METHODS = {"now", "utcnow", "today"}


@dataclass(frozen=True, slots=True)
class Workflow(Generic[RunT, I, O]):
    """A workflow definition; start it with ``app.start(workflow, input)``."""

    fn: Callable[[RunT, I], Awaitable[O]]
    name: str
    version: str
    tools: tuple[Tool[..., Any], ...]
    untrusted_may: tuple[Allow, ...]
    """Irreversible calls that run without a person, within these bounds."""
    input_codec: Codec[I]
    output_codec: Codec[O]
    approval_timeout: datetime.timedelta | None = None
    """How long an approval is waited for; zero is for ever, None as the app's settings say."""
    layers: tuple[Layer, ...] = ()
    """The users' own layers of the gateway, outermost first."""
    rate: Rate | None = None
    """Of all calls of tools by one run."""
    untrusted: Mode = "quarantine"
    """What an agent of it may see of values that nobody vouches for."""
    max_depth: int = 8
    """How many runs may stand above one of it: children of children, runs that tools started."""
    approvers: Mapping[str, Approvers] = field(default_factory=dict[str, Approvers])
    """Who approves the calls of which tool; anybody, where nothing is said."""
    vouched: bool = False
    """Its input counts as the initiator's own words whoever started it, as for served calls."""
    budget: Budget | None = None
    """What one run of it may use, with its children."""


class Workflows:
    """The definitions that an app serves, by name and version."""

    def __init__(self, definitions: Iterable[Workflow[Any, Any, Any]] = ()) -> None:
        self._known: dict[tuple[str, str], Workflow[Any, Any, Any]] = {}
        for definition in definitions:
            self.add(definition)

    def add(self, definition: Workflow[Any, Any, Any]) -> None:
        """Serve a definition and those that its code names, as its children are run here too.

        Another one under the same name and version is refused.
        """
        key = (definition.name, definition.version)
        if key not in self._known:
            self._known[key] = definition
            for named in _named_in(definition.fn):
                self.add(named)
        known = self._known[key]
        if known.fn is not definition.fn:
            raise ConfigurationError(
                f"two workflows are called {definition.name!r} version {definition.version!r}",
                remedy="give one of them another name or version",
            )

    def find(self, name: str, version: str) -> Workflow[Any, Any, Any] | None:
        """Return the definition, or None if this app doesn't serve it."""
        return self._known.get((name, version))

    def __iter__(self) -> Iterator[Workflow[Any, Any, Any]]:
        return iter(self._known.values())


@overload
def workflow(fn: Callable[[RunT, I], Awaitable[O]], /) -> Workflow[RunT, I, O]: ...
@overload
def workflow(
    *,
    name: str = "",
    version: str = "1",
    tools: Sequence[Tool[..., Any]] = (),
    untrusted_may: Sequence[Allow] = (),
    approval_timeout: datetime.timedelta | None = None,
    layers: Sequence[Layer] = (),
    rate: Rate | None = None,
    untrusted: Mode = "quarantine",
    max_depth: int = 8,
    approvers: Sequence[Approvers] = (),
    budget: Budget | None = None,
) -> Callable[[Callable[[RunT, I], Awaitable[O]]], Workflow[RunT, I, O]]: ...
def workflow(
    fn: Callable[[RunT, I], Awaitable[O]] | None = None,
    /,
    *,
    name: str = "",
    version: str = "1",
    tools: Sequence[Tool[..., Any]] = (),
    untrusted_may: Sequence[Allow] = (),
    approval_timeout: datetime.timedelta | None = None,
    layers: Sequence[Layer] = (),
    rate: Rate | None = None,
    untrusted: Mode = "quarantine",
    max_depth: int = 8,
    approvers: Sequence[Approvers] = (),
    budget: Budget | None = None,
) -> Any:
    """Define a workflow from ``async def (run, input) -> output``.

    ``version`` names the code: a run goes on only under the version that it started with. ``tools``
    are those it may call; ``layers`` are passed by each of those calls before policy judges it,
    ``rate`` holds for all of them in one run. ``untrusted`` says what an agent sees of values that
    nobody vouches for: handles, or the values as if they were trusted (``off``). ``max_depth`` says
    how many runs may stand above it. ``approval_timeout`` is how long a person may take to approve
    one of its calls, zero for ever; None is as the app's settings say. ``approvers`` say who
    approves the calls of which tool, ``budget`` what one run may use. Raises ContractError for a
    function that can't be replayed.
    """

    def define(function: Callable[[RunT, I], Awaitable[O]]) -> Workflow[RunT, I, O]:
        input_type, output_type = _types(function)
        _refuse_unreplayable(function)
        if approval_timeout is not None and approval_timeout < datetime.timedelta():
            raise ContractError(
                f"the approval_timeout of the workflow {function.__name__!r} is below zero",
                remedy="give the time that a person may take, or zero for no limit",
            )
        return Workflow(
            function,
            name or function.__name__,
            version,
            tuple(tools),
            tuple(untrusted_may),
            codec_for(input_type),
            codec_for(output_type),
            approval_timeout,
            tuple(layers),
            rate,
            untrusted,
            max_depth,
            _by_tool(function.__name__, approvers),
            budget=budget,
        )

    return define if fn is None else define(fn)


def _by_tool(name: str, given: Sequence[Approvers]) -> Mapping[str, Approvers]:
    found = {each.tool: each for each in given}
    if len(found) < len(given):
        raise ContractError(
            f"the workflow {name!r} has two approvers(...) for one tool",
            remedy="say in one of them who approves its calls",
        )
    return found


def _named_in(fn: Callable[..., Any]) -> list[Workflow[Any, Any, Any]]:
    free = inspect.getclosurevars(fn)
    values = [*free.globals.values(), *free.nonlocals.values()]
    return [value for value in values if isinstance(value, Workflow)]


def _types(fn: Callable[..., Any]) -> tuple[Any, Any]:
    if not inspect.iscoroutinefunction(fn):
        raise ContractError(
            f"the workflow {fn.__name__!r} isn't an async function",
            remedy="define it as: async def name(run: Run, input: Input) -> Output",
        )
    parameters = list(inspect.signature(fn).parameters.values())
    if len(parameters) != 2:
        raise ContractError(
            f"the workflow {fn.__name__!r} takes {len(parameters)} parameters instead of 2",
            remedy="take the run and one input; a model or a dataclass holds several values",
        )
    try:
        hints = typing.get_type_hints(fn, include_extras=True)
    except NameError as error:
        raise ContractError(
            f"an annotation of the workflow {fn.__name__!r} can't be resolved: {error}",
            remedy="import the name at module level, outside TYPE_CHECKING",
        ) from error
    return hints.get(parameters[1].name, Any), hints.get("return", Any)


def _refuse_unreplayable(fn: Callable[..., Any]) -> None:
    """Look through a workflow, and the functions of its module that it calls."""
    seen: set[Any] = set()
    unseen: list[Any] = [fn]
    while unseen:
        function = unseen.pop()
        seen.add(function)
        for called, node, line in _calls_in(function):
            advice = _advice(called)
            if advice:
                raise ContractError(
                    f"the workflow {fn.__name__!r} calls {ast.unparse(node)}() in line {line},"
                    " which differs from one replay to the next",
                    remedy=advice,
                )
            if inspect.isfunction(called) and called.__module__ == fn.__module__:
                unseen += [] if called in seen else [called]


def _calls_in(fn: Callable[..., Any]) -> Iterator[tuple[Any, ast.expr, int]]:
    """Yield what a function calls and where, but for what it hands to ``run.read`` or ``step``."""
    try:
        lines, first = inspect.getsourcelines(fn)
        tree = ast.parse(textwrap.dedent("".join(lines)))
    except (OSError, TypeError, SyntaxError):
        return  # no source at hand: divergence is found on replay
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    recorded = [c.args[0] for c in calls if c.args and _is_recorded(c.func)]
    names = {node.id for node in recorded if isinstance(node, ast.Name)}
    bodies = [*recorded, *(n for n in ast.walk(tree) if getattr(n, "name", None) in names)]
    apart = {id(node) for body in bodies for node in ast.walk(body)}
    for call in calls:
        if id(call) not in apart:
            yield _resolve(call.func, fn), call.func, first + call.lineno - 1


def _is_recorded(function: ast.expr) -> bool:
    return isinstance(function, ast.Attribute) and function.attr in {"read", "step"}


def _advice(called: Any) -> str | None:
    owner = getattr(called, "__self__", None)
    if owner in (datetime.datetime, datetime.date) and called.__name__ in _CLOCK_METHODS:
        return _CLOCK
    try:
        return _NOT_REPLAYABLE.get(called)
    except TypeError:  # unhashable
        return None


def _resolve(node: ast.expr, fn: Callable[..., Any]) -> Any:
    """Return the object that a dotted name stands for, None if it isn't known before running."""
    if isinstance(node, ast.Name):
        free = inspect.getclosurevars(fn)
        return free.nonlocals.get(node.id, free.globals.get(node.id))
    if isinstance(node, ast.Attribute):
        owner = _resolve(node.value, fn)
        if inspect.ismodule(owner) or owner in (datetime.datetime, datetime.date):
            return getattr(owner, node.attr, None)
    return None
