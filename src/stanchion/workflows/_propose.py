"""A call that a model proposed, made as a step, and what came of it in the model's terms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stanchion.errors import Denied, Expired, Refused, StepError, ToolFailed
from stanchion.ledger import codec_for, payload
from stanchion.tools import Tool
from stanchion.values import Action, ToolError, ToolResult
from stanchion.workflows._calls import propose_call
from stanchion.workflows._incarnation import Incarnation
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
        return ToolResult(error=_told(error))
    return ToolResult(reply.value, notice=reply.notice)


def _told(error: StepError) -> ToolError:
    recorded = error.facts.get("error")
    if recorded is None:
        return ToolError(error.code, error.message, Action.STOP)
    return codec_for(ToolError).decode(payload(recorded).data)
