"""What a planner sees of values that nobody vouches for: handles, never the values.

A handle is random, of one run and one loop, and stands for one whole value with a type and a size.
It is resolved only as a whole argument, and the call is judged after that, with the argument's name
on it. To learn something from a hidden text a planner has it read by a model without tools, whose
answer fits a small schema and is hidden again; so no text that was read can tell the planner what
to do. The same handles come back on replay: they are made from a recorded secret, in order.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, cast

from stanchion.tools import Contract
from stanchion.trust import veil
from stanchion.values import Json

__all__ = ["Hidden", "Mode", "Quarantine", "Resolved"]

Mode: TypeAlias = Literal["quarantine", "off"]
"""What a planner sees of what nobody vouches for: handles, or the values as if it were trusted."""

_TOKEN = re.compile(r"\bh[0-9a-f]{12}\b")
_TYPES: Mapping[type, str] = {str: "text", bool: "boolean", int: "number", float: "number"}


@dataclass(frozen=True, slots=True)
class Hidden:
    """A value that a handle stands for."""

    value: Json
    source: str
    """The handle of the value that it was read out of; its own if it wasn't."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """Arguments with the values that their handles stand for."""

    arguments: Mapping[str, Any]
    handles: tuple[str, ...]
    """The arguments that had any."""


@dataclass(slots=True)
class Quarantine:
    """The hidden values of one loop."""

    secret: str
    hidden: dict[str, Hidden] = field(default_factory=dict[str, Hidden])

    def show(self, contract: Contract, result: Json) -> Json:
        """Return a tool's result as the planner sees it."""
        return veil(result, contract.returns, self.hide, trusted=contract.trusted)

    def hide(self, value: Json, source: str = "") -> Json:
        """Return what the planner sees instead of a value."""
        number = str(len(self.hidden)).encode()
        digest = hmac.new(self.secret.encode(), number, hashlib.sha256).hexdigest()
        token = f"h{digest[:12]}"
        self.hidden[token] = Hidden(value, source or token)
        shown: dict[str, Json] = {"handle": token, "type": _type_of(value)}
        if isinstance(value, str | list | dict):
            shown["size"] = len(cast("Sequence[Any]", value))
        return shown

    def cover(self, text: str, quoted: Sequence[str]) -> str:
        """Return a text of the code's in which what it quotes of others is hidden."""
        for each in quoted:
            if each in text:
                shown = json.dumps(self.hide(each))
                text = text.replace(each, shown)
        return text

    def resolve(self, arguments: Mapping[str, Any]) -> Resolved:
        """Return arguments with each text that is a handle, and nothing else, resolved."""
        names: list[str] = []
        given: dict[str, Any] = {}
        for name, value in arguments.items():
            used: list[str] = []
            given[name] = self._resolve(value, used)
            names += [name] if used else []
        return Resolved(given, tuple(names))

    def reveal(self, text: str) -> str:
        """Return a text for the initiator with the values that its handles stand for."""

        def value(match: re.Match[str]) -> str:
            found = self.hidden.get(match[0])
            return match[0] if found is None else str(found.value)

        return _TOKEN.sub(value, text)

    def _resolve(self, value: Any, used: list[str]) -> Any:
        token = _token(value)
        if token in self.hidden:
            used.append(token)
            return self.hidden[token].value
        if isinstance(value, Mapping):
            fields = cast("Mapping[str, Any]", value)
            return {key: self._resolve(each, used) for key, each in fields.items()}
        if isinstance(value, list):
            return [self._resolve(each, used) for each in cast("list[Any]", value)]
        return value


def _token(value: Any) -> str:
    """Return the handle that a value is, as a text or as it was shown; else an empty text."""
    if isinstance(value, Mapping):
        value = cast("Mapping[str, Any]", value).get("handle", "")
    return value if isinstance(value, str) else ""


def _type_of(value: Json) -> str:
    if isinstance(value, Mapping):
        return "object"
    return "list" if isinstance(value, list) else _TYPES.get(type(value), "null")
