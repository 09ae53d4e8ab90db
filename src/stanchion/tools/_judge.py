"""The layer that asks policy about the exact call: it passes, or a person has to see it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from stanchion.tools._gateway import Layer, Next, note
from stanchion.trust import Verdict
from stanchion.values import ToolCall, ToolResult

__all__ = ["Policy", "judge"]

Policy: TypeAlias = Callable[[ToolCall], Verdict]
"""A pure verdict on a validated call."""


def judge(policy: Policy) -> Layer:
    """Note the verdict on the call; a call that isn't allowed goes to the review layer."""

    async def layer(call: ToolCall, proceed: Next) -> ToolResult:
        verdict = policy(call)
        word = "pass" if verdict.allowed else "ask"
        return await proceed(note(call, "judge", word, verdict.explanation))

    return layer
