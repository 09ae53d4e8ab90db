"""The layer that puts a call in front of a person when an earlier layer wants one.

How the question is asked, shown and waited for is injected. An edited call is validated again; a
call that nobody wanted reviewed passes untouched.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, assert_never

from pydantic import ValidationError

from stanchion.errors import EncodingError
from stanchion.tools._contract import Contract
from stanchion.tools._errors import translate
from stanchion.tools._gateway import Layer, Next, asks, note, stop
from stanchion.values import Action, ToolCall, ToolError, ToolResult

__all__ = ["Approved", "Asker", "Edited", "Rejected", "Reviewed", "Unanswered", "review"]

_MAX_COMMENT = 500


@dataclass(frozen=True, slots=True)
class Approved:
    """Do it, exactly so."""

    by: str


@dataclass(frozen=True, slots=True)
class Edited:
    """Do it with these arguments."""

    by: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Rejected:
    """Don't."""

    by: str
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Unanswered:
    """Nobody answered in time."""


Reviewed: TypeAlias = Approved | Edited | Rejected | Unanswered

Asker: TypeAlias = Callable[[ToolCall, tuple[str, ...]], Awaitable[Reviewed]]
"""Asks a person about a call, for these reasons."""


def review(contract: Contract, ask: Asker) -> Layer:
    """Ask about a call on which an earlier layer noted ``ask``."""

    async def layer(call: ToolCall, proceed: Next) -> ToolResult:
        if not (reasons := asks(call)):
            return await proceed(call)
        answer = await ask(call, reasons)
        match answer:
            case Approved():
                return await proceed(note(call, "review", "pass", f"approved by {answer.by}"))
            case Edited():
                return await _edited(contract, call, answer, proceed)
            case Rejected():
                return stop(call, "review", _denied(answer))
            case Unanswered():
                return stop(call, "review", _EXPIRED)
        assert_never(answer)

    return layer


async def _edited(contract: Contract, call: ToolCall, answer: Edited, proceed: Next) -> ToolResult:
    try:
        arguments = contract.validate(answer.arguments)
    except (ValidationError, EncodingError) as error:
        return stop(call, "review", translate(error, contract))
    edited = replace(call, arguments=arguments)
    return await proceed(note(edited, "review", "pass", f"edited by {answer.by}"))


def _denied(answer: Rejected) -> ToolError:
    said = f": {answer.comment[:_MAX_COMMENT]}" if answer.comment else ""
    return ToolError(
        code="denied",
        problem=f"a person denied this call{said}",
        action=Action.STOP,
        do_not="do not make this call again, in this or another form",
    )


_EXPIRED = ToolError(
    code="expired",
    problem="this call needs a person, and nobody answered in time",
    action=Action.ESCALATE,
    do_not="do not make this call again without a person",
)
