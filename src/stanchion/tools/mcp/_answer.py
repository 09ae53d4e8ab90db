"""What came of a call of a server's tool: a value, a structured error, or unknown.

Closed words only. What a server says about a failure proves nothing but that it failed: of a write
only what surely did nothing is ``NotPerformed``, all else is raised and thereby unknown.
"""

from __future__ import annotations

from typing import Any

import mcp_types as types
from mcp import MCPError

from stanchion.tools._contract import Contract
from stanchion.tools._errors import unreachable
from stanchion.tools._http_errors import HttpFailure, refused_by_status, translate_status
from stanchion.tools._outcomes import BadResult, NotPerformed
from stanchion.tools.mcp._heard import Heard
from stanchion.values import Action, Json, ToolError

__all__ = ["McpCallFailed", "failure", "value_of"]


class McpCallFailed(Exception):
    """A call ended without an outcome. Its message holds nothing that the server said."""


def failure(error: MCPError, heard: Heard, connection: Heard, contract: Contract) -> Exception:
    """Return what an error of the protocol means for this call."""
    if heard.unreached:
        return NotPerformed(unreachable())
    if heard.too_large or connection.too_large:
        return BadResult(f"{contract.name} answered with too much", too_large=True)
    if (refusal := _REFUSALS.get(error.code)) is not None:
        return NotPerformed(refusal)
    if heard.status >= 400:
        if contract.effect == "read" or refused_by_status(heard.status, contract):
            return NotPerformed(translate_status(_http(heard), contract))
        return McpCallFailed(f"the server answered with status {heard.status}")
    if contract.effect == "write":
        return McpCallFailed(f"the server answered with error {error.code}")
    return NotPerformed(_LOST if error.code == types.CONNECTION_CLOSED else _FAILED)


def value_of(answer: types.CallToolResult | types.InputRequiredResult, contract: Contract) -> Any:
    """Return the result as JSON, or raise what it means."""
    if isinstance(answer, types.InputRequiredResult):
        raise _no_value(contract, _ASKED)
    if answer.is_error:
        raise _no_value(contract, _REPORTED)
    if contract.returns:
        return answer.structured_content
    blocks = [_block(each) for each in answer.content]
    if all(isinstance(block, str) for block in blocks):
        return "\n".join(str(block) for block in blocks)
    return blocks


def _block(block: types.ContentBlock) -> Json:
    """Return a text; of anything else what it is, without its bytes or addresses."""
    if isinstance(block, types.TextContent):
        return block.text
    size = len(getattr(block, "data", "")) * 3 // 4
    kind: Json = getattr(block, "mime_type", None)
    return {"type": block.type, "mime_type": kind, "bytes": size}


def _no_value(contract: Contract, error: ToolError) -> Exception:
    if contract.effect == "read":
        return NotPerformed(error)
    return McpCallFailed(f"the call of {contract.name} ended with {error.code}")


def _http(heard: Heard) -> HttpFailure:
    return HttpFailure(heard.status, heard.headers)


_REFUSALS = {
    types.INVALID_PARAMS: ToolError(
        code="invalid_arguments",
        problem="the server did not accept these arguments",
        action=Action.FIX_ARGUMENTS,
        do_not="do not repeat the same call, and do not make up values",
    ),
    types.METHOD_NOT_FOUND: ToolError(
        code="not_supported",
        problem="the server does not have this tool any more",
        action=Action.USE_OTHER_TOOL,
        do_not="do not call it again",
    ),
}

_REPORTED = ToolError(
    code="tool_reported_error",
    problem="the tool reported that it failed with these arguments",
    action=Action.FIX_ARGUMENTS,
    do_not="do not repeat the same call, and do not make up what it would have answered",
)

_ASKED = ToolError(
    code="input_refused",
    problem="the server asked for more than a tool may ask for, which was refused",
    action=Action.USE_OTHER_TOOL,
    do_not="do not call it again",
)

_LOST = ToolError(
    code="connection_lost",
    problem="the connection to the server ended before it answered",
    action=Action.WAIT,
    retryable=True,
)

_FAILED = ToolError(
    code="server_failed",
    problem="the server failed by an error of its own",
    action=Action.ESCALATE,
    do_not="do not make up what it would have answered",
)
