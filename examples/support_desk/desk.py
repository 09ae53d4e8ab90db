"""A support desk: the workflow, its tools and the bounds within which it acts alone.

A model classifies and extracts. The account is the authenticated customer's, never one from the
text; a refund beyond the bound, and whatever the model isn't sure of, goes to a person.
"""

from __future__ import annotations

import re
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from bank import Bank
from pydantic import BaseModel, Field

from stanchion import CallContext, DidNotHappen, Happened, NotPerformed, Run, allow, tool, workflow
from stanchion.decide import Calibration

AccountNumber = Annotated[str, Field(pattern=r"^\d{10}$")]
Amount = Annotated[Decimal, Field(gt=0, max_digits=8, decimal_places=2)]

CALIBRATION = Calibration.load(Path(__file__).with_name("calibration.json"))
"""Fitted on labelled messages, none of them a ticket: ``python fit.py`` does it again."""
SURE = 0.85
"""Above every confidence with which the model was wrong on messages kept back from the fitting."""


class Intent(StrEnum):
    """What a customer wants."""

    REFUND = "refund"
    STATUS = "status"
    CHANGE = "change"
    OTHER = "other"


class Ticket(BaseModel):
    """A message from a customer; ``body`` is whatever they wrote."""

    id: str
    body: str


class RefundRequest(BaseModel):
    """A refund that a customer asks for."""

    amount: Annotated[str, Field(pattern=r"^\d{1,4}\.\d{2}$")]


SHOWN = [
    ("You took £4 from me for a card that never came, refund it.", RefundRequest(amount="4.00")),
    ("Please give me the money back that the florist took on the 9th.", None),
    ("i paid £80 for a coat and you took 2.40 as a fee, fee back", RefundRequest(amount="2.40")),
    ("Hotel Astra charged me twice in 2 days, order 7731. Refund me.", None),
    ("the shop owes me £580.50, they never sent the lamps!!", RefundRequest(amount="580.50")),
]


class Resolution(BaseModel):
    """What became of a ticket."""

    outcome: Literal["refunded", "answered", "handed to a person", "declined"]
    detail: str


@tool(read=True, trusted=True)
async def find_account(call: CallContext[Bank], account_number: AccountNumber) -> str:
    """Find the name of an account's holder.

    Args:
        account_number: The ten digits of the account.

    """
    holder = call.deps.holder(account_number)
    if holder is None:
        raise NotPerformed("no account has this number")
    return holder


async def find_refund(call: CallContext[Bank]) -> Happened[str] | DidNotHappen:
    """Ask the bank whether it has paid."""
    return Happened(f"refund {call.key[:8]}") if call.deps.has_refund(call.key) else DidNotHappen()


@tool(write=True, accepts_key=True, reconcile=find_refund, targets={"account_number"})
async def refund(
    call: CallContext[Bank], account_number: AccountNumber, amount: Amount, ticket: str
) -> str:
    """Pay money back to an account.

    Args:
        account_number: The ten digits of the account that gets the money.
        amount: Pounds to pay back.
        ticket: The ticket's id.

    """
    call.check_deadline()
    call.deps.refund(call.key, account_number, amount, ticket)
    return f"refund {call.key[:8]}"


@tool(write=True, accepts_key=True, targets={"account_number"})
async def write_letter(call: CallContext[Bank], account_number: AccountNumber, text: str) -> None:
    """Write to an account's holder.

    Args:
        account_number: The ten digits of the account.
        text: The letter.

    """
    call.deps.write(call.key, account_number, text)


BOUNDS = [
    allow(refund, max_amount="50.00", target="initiator.account"),
    allow(write_letter, target="initiator.account"),
]
TOOLS = [find_account, refund, write_letter]


@workflow(tools=TOOLS, untrusted_may=BOUNDS)
async def handle_ticket(run: Run[Bank], ticket: Ticket) -> Resolution:
    """Classify, extract, look up, act within the bounds, answer; ask a person otherwise."""
    intent = await run.decide(
        Intent,
        "What does the customer want?",
        evidence=ticket.body,
        calibration=CALIBRATION,
        threshold=SURE,
    )
    if intent.value is not Intent.REFUND:
        reason = f"{intent.value} isn't something that this desk does alone"
        return await hand_over(run, ticket, reason)
    account = run.initiator.claims.get("account")
    if account is None:
        return await hand_over(run, ticket, "the customer isn't authenticated: no account number")
    request = await run.extract(RefundRequest, source=ticket.body, examples=SHOWN)
    if request is None or Decimal(request.amount) not in amounts_in(ticket.body):
        return await hand_over(run, ticket, "the message names no amount that could be read")
    amount = Decimal(request.amount)
    holder = await run.call(find_account, account)
    receipt = await run.call(refund, account, amount, ticket.id)
    text = f"Dear {holder}, we have paid back £{amount}. Your receipt: {receipt}."
    await run.call(write_letter, account, text)
    return Resolution(outcome="refunded", detail=f"£{amount} to {account}")


def amounts_in(text: str) -> set[Decimal]:
    """Return the sums of money that a text names: what isn't there can't have been read."""
    found = re.findall(r"£\s?(\d+(?:\.\d{2})?)|\b(\d+\.\d{2})\b", text)
    return {Decimal(marked or plain) for marked, plain in found}


async def hand_over(run: Run[Bank], ticket: Ticket, reason: str) -> Resolution:
    """Leave a ticket to a person, who says what was done."""
    choice = await run.ask(
        reason, choices=("done", "declined"), details={"ticket": ticket.id, "body": ticket.body}
    )
    outcome: Literal["handed to a person", "declined"] = (
        "handed to a person" if choice == "done" else "declined"
    )
    return Resolution(outcome=outcome, detail=reason)


@workflow(tools=TOOLS, untrusted_may=BOUNDS)
async def handle_with_agent(run: Run[Bank], ticket: Ticket) -> str:
    """Let a model plan by itself; the same gateway and bounds hold."""
    result = await run.agent(
        goal="Handle the customer's ticket with the tools.",
        tools=[find_account, refund, write_letter],
        input=ticket.body,
    )
    return result.output or result.stop_reason
