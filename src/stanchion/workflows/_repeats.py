"""The layer for writes that a model proposes again: told, joined, or put in front of a person.

The first time a model proposes what was made already it reads the recorded result and a notice.
When it insists, a person is asked "again?", and only that mints another key. Two lanes that propose
the same at once make it once: the second waits for the first and is told. What a person refused
stays refused.
"""

from __future__ import annotations

import json

from stanchion.ledger import Place
from stanchion.tools import Contract, Layer, Next, note, stop
from stanchion.values import Action, Json, ToolCall, ToolError, ToolResult
from stanchion.workflows._incarnation import Incarnation, StepScope
from stanchion.workflows._writes import Identity, Made, digest_of

__all__ = ["AGAIN", "notice_of", "once"]

AGAIN = "this exact call was made before in this run, and the model proposes it once more"
_EDITED = "a person changed this call before it was made; made_with has the arguments used"
_MADE = (
    "this exact call was made before in this run and isn't made again; result is what came of it"
)
_FINAL = f"{_MADE}; a person decided against repeating it"


def once(scope: StepScope, contract: Contract) -> Layer:
    """Let a write through if a model hasn't had it made before in this run."""
    writes = scope.incarnation.writes

    async def layer(call: ToolCall, proceed: Next) -> ToolResult:
        proposed = digest_of(contract, call.arguments)
        identity = (contract.name, proposed)
        scope.opening["proposed"] = proposed.hex()
        if call.origin == "code":
            writes.hold(identity, scope.place)
            return await proceed(call)
        await _take_turn(scope, identity)
        if writes.is_denied(identity):
            return stop(call, "repeat", _DENIED)
        made = writes.last(identity)
        if made is None:
            return await proceed(call)
        scope.facts["repeats"] = proposed.hex()
        if made.told and not made.final:
            return await proceed(note(call, "repeat", "ask", AGAIN))
        return await _told(scope, contract, call, made)

    return layer


async def _take_turn(scope: StepScope, identity: Identity) -> None:
    """Wait until no other lane is on the way with the same call."""
    writes, conductor = scope.incarnation.writes, scope.incarnation.conductor
    while writes.is_held(identity, besides=scope.place):
        if not await conductor.stand_by(scope.place):
            writes.take_over(identity)
    writes.hold(identity, scope.place)


async def _told(scope: StepScope, contract: Contract, call: ToolCall, made: Made) -> ToolResult:
    result = contract.decode_result(await _read(scope.incarnation, made.result))
    return ToolResult(result, verdicts=note(call, "repeat", "pass", "from the record").verdicts)


async def notice_of(incarnation: Incarnation, place: Place) -> dict[str, Json]:
    """Return what a model should know of how its call at a place was made, if anything."""
    writes, said = incarnation.writes, ""
    repeated = writes.repeated(place)
    if repeated is not None:
        place, is_final = repeated
        said = _FINAL if is_final else _MADE
    sent = writes.sent_otherwise(place)
    if sent is None:
        return {"notice": said} if said else {}
    notice = f"{said}; {_EDITED}" if said else _EDITED
    return {"notice": notice, "made_with": json.loads(await _read(incarnation, sent))}


async def _read(incarnation: Incarnation, digest: bytes) -> bytes:
    found = await incarnation.host.store.payloads(incarnation.record.tenant, [digest])
    return found[digest]


_DENIED = ToolError(
    code="denied",
    problem="a person denied exactly this call before in this run",
    action=Action.STOP,
    do_not="do not make this call again, in this or another form",
)
