"""Errors on their way through the ledger: the same class, message and facts after replay."""

from __future__ import annotations

import json
from typing import Any

from stanchion.errors import (
    Denied,
    Expired,
    ModelFailed,
    Refused,
    StepError,
    StepFailed,
    ToolFailed,
)
from stanchion.ledger import Payload, payload

__all__ = ["decode_error", "encode_error"]

_CLASSES: dict[str, type[StepError]] = {
    c.code: c for c in (StepError, ToolFailed, Refused, Denied, Expired, StepFailed, ModelFailed)
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
