"""What the types of tools say to a user. Never run: pyright reads it as part of `make check`.

A decorated function keeps its signature without the leading CallContext, so that whatever calls a
tool through its gateway can be typed as the function itself.
"""

from collections.abc import Awaitable
from typing import assert_type

from typing_extensions import ParamSpec, TypeVar

from stanchion.tools import CallContext, Happened, Tool, tool

P = ParamSpec("P")
R = TypeVar("R")


class Pool:
    """A resource."""


async def run_call(tool: Tool[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Stand for ``run.call``."""
    del tool, args, kwargs
    raise NotImplementedError


@tool(read=True)
async def with_context(call: CallContext[Pool], account: str, amount: int = 1) -> bytes:
    assert_type(call.deps, Pool)
    return account.encode() * amount


@tool(read=True)
async def with_bare_context(call: CallContext, account: str) -> bytes:
    return (account + call.key).encode()


@tool(write=True)
async def without_context(account: str) -> list[int]:
    return [len(account)]


@tool(write=True)
def sync_with_context(call: CallContext[Pool], account: str) -> int:
    return call.attempt + len(account)


@tool(write=True)
def sync_without_context(account: str, /) -> int:
    return len(account)


@tool(write=True)
async def nothing() -> None: ...


async def a_call_has_the_type_of_the_result() -> None:
    assert_type(await run_call(with_context, account="a", amount=2), bytes)
    assert_type(await run_call(with_context, "a"), bytes)
    assert_type(await run_call(with_bare_context, account="a"), bytes)
    assert_type(await run_call(without_context, "a"), list[int])
    assert_type(await run_call(sync_with_context, account="a"), int)
    assert_type(await run_call(sync_without_context, "a"), int)
    assert_type(await run_call(nothing), None)


async def a_wrong_call_is_rejected() -> None:
    await run_call(with_context, account=1)  # pyright: ignore[reportArgumentType]
    await run_call(with_context)  # pyright: ignore[reportCallIssue]
    await run_call(with_context, account="a", colour="red")  # pyright: ignore[reportCallIssue]
    await run_call(sync_with_context, Pool(), "a")  # pyright: ignore[reportCallIssue]


def a_tool_has_the_type_of_its_function() -> None:
    assert_type(without_context("a"), Awaitable[list[int]])
    assert_type(sync_with_context(account="a"), Awaitable[int])


def a_reconcilers_answer_is_typed(answer: Happened[int]) -> None:
    assert_type(answer.result, int)
