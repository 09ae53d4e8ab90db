"""The most that one attempt at a call can use, before it is made.

A tokenizer of bytes never makes more tokens of a text than the text has bytes, so the bytes of a
request, with something for what providers add around messages, bound what it reads. That is a few
times too high for ordinary text and holds for any; ``max_tokens`` bounds what is written. Pure, and
as right as the provider is honest.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from stanchion.models._model import Model, ModelRequest, ToolSpec
from stanchion.models._prices import Price, highest_price
from stanchion.values import (
    Message,
    Part,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResponsePart,
    Usage,
)

__all__ = ["worst_case", "worst_price"]

AROUND_REQUEST = 256
"""Tokens that a provider may add to any request."""
AROUND_MESSAGE = 32
"""Tokens of a message's role, boundaries and ids."""
AROUND_TOOL = 64


def worst_case(request: ModelRequest) -> Usage:
    """Return the most tokens that one attempt at a request can read and write."""
    read = AROUND_REQUEST + sum(_message(message) for message in request.messages)
    read += sum(_tool(spec) for spec in request.tools)
    read += _json(request.schema) + sum(_bytes(choice) for choice in request.choices)
    return Usage(read, request.max_tokens)


def worst_price(model: Model, usage: Usage, own: Mapping[str, Price]) -> Decimal | None:
    """Return the most US dollars that so many tokens can cost; None if nobody knows the price."""
    price = highest_price(model, usage, own=own)
    return None if price is None else price.amount


def _message(message: Message) -> int:
    return AROUND_MESSAGE + sum(_part(part) for part in message.parts)


def _part(part: Part) -> int:
    match part:
        case TextPart() | ReasoningPart():
            return _bytes(part.content)
        case ToolCallPart():
            return AROUND_MESSAGE + _bytes(part.id) + _bytes(part.name) + _json(part.arguments)
        case ToolResponsePart():
            return AROUND_MESSAGE + _bytes(part.id) + _json(part.response)


def _tool(spec: ToolSpec) -> int:
    return AROUND_TOOL + _bytes(spec.name) + _bytes(spec.description) + _json(spec.parameters)


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


def _json(value: Any) -> int:
    """Count a value as JSON that escapes everything beyond ASCII, the longest form there is."""
    if value is None:
        return 0
    return _bytes(value) if isinstance(value, str) else len(json.dumps(value))
