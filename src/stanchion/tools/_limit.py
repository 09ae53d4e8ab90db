"""The layer that limits: small policies, each of which admits a call, holds it back or refuses it.

A policy is a gate: it decides on state that changes (a rate, a breaker, what the agent did so far),
so what it said is handed to ``admitted`` before anything else happens, and a call that was admitted
once isn't limited again. How to wait is injected.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeAlias

from stanchion.tools._gateway import Layer, Next, note, stop
from stanchion.values import ToolCall, ToolError, ToolResult

__all__ = ["Admit", "Answer", "Gate", "Hold", "Refuse", "Said", "limit"]


@dataclass(frozen=True, slots=True)
class Admit:
    """It may be made."""

    why: str = ""


@dataclass(frozen=True, slots=True)
class Hold:
    """It may be made after a wait."""

    wait: timedelta
    why: str


@dataclass(frozen=True, slots=True)
class Answer:
    """It needn't be made: this is its result."""

    value: Any
    why: str


@dataclass(frozen=True, slots=True)
class Refuse:
    """It may not be made."""

    error: ToolError


Said: TypeAlias = Admit | Hold | Answer | Refuse
Gate: TypeAlias = Callable[[ToolCall], Awaitable[Said]]


@dataclass(slots=True)
class _Admission:
    """What the gates that let a call through said."""

    wait: timedelta = timedelta(0)
    words: list[str] = field(default_factory=list[str])

    def add(self, said: Admit | Hold) -> None:
        if isinstance(said, Hold):
            self.wait = max(self.wait, said.wait)
        if said.why:
            self.words.append(said.why)


def limit(gates: Sequence[Gate], admitted: Callable[[timedelta, str], Awaitable[None]]) -> Layer:
    """Pass the gates in order; the first that answers or refuses ends it.

    ``admitted`` is told for how long the call waits, and why, and waits.
    """

    async def layer(call: ToolCall, proceed: Next) -> ToolResult:
        admission = _Admission()
        for gate in gates:
            match await gate(call):
                case Refuse(error):
                    return stop(call, "limit", error)
                case Answer(value, why):
                    return ToolResult(value, verdicts=note(call, "limit", "pass", why).verdicts)
                case Admit() | Hold() as said:
                    admission.add(said)
        why = "; ".join(admission.words)
        await admitted(admission.wait, why)
        return await proceed(note(call, "limit", "pass", why))

    return layer
