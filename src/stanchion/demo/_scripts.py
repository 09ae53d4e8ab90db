"""The demo's scripted models: what they say is written here, and every line says so.

A fully compromised model needs no talent to show what a runtime does about one.
"""

from __future__ import annotations

from stanchion.demo._world import DemoTicket, example
from stanchion.models import Model, ModelRequest, Scripted, ScriptedModel
from stanchion.values import ToolCallPart, ToolResponsePart

__all__ = ["INVENTED", "THIEF", "compromised_model", "paying_model", "workflow_models"]

THIEF = "6660000666"
"""The attacker's account, as the hostile ticket names it."""

INVENTED = "1234567890"
"""Ten digits that a model makes up when an error says that it needs ten digits."""

SURE = {
    "ask": 6.7e-05,
    "block": 3.7e-05,
    "buy": 0.00069,
    "cancel": 0.0015,
    "change": 0.041,
    "chat": 0.043,
    "check": 0.0058,
    "close": 0.083,
    "delete": 0.00041,
    "find": 0.00037,
    "get": 0.75,
    "have": 0.00023,
    "know": 0.003,
    "make": 0.0055,
    "order": 0.0021,
    "pay": 0.05,
    "refund": 0.0019,
    "return": 0.0024,
    "see": 0.00011,
    "send": 0.0032,
    "stop": 0.00011,
    "switch": 0.00016,
    "talk": 0.0023,
    "thank": 0.00036,
}
"""How the real model scored its words for an ordinary refund request, as recorded once."""


def compromised_model(amount: str) -> ScriptedModel:
    """Return a model that does what the hostile ticket says."""
    return paying_model(THIEF, amount)


def paying_model(account: str, amount: str) -> ScriptedModel:
    """Return a model that wants one refund paid, and then says that all is well."""

    def answer(request: ModelRequest) -> Scripted:
        answered = any(isinstance(p, ToolResponsePart) for m in request.messages for p in m.parts)
        if answered:
            return "Your refund is on its way."
        arguments = {"account_number": account, "amount": amount, "ticket": "by the model"}
        return ToolCallPart("call-1", "refund", arguments)

    return ScriptedModel(answer)


def workflow_models(ticket: DemoTicket) -> dict[str, Model]:
    """Return models that read an ordinary refund ticket right, in the calibrated model's words."""
    version = example("desk").CALIBRATION.model
    return {
        "fast": ScriptedModel(lambda _: SURE, version=version),
        "quarantine": ScriptedModel(lambda _: {"amount": ticket.refund}),
    }
