"""A call that a model proposed, made as a step, and what came of it in the model's terms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stanchion.errors import Denied, Expired, Refused, ToolFailed
from stanchion.tools import Tool
from stanchion.values import ToolResult
from stanchion.workflows._calls import propose_call
from stanchion.workflows._incarnation import Incarnation
from stanchion.workflows._outcomes import tool_error_of
from stanchion.workflows._workflow import Workflow

__all__ = ["propose"]


async def propose(
    incarnation: Incarnation,
    workflow: Workflow[Any, Any, Any],
    tool: Tool[..., Any],
    arguments: Mapping[str, Any],
    call_id: str,
) -> ToolResult:
    """Make the call; a step's error becomes the error that a model reads."""
    try:
        reply = await propose_call(incarnation, workflow, tool, arguments, call_id=call_id)
    except (ToolFailed, Denied, Expired, Refused) as error:
        return ToolResult(error=tool_error_of(error))
    return ToolResult(reply.value, notice=reply.notice)
