"""A tool called by hand: the gateway without a workflow or a ledger.

For tests, the command line and a first look. Whoever calls has decided to: there is no policy and
no review unless layers for them are given, and nothing is remembered between two calls.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from stanchion.tools._context import CallContext
from stanchion.tools._errors import unknown_outcome
from stanchion.tools._execute import perform
from stanchion.tools._gateway import Gateway, Layer
from stanchion.tools._keys import mint_key
from stanchion.tools._tool import Tool
from stanchion.tools._validate import validate
from stanchion.values import ToolCall, ToolResult

__all__ = ["call"]

_log = logging.getLogger("stanchion.tools")


async def call(
    tool: Tool[..., Any],
    arguments: Mapping[str, Any],
    *,
    layers: Sequence[Layer] = (),
    deps: Any = None,
) -> ToolResult:
    """Validate the arguments, pass ``layers``, call the body once, and return what came of it.

    An exception that leaves a write's body gives the error ``unknown_outcome``.
    """
    contract = tool.contract
    lineage = f"by-hand-{uuid4().hex}"

    async def core(ready: ToolCall) -> ToolResult:
        key = ""
        if contract.effect == "write":
            key = mint_key(lineage, tool.name, contract.encode_arguments(ready.arguments), 0)
        context: CallContext[Any] = CallContext(
            key=key,
            epoch=0,
            attempt=ready.attempt,
            deadline=datetime.now(UTC) + contract.timeout,
            run=lineage,
            deps=deps,
        )
        try:
            return await perform(tool, ready, context)
        except Exception:  # noqa: BLE001 - the outermost boundary: the caller gets "unknown"
            _log.exception("what came of a call of %s is unknown", tool.name)
            return ToolResult(error=unknown_outcome())

    gateway = Gateway(tool, (validate(contract), *layers))
    return await gateway.run(ToolCall(tool.name, arguments), core)
