"""The gateway's first layer: arguments that fit the contract, or an error that says which don't."""

from __future__ import annotations

from dataclasses import replace

from pydantic import ValidationError

from stanchion.errors import EncodingError
from stanchion.tools._contract import Contract
from stanchion.tools._errors import translate
from stanchion.tools._gateway import Layer, Next, note, stop
from stanchion.values import ToolCall, ToolResult

__all__ = ["validate"]


def validate(contract: Contract) -> Layer:
    """Turn what the caller gave into typed values, defaults filled in."""

    async def layer(call: ToolCall, proceed: Next) -> ToolResult:
        try:
            arguments = contract.validate(call.arguments)
        except (ValidationError, EncodingError) as error:
            return stop(call, "validate", translate(error, contract))
        return await proceed(note(replace(call, arguments=arguments), "validate", "pass"))

    return layer
