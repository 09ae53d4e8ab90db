"""Models whose next answer follows from the conversation, so that a restart changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stanchion.models import ModelRequest, ScriptedModel
from stanchion.models._scripted import Scripted
from stanchion.values import Json, ToolCallPart, ToolResponsePart


def model(*answers: Scripted) -> ScriptedModel:
    """Return a model that says, in its n-th turn of any conversation, the n-th of the answers."""

    def answer(request: ModelRequest) -> Scripted:
        return answers[sum(message.role == "assistant" for message in request.messages)]

    return ScriptedModel(answer)


def pay(amount: int, call: str = "c", account: str = "111", tool: str = "pay_with_key") -> Any:
    """Return a proposal to pay."""
    return ToolCallPart(call, tool, {"account": account, "amount": amount})


def read_by(scripted: ScriptedModel, *, turn: int = -1) -> Sequence[Json]:
    """Return the tool responses that a model had read in one of its calls, in order."""
    messages = scripted.requests[turn].messages
    parts = [part for message in messages for part in message.parts]
    return [part.response for part in parts if isinstance(part, ToolResponsePart)]
