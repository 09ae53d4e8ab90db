"""A large result as the window shows it: its type, its size, its shape and how it begins.

The whole stays in the ledger; the handle is what a model reads it by, part by part.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from typing import cast

from stanchion.values import Json

__all__ = ["handle_of", "preview"]

_PER_TOKEN = 3
"""Characters that are surely no more than a token each, on average."""
_KEYS = 12


def handle_of(secret: str, result: bytes) -> str:
    """Return the handle of a result in a run: nobody outside of the run could have named it."""
    return f"result-{hmac.new(secret.encode(), result, hashlib.sha256).hexdigest()[:12]}"


def preview(value: Json, handle: str, tokens: int) -> dict[str, Json]:
    """Return what is shown instead of a value, in about so many tokens."""
    room = max(40, tokens * _PER_TOKEN - 120)
    shown: dict[str, Json] = {"handle": handle, **_shape(value), "begins": _text(value)[:room]}
    shown["note"] = "only the beginning; read_result(handle) has the rest"
    return shown


def _shape(value: Json) -> dict[str, Json]:
    match value:
        case str():
            return {"type": "text", "characters": len(value), "lines": value.count("\n") + 1}
        case Mapping():
            fields = {str(k): _kind(v) for k, v in list(value.items())[:_KEYS]}
            return {"type": "object", "members": len(value), "fields": fields}
        case list() | tuple():
            items = cast("Sequence[Json]", value)
            return {"type": "list", "items": len(items), "of": _kind(items[0]) if items else ""}
        case _:
            return {"type": _kind(value)}


def _kind(value: Json) -> str:
    match value:
        case str():
            return f"text of {len(value)} characters" if len(value) > 40 else "text"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case Mapping():
            return f"object ({', '.join(map(str, list(value)[:_KEYS]))})"
        case list() | tuple():
            return f"list of {len(cast('Sequence[Json]', value))}"
        case _:
            return "null"


def _text(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
