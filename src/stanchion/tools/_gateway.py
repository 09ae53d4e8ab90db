"""The one door for every call of a tool: a fold of layers around a core.

A layer takes a call and the way on, and answers: it passes the call on, changed or not, or stops
it with an error. What it says is noted on the call as it goes in, so that the core can record with
an intent why the call was let through. The core is injected: it writes intents and calls the body.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, TypeAlias

from stanchion.tools._tool import Tool
from stanchion.values import ToolCall, ToolError, ToolResult

__all__ = ["Gateway", "Layer", "Next", "asks", "compose", "note", "stop"]

Next: TypeAlias = Callable[[ToolCall], Awaitable[ToolResult]]
Layer: TypeAlias = Callable[[ToolCall, Next], Awaitable[ToolResult]]


def compose(layers: Sequence[Layer], core: Next) -> Next:
    """Nest layers around the core, the first one outermost."""
    door: Next = partial(_collect, core)
    for layer in reversed(layers):
        door = _inside(layer, door)
    return door


def note(
    call: ToolCall, layer: str, word: Literal["pass", "ask", "refuse"], why: str = ""
) -> ToolCall:
    """Return the call with a layer's verdict on it. ``ask`` makes the review layer ask a person."""
    verdicts = (*call.verdicts, (layer, f"{word}: {why}" if why else word))
    # Spelled out, as every call comes by here several times: replace() takes five times as long.
    return ToolCall(
        call.tool,
        call.arguments,
        call.origin,
        call.call_id,
        call.key,
        call.attempt,
        verdicts,
        call.handles,
    )


def stop(call: ToolCall, layer: str, error: ToolError) -> ToolResult:
    """End the call with an error, which the layer's verdict names."""
    return ToolResult(error=error, verdicts=note(call, layer, "refuse", error.code).verdicts)


def asks(call: ToolCall) -> tuple[str, ...]:
    """Return the reasons for which layers want a person to see this call."""
    verdicts = (verdict for _, verdict in call.verdicts)
    return tuple(v.removeprefix("ask").removeprefix(": ") for v in verdicts if _is_ask(v))


@dataclass(frozen=True, slots=True)
class Gateway:
    """A tool with the layers that each of its calls passes."""

    tool: Tool[..., Any]
    layers: tuple[Layer, ...]

    def around(self, extra: Iterable[Layer]) -> Gateway:
        """Return a gateway with further layers inside these."""
        return replace(self, layers=(*self.layers, *extra))

    async def run(self, call: ToolCall, core: Next) -> ToolResult:
        """Send one call through."""
        return await compose(self.layers, core)(call)


def _inside(layer: Layer, proceed: Next) -> Next:
    async def enter(call: ToolCall) -> ToolResult:
        return await layer(call, proceed)

    return enter


async def _collect(core: Next, call: ToolCall) -> ToolResult:
    result = await core(call)
    return replace(result, verdicts=(*call.verdicts, *result.verdicts))


def _is_ask(verdict: str) -> bool:
    return verdict == "ask" or verdict.startswith("ask: ")
