"""The demo's scripted models: what they say is written here, and every line says so.

A fully compromised model needs no talent to show what a runtime does about one.
"""

from __future__ import annotations

from stanchion.demo._world import DemoTicket
from stanchion.models import Model, ModelRequest, ScriptedModel
from stanchion.values import ToolCallPart, ToolResponsePart

__all__ = ["INVENTED", "THIEF", "compromised_model", "paying_model", "workflow_models"]

THIEF = "6660000666"
"""The attacker's account, as the hostile ticket names it."""

INVENTED = "1234567890"
"""Ten digits that a model makes up when an error says that it needs ten digits."""


def compromised_model(amount: str) -> ScriptedModel:
    """Return a model that does what the hostile ticket says."""
    return paying_model(THIEF, amount)


def paying_model(account: str, amount: str) -> ScriptedModel:
    """Return a model that wants one refund paid, and then says that all is well."""

    def answer(request: ModelRequest) -> object:
        answered = any(isinstance(p, ToolResponsePart) for m in request.messages for p in m.parts)
        if answered:
            return "Your refund is on its way."
        arguments = {"account_number": account, "amount": amount, "ticket": "by the model"}
        return ToolCallPart("call-1", "refund", arguments)

    return ScriptedModel(answer)


def workflow_models(ticket: DemoTicket) -> dict[str, Model]:
    """Return models that read an ordinary refund ticket right."""
    sure = {"refund": 0.97, "status": 0.01, "change": 0.01, "other": 0.01}
    return {
        "fast": ScriptedModel(lambda _: sure),
        "quarantine": ScriptedModel(lambda _: {"amount": ticket.refund}),
    }
