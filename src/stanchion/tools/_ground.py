"""The layer that holds a model to what it was told: no invented target.

An argument that says on whom or what a tool acts must be the initiator's own literal, or come from
a trusted look-up that was itself grounded. Anything else isn't sent: the user is asked. Calls from
code are the programmer's own derivation and pass, which is recorded.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from types import NoneType
from typing import Any, TypeAlias

from stanchion.tools._contract import Contract
from stanchion.tools._errors import ask_for_target
from stanchion.tools._gateway import Layer, Next, note, stop
from stanchion.trust import GROUNDED, Ground, ValueIndex
from stanchion.values import ToolCall, ToolResult

__all__ = ["Known", "ground"]

Known: TypeAlias = Callable[[], Awaitable[ValueIndex]]
"""Gives the values that the run has seen up to now."""

_JSON = {str, int, float, NoneType}
_WHY: dict[Ground, str] = {
    "several": "fits several records, and the user's words don't say which",
    "untrusted": "comes from where nobody vouches for it",
    "unknown": "was neither given by the user nor looked up by what they gave",
}


def ground(contract: Contract, known: Known) -> Layer:
    """Refuse a model's call whose target arguments aren't grounded."""

    async def layer(call: ToolCall, proceed: Next) -> ToolResult:
        if call.origin == "code":
            return await proceed(note(call, "ground", "pass", "called by code"))
        if (name := _misplaced(contract, call)) is not None:
            error = ask_for_target("ungrounded", name, f"{name} {_WHY['untrusted']}")
            return stop(call, "ground", error)
        if not contract.targets:
            return await proceed(note(call, "ground", "pass", "no targets"))
        index = await known()
        sent = _as_json(contract, call.arguments)
        # An imported tool's optional target may be left out: then the server chooses, as declared.
        grounds: dict[str, Ground] = {
            name: _ground(contract, index, name, sent[name])
            for name in contract.targets
            if name in sent
        }
        for name, found in grounds.items():
            if found not in GROUNDED:
                error = ask_for_target("ungrounded", name, f"{name} {_WHY[found]}")
                return stop(call, "ground", error)
        why = ", ".join(f"{name}: {found}" for name, found in grounds.items())
        return await proceed(note(call, "ground", "pass", why))

    return layer


def _misplaced(contract: Contract, call: ToolCall) -> str | None:
    """Name an argument that may not be a value which nobody vouches for, and is one.

    A read may be asked for anything, unless it reaches out; a write takes such values as content.
    """
    reads = contract.effect == "read"
    allowed = set(contract.arguments.names) - set(contract.targets) if reads else contract.content
    return next((name for name in call.handles if name not in allowed), None)


def _as_json(contract: Contract, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the arguments as JSON; most targets are that already."""
    if all(type(arguments.get(name)) in _JSON for name in contract.targets):
        return arguments
    return json.loads(contract.encode_arguments(arguments))


def _ground(contract: Contract, index: ValueIndex, name: str, value: Any) -> Ground:
    if contract.is_default(name, value):
        return "default"
    return index.ground(value, contract.role_of(name), contract.asked)
