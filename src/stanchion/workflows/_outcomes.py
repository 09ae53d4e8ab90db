"""Errors on their way through the ledger: the same class, message and facts after replay."""

from __future__ import annotations

import json
from typing import Any

from stanchion.errors import (
    BudgetExceeded,
    Denied,
    Expired,
    ModelFailed,
    Refused,
    StepError,
    StepFailed,
    ToolFailed,
)
from stanchion.ledger import Payload, codec_for, payload
from stanchion.values import Action, ToolError

__all__ = ["decode_error", "encode_error", "tool_error_of"]

_CLASSES: dict[str, type[StepError]] = {
    c.code: c
    for c in (
        StepError,
        ToolFailed,
        Refused,
        Denied,
        Expired,
        BudgetExceeded,
        StepFailed,
        ModelFailed,
    )
}


def encode_error(error: StepError) -> Payload:
    """Encode a step's error; its facts must be JSON."""
    record: dict[str, Any] = {
        "code": error.code,
        "message": error.message,
        "remedy": error.remedy,
        "facts": dict(error.facts),
    }
    return payload(record, what=f"the facts of {error.code}")


def decode_error(recorded: Payload) -> StepError:
    """Return the error as a workflow sees it, live and on replay."""
    data = json.loads(recorded.data)
    kind = _CLASSES.get(data["code"], StepError)
    return kind(data["message"], remedy=data["remedy"], **data["facts"])


def tool_error_of(error: StepError) -> ToolError:
    """Return what a model is told of a call that ended so."""
    recorded = error.facts.get("error")
    if recorded is None:
        return ToolError(error.code, error.message, Action.STOP)
    return codec_for(ToolError).decode(payload(recorded).data)
