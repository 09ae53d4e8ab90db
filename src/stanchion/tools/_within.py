"""The layer that keeps a model's call within what its initiator wants, and asks a person beyond.

Three questions about the exact call: do the initiator's words ask for such a thing, does its
content hold something to act on that nobody grounded (a link, an address, an account), and has the
lane looked up what only the initiator may read. Calls from code are the programmer's own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from stanchion.tools._contract import Contract
from stanchion.tools._gateway import Layer, Next, note
from stanchion.tools._ground import Known
from stanchion.trust import GROUNDED, ValueIndex, actionable
from stanchion.values import Json, ToolCall, ToolResult

__all__ = ["within"]


def within(contract: Contract, known: Known) -> Layer:
    """Note ``ask`` for what goes beyond the request."""
    reaches_out = bool(contract.content) or (contract.effect == "read" and bool(contract.targets))

    async def layer(call: ToolCall, proceed: Next) -> ToolResult:
        if call.origin == "code" or not (contract.asked or reaches_out):
            return await proceed(note(call, "within", "pass"))
        index = await known()
        arguments: dict[str, Json] = json.loads(contract.encode_arguments(call.arguments))
        for why in _beyond(contract, index, arguments, reaches_out=reaches_out):
            return await proceed(note(call, "within", "ask", why))
        return await proceed(note(call, "within", "pass", "within the request"))

    return layer


def _beyond(
    contract: Contract, index: ValueIndex, arguments: dict[str, Json], *, reaches_out: bool
) -> Iterator[str]:
    own = _is_to_initiator(contract, index, arguments)
    if contract.asked is not None and not own and not index.asks_for(contract.asked):
        yield f"the initiator's words don't ask for {contract.name}"
    for name in sorted(contract.content):
        for kind, found in actionable(arguments.get(name)):
            if index.ground(found, kind) not in GROUNDED:
                yield f"{name} holds {_A[kind]} that nobody vouches for"
    if reaches_out and index.has_private and not own:
        yield "what was looked up is for the initiator alone"


_A = {"email": "an address", "link": "a link", "account": "an account", "phone": "a phone number"}


def _is_to_initiator(contract: Contract, index: ValueIndex, arguments: dict[str, Json]) -> bool:
    given = [arguments[name] for name in contract.targets if arguments.get(name)]
    return bool(given) and all(map(index.is_own, given))
