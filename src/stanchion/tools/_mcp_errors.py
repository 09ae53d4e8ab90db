"""What an error of the Model Context Protocol means to a model that called a tool.

Recognised by its shape, so that no client is imported: an exception that carries an ``error`` with
one of JSON-RPC's codes. Its message and data come from the server and are left out.
"""

from __future__ import annotations

from collections.abc import Mapping

from stanchion.values import Action, ToolError

__all__ = ["mcp_failure"]


def mcp_failure(exception: BaseException) -> ToolError | None:
    """Read an MCP error off an exception, or None if it isn't one."""
    code = getattr(getattr(exception, "error", None), "code", None)
    if not isinstance(code, int) or isinstance(code, bool):
        return None
    if code in _KNOWN:
        return _KNOWN[code]
    return _SERVER if -32768 <= code <= -32000 else None


_SERVER = ToolError(
    code="service_failed",
    problem="the server of this tool failed",
    action=Action.WAIT,
    retryable=True,
)
_TIMEOUT = ToolError(
    code="timeout",
    problem="the server of this tool did not answer in time",
    action=Action.WAIT,
    retryable=True,
)
_KNOWN: Mapping[int, ToolError] = {
    -32602: ToolError(
        code="bad_request",
        problem="the server of this tool did not accept these arguments",
        action=Action.FIX_ARGUMENTS,
        do_not="do not repeat the same call, and do not make up values",
    ),
    -32601: ToolError(
        code="not_supported",
        problem="the server does not have this tool any more",
        action=Action.USE_OTHER_TOOL,
        do_not="do not call it again",
    ),
    -32002: ToolError(
        code="not_found",
        problem="nothing was found under these arguments",
        action=Action.ASK_USER,
        do_not="do not try other values",
    ),
    -32001: _TIMEOUT,
    408: _TIMEOUT,  # what the Python SDK's own time-out carries
}
