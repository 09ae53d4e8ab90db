"""The decorator that makes a typed function a tool.

A ``Tool`` carries its contract and the body and keeps the function's signature for type checkers,
without the leading CallContext. Calling it directly raises: that would go around the gateway, and
with it around validation, policy, review and the record.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Concatenate, Generic, Protocol, overload

from typing_extensions import ParamSpec, TypeVar

from stanchion.errors import BareToolCallError, ContractError
from stanchion.tools._breaker import Breaker
from stanchion.tools._bucket import Rate
from stanchion.tools._compensation import Compensation
from stanchion.tools._context import CallContext
from stanchion.tools._contract import Contract
from stanchion.tools._registration import Declaration, contract_of
from stanchion.tools._retry import RetryPolicy
from stanchion.trust import Asked

__all__ = ["Register", "Tool", "by_name", "tool"]

P = ParamSpec("P")
R = TypeVar("R")


class Resource(Protocol):
    """Something that is opened when it is first used, and again after it was closed."""

    async def aclose(self) -> None:
        """Let go of what this event loop holds open."""
        ...


class Tool(Generic[P, R]):
    """A function with a contract. ``run.call(tool, ...)`` calls it; ``fn`` is the bare body."""

    def __init__(
        self, fn: Callable[..., Any], contract: Contract, *, resource: Resource | None = None
    ) -> None:
        self.fn = fn
        self.resource = resource
        """What the body holds open between calls; the app that serves the tool closes it."""
        self.contract = contract
        self.__name__ = contract.name
        self.__qualname__ = getattr(fn, "__qualname__", contract.name)
        self.__doc__ = fn.__doc__
        self.__module__ = fn.__module__

    @property
    def name(self) -> str:
        """The name that models use."""
        return self.contract.name

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Awaitable[R]:
        """Raise BareToolCallError: a tool is called through its gateway only."""
        raise BareToolCallError(
            f"the tool {self.name} was called around its gateway",
            remedy=f"in a workflow `await run.call({self.name}, ...)`; outside of one "
            f"`await stanchion.tools.call({self.name}, {{...}})`; in a test of the body "
            f"`{self.name}.fn(...)`",
            tool=self.name,
        )

    def __repr__(self) -> str:
        return f"<Tool {self.name} ({self.contract.effect})>"


class Register(Protocol):
    """Makes a function a Tool of the same signature."""

    @overload
    def __call__(
        self, fn: Callable[Concatenate[CallContext[Any], P], Awaitable[R]], /
    ) -> Tool[P, R]: ...
    @overload
    def __call__(self, fn: Callable[P, Awaitable[R]], /) -> Tool[P, R]: ...
    @overload
    def __call__(self, fn: Callable[Concatenate[CallContext[Any], P], R], /) -> Tool[P, R]: ...
    @overload
    def __call__(self, fn: Callable[P, R], /) -> Tool[P, R]: ...


def tool(
    *,
    read: bool = False,
    write: bool = False,
    trusted: bool = False,
    accepts_key: bool | timedelta = False,
    reconcile: Callable[..., Any] | None = None,
    compensate: Callable[..., Any] | Compensation | None = None,
    needs_review: bool = False,
    timeout: timedelta = timedelta(seconds=30),
    retries: int | RetryPolicy = 2,
    rate: Rate | None = None,
    heartbeat: timedelta | None = None,
    fresh: timedelta | None = None,
    breaker: Breaker | None = None,
    targets: Mapping[str, Any] | Collection[str] = (),
    content: Collection[str] = (),
    asked: Asked | None = None,
    private: bool = False,
    name: str | None = None,
    description: str | None = None,
    version: str = "1",
    examples: Sequence[Mapping[str, Any]] = (),
    max_argument_bytes: int = 64 * 1024,
    max_result_bytes: int = 1024 * 1024,
) -> Register:
    """Register a typed function as a tool, or raise ContractError saying how to mend it.

    Say ``read=True`` if a call changes nothing anywhere, else ``write=True`` with what its target
    can do: ``accepts_key`` (True, or how long it keeps idempotency keys), ``reconcile`` (says
    later what became of a call), ``compensate`` (undoes a call, see ``Compensation``; a write
    without it is irreversible). ``trusted`` says that its results are facts. ``targets`` names the
    arguments that say on whom or what it acts, ``content`` those that are only read by somebody,
    ``asked`` how people ask for it (see ``stanchion.trust.asking``): unasked, a model's call needs
    a person.
    ``private`` says that its results are for the initiator alone. ``rate`` and ``breaker`` spare
    the target, for all runs together; ``fresh`` is how long a read's answer holds. A body with a
    ``heartbeat`` is ended when it doesn't call ``call.heartbeat()`` for that long. The description
    and those of the parameters come from the docstring.
    """
    said = Declaration(
        read=read,
        write=write,
        trusted=trusted,
        accepts_key=accepts_key,
        reconcile=reconcile,
        compensate=compensate,
        needs_review=needs_review,
        timeout=timeout,
        retries=retries,
        rate=rate,
        heartbeat=heartbeat,
        fresh=fresh,
        breaker=breaker,
        targets=targets,
        content=content,
        asked=asked,
        private=private,
        name=name,
        description=description,
        version=version,
        examples=examples,
        max_argument_bytes=max_argument_bytes,
        max_result_bytes=max_result_bytes,
    )

    def register(fn: Callable[..., Any], /) -> Tool[..., Any]:
        return Tool(fn, contract_of(fn, said))

    return register


def by_name(tools: Iterable[Tool[..., Any]]) -> Mapping[str, Tool[..., Any]]:
    """Return tools by name; raise ContractError if two share one."""
    named: dict[str, Tool[..., Any]] = {}
    for each in tools:
        if named.setdefault(each.name, each) is not each:
            raise ContractError(
                f"two tools are named {each.name}",
                remedy="give one of them another name with @tool(name=...)",
            )
    return named
