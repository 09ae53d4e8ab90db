"""Model calls as steps: the prompt stored as chains, the answer with its facts, usage and cost.

A model step is compared on replay by role, schema, choices and tools. Which model answered, what
exactly it was sent and what that cost are facts of the record.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from stanchion.context import Calibration, check_pinned
from stanchion.errors import EncodingError, ModelError, ModelFailed
from stanchion.ledger import (
    Document,
    Sections,
    Settlement,
    codec_for,
    pack_message,
    payload,
)
from stanchion.models import (
    ModelRequest,
    ModelResponse,
    TokenChoice,
    ToolSpec,
    check_real_calls,
    price,
)
from stanchion.values import FinishReason, Json, Message, Usage
from stanchion.workflows._budget import NANOS
from stanchion.workflows._incarnation import Incarnation, StepScope
from stanchion.workflows._metering import Meter

__all__ = ["ModelCall", "call_model"]


@dataclass(frozen=True, slots=True)
class ModelCall:
    """What a workflow's node asks of a role."""

    role: str
    sections: Sections
    tools: tuple[ToolSpec, ...] = ()
    schema: Mapping[str, Any] | None = None
    choices: tuple[str, ...] = ()
    max_tokens: int = 1024
    temperature: float = 0.0
    seed: int | None = None
    pinned: tuple[str, ...] = ()
    """Texts that must be in the prompt word for word; without one of them nothing is sent."""
    window: Mapping[str, Json] = field(default_factory=dict[str, "Json"])
    """How the prompt came about, for the record."""
    documents: tuple[Document, ...] = ()
    """What can be searched for once the call is recorded."""
    own_tools: tuple[ToolSpec, ...] = ()
    """The runtime's, beside the workflow's; replay doesn't compare them."""

    def request(self) -> ModelRequest:
        """Return the request as the model gets it."""
        messages = tuple(m for section in self.sections.values() for m in section)
        return ModelRequest(
            messages,
            (*self.tools, *self.own_tools),
            self.schema,
            self.choices,
            self.max_tokens,
            self.temperature,
            self.seed,
        )

    def compared(self) -> dict[str, Any]:
        """Return what replay compares."""
        return {
            "role": self.role,
            "schema": self.schema,
            "choices": list(self.choices),
            "tools": [t.name for t in self.tools],
        }


@dataclass(frozen=True, slots=True)
class _Stored:
    """A response as recorded; its message is a payload of its own, as in later prompts.

    Fields that say nothing are left out of the record.
    """

    message: str
    usage: Usage = Usage()
    finish_reason: FinishReason = FinishReason.STOP
    model: str = ""
    provider: str = ""
    response_id: str = ""
    tokens: tuple[TokenChoice, ...] = ()
    choices: tuple[tuple[str, float], ...] = ()
    attempts: tuple[str, ...] = ()


_stored = codec_for(_Stored)
_record = codec_for(dict[str, Any])


async def call_model(incarnation: Incarnation, call: ModelCall) -> ModelResponse:
    """Call the model of a role, or return the recorded answer. Raises ModelFailed."""

    async def body(scope: StepScope) -> dict[str, Any]:
        model = incarnation.host.model(call.role)
        check_pinned(call.pinned, call.sections)
        scope.documents = call.documents
        check_real_calls(model.name, real=model.real)
        meter = None if incarnation.purse is None else Meter(scope, incarnation.purse)
        started = time.monotonic()
        try:
            asked = model if meter is None else meter.over(model)
            response = await asked.complete(call.request())
        except ModelError as error:
            _account(scope, incarnation, call, error.facts.get("usage", Usage()), None, meter=meter)
            raise ModelFailed(
                f"the model for {call.role!r} failed: {error.message}",
                remedy=error.remedy,
                type=error.code,
            ) from error
        cost = price(model, response, own=incarnation.host.prices)
        amount = None if cost is None else cost.amount
        message, *shared = pack_message(response.message)
        _account(
            scope, incarnation, call, response.usage, amount, meter=meter, answer=message.digest
        )
        scope.payloads = (*scope.payloads, message, *shared)
        scope.facts |= _facts(model.name, response, real=model.real)
        if call.window:
            scope.facts["window"] = call.window
            _learn(incarnation, model.name, call, response)
        scope.facts["seconds"] = round(time.monotonic() - started, 3)
        scope.facts["message"] = message.digest.hex()
        incarnation.replayed.keep(message.digest, response.message)
        return _store(response, message.digest.hex())

    request = payload(call.compared())
    try:
        recorded = await incarnation.perform("model", call.role, request, _record, body)
    except EncodingError:
        incarnation.prompts.distrust()
        raise
    stored = _stored.decode(payload(recorded).data, what="a model's answer")
    return _response(stored, await incarnation.replayed.message(bytes.fromhex(stored.message)))


def _account(
    scope: StepScope,
    incarnation: Incarnation,
    call: ModelCall,
    usage: Usage,
    cost: Decimal | None,
    *,
    meter: Meter | None,
    answer: bytes | None = None,
) -> None:
    record = incarnation.prompts.record(call.sections, answer)
    scope.payloads = record.payloads
    scope.facts["prompt"] = record.facts
    if meter is not None:
        scope.settlement = meter.bill
        return
    scope.settlement = Settlement(
        model_calls=1,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cost_nanos=0 if cost is None else int(cost * NANOS),
        unpriced_calls=int(cost is None),
    )


def _learn(incarnation: Incarnation, model: str, call: ModelCall, response: ModelResponse) -> None:
    """Note how far the count of a prompt was off, unless the model was asked several times."""
    counted = call.window.get("counted", 0)
    if isinstance(counted, int) and not response.attempts:
        known = incarnation.host.calibrations.setdefault(model, Calibration())
        known.learn(counted, response.usage.input_tokens)


def _facts(name: str, response: ModelResponse, *, real: bool) -> dict[str, Json]:
    usage = response.usage
    return {
        "requested": name,
        "model": response.model,
        "provider": response.provider,
        "real": real,
        "finish": response.finish_reason.value,
        "usage": {k: getattr(usage, k) for k in Usage.__slots__ if getattr(usage, k)},
    }


def _store(response: ModelResponse, message: str) -> dict[str, Any]:
    stored = _Stored(
        message,
        response.usage,
        response.finish_reason,
        response.model,
        response.provider,
        response.response_id,
        response.tokens,
        response.choices,
        response.attempts,
    )
    said = json.loads(_stored.encode(stored, what="a model's answer").data)
    said["usage"] = {name: count for name, count in said["usage"].items() if count}
    return {name: value for name, value in said.items() if value}


def _response(stored: _Stored, message: Message) -> ModelResponse:
    return ModelResponse(
        message,
        stored.usage,
        stored.finish_reason,
        stored.model,
        stored.provider,
        stored.response_id,
        stored.tokens,
        stored.choices,
        stored.attempts,
    )
