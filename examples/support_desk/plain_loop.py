"""The loop that most agents start as: ask the model, do what it says, repeat. For comparison only.

No contract, no record, no bound: the model's arguments go straight to the bank, an error goes back
to the model as text, and whoever restarts it after a crash starts from the beginning.
"""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any

from bank import Bank

from stanchion.models import Model, ModelRequest
from stanchion.values import Message, TextPart, ToolCallPart, ToolResponsePart


async def plain_loop(model: Model, bank: Bank, ticket: str, body: str) -> str:
    """Handle a ticket as told by the model."""
    messages = [Message("user", (TextPart(body),))]
    for _ in range(10):
        answer = (await model.complete(ModelRequest(tuple(messages)))).message
        messages.append(answer)
        calls = [part for part in answer.parts if isinstance(part, ToolCallPart)]
        if not calls:
            return "".join(part.content for part in answer.parts if isinstance(part, TextPart))
        for call in calls:
            said = do(bank, ticket, call.arguments)
            messages.append(Message("tool", (ToolResponsePart(call.id, said),)))
    return "gave up"


def do(bank: Bank, ticket: str, arguments: Any) -> str:
    """Pay what the model wants paid."""
    account = str(arguments["account_number"])
    if not (account.isdigit() and len(account) == 10):
        return "error: account_number must be exactly 10 digits"
    bank.refund(uuid.uuid4().hex, account, Decimal(str(arguments["amount"])), ticket)
    return "paid"
