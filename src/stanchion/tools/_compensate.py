"""A tool's compensation as a write of its own: its contract, and its call.

It is sent to the same target, so it may count on keys where the tool does, unless it says
otherwise. What it and its reconciler get are the arguments as sent and the result as recorded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from inspect import Parameter
from typing import Any

from stanchion.ledger import MAX_PAYLOAD_BYTES, codec_for
from stanchion.tools._companions import call_companion
from stanchion.tools._context import CallContext
from stanchion.tools._contract import Contract
from stanchion.tools._execute import ask
from stanchion.tools._outcomes import Reconciled
from stanchion.tools._parameters import Parameters
from stanchion.tools._registration import with_digest
from stanchion.tools._tool import Tool

__all__ = ["ask_whether_undone", "compensate", "compensation_of"]


def compensation_of(contract: Contract) -> Contract:
    """Return the contract under which a call of this tool is undone.

    Its call has two arguments: ``arguments``, as sent, and ``outcome``, which holds ``result``.
    """
    own = contract.compensate
    if own is None:
        raise TypeError(f"{contract.name} has no compensation")
    key = own.accepts_key
    validity = key if isinstance(key, timedelta) else None
    names = ("arguments", "outcome")
    declared = [Parameter(n, Parameter.KEYWORD_ONLY, annotation=dict[str, Any]) for n in names]
    arguments = Parameters(declared, {}, where=contract.name, max_bytes=MAX_PAYLOAD_BYTES)
    return with_digest(
        replace(
            contract,
            name=f"undo {contract.name}",
            description=f"Undoes a call of {contract.name}.",
            trusted=False,
            accepts_key=contract.accepts_key if key is None else key is not False,
            key_validity=contract.key_validity if key is None else validity,
            reconcile=own.reconcile,
            compensate=None,
            needs_review=False,
            heartbeat=None,
            targets={},
            arguments=arguments,
            parameters=arguments.schema,
            result=codec_for(type(None)),
            returns={"type": "null"},
            examples=(),
        )
    )


async def compensate(
    tool: Tool[..., Any], undo: Mapping[str, Any], context: CallContext[Any]
) -> None:
    """Call the tool's compensation once, with the arguments of its own contract.

    Raises NotPerformed, TimeoutError, or whatever the function raised.
    """
    contract = tool.contract
    if contract.compensate is None:
        raise TypeError(f"{tool.name} has no compensation")
    async with asyncio.timeout(contract.timeout.total_seconds()):
        await call_companion(contract.compensate.undo, context, _known(contract, undo))


async def ask_whether_undone(
    tool: Tool[..., Any], undo: Mapping[str, Any], context: CallContext[Any]
) -> Reconciled:
    """Ask the compensation's own reconciler. Every failure to answer is CantTell."""
    return await ask(compensation_of(tool.contract), context, _known(tool.contract, undo))


def _known(contract: Contract, undo: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a compensation may declare: the arguments as sent and the result."""
    result = contract.result.decode(codec_for(Any).encode(undo["outcome"]["result"]).data)
    return {**contract.validate(undo["arguments"]), "result": result}
