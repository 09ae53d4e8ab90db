"""The order of the gateway's layers, in one place.

Outermost first. A call is made to fit its contract, grounded and limited before anybody judges it
or is troubled with it; the users' layers come before policy, so that one which changes a call can't
change what was judged, and before it is looked up whether the same was made before; review is last,
so that a person sees exactly what will be sent. Intent, execution and record are the core inside
all of them. What the layers are given is injected: this module knows their order alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from stanchion.tools import (
    Asker,
    Gateway,
    Known,
    Layer,
    Next,
    Policy,
    Tool,
    ground,
    judge,
    note,
    review,
    validate,
    within,
)
from stanchion.values import ToolCall, ToolResult
from stanchion.workflows._workflow import Workflow

__all__ = ["gateway_of", "recovery_gateway"]


def gateway_of(
    workflow: Workflow[Any, Any, Any],
    tool: Tool[..., Any],
    *,
    known: Known,
    limits: Sequence[Layer],
    repeat: Sequence[Layer],
    policy: Policy,
    ask: Asker,
) -> Gateway:
    """Return the door for a new call of one of the workflow's tools."""
    contract = tool.contract
    return Gateway(
        tool,
        (
            validate(contract),
            ground(contract, known),
            *limits,
            *(_user_layer(layer) for layer in workflow.layers),
            *repeat,
            judge(policy),
            within(contract, known),
            review(contract, ask),
        ),
    )


def recovery_gateway(tool: Tool[..., Any]) -> Gateway:
    """Return the door for a write that was let through before: nobody judges it twice."""
    return Gateway(tool, (validate(tool.contract),))


def _user_layer(layer: Layer) -> Layer:
    """Note under its name what a user's layer did without a word of its own."""
    name = getattr(layer, "__name__", type(layer).__name__)

    async def enter(call: ToolCall, proceed: Next) -> ToolResult:
        async def onward(given: ToolCall) -> ToolResult:
            silent = len(given.verdicts) == len(call.verdicts)
            return await proceed(note(given, name, "pass") if silent else given)

        result = await layer(call, onward)
        if result.verdicts:
            return result
        word = "pass" if result.error is None else "refuse"
        return replace(result, verdicts=note(call, name, word, "answered by this layer").verdicts)

    return enter
