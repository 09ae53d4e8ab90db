"""Tools of every kind over a bank in memory, for the tests of this room and its neighbours."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import StringConstraints

from stanchion.tools import (
    CallContext,
    CantTell,
    DidNotHappen,
    Happened,
    NotPerformed,
    Tool,
    tool,
)
from stanchion.values import Money

AccountNumber = Annotated[str, StringConstraints(pattern=r"^\d{10}$")]

ACCOUNT = "1234567890"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Account:
    """A customer's account."""

    number: str
    owner: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """Proof of a payment."""

    id: str
    amount: Money


@dataclass
class Bank:
    """What the bank has done, by idempotency key."""

    paid: dict[str, Receipt] = field(default_factory=dict[str, Receipt])


@tool(read=True, trusted=True, targets=["account_number"])
async def find_account(account_number: AccountNumber) -> Account:
    """Look up an account.

    Args:
        account_number: The account's number.
    """
    return Account(account_number, "Ada")


async def find_refund(call: CallContext[Bank]) -> Happened[Receipt] | DidNotHappen | CantTell:
    """Ask the bank about a key."""
    paid = call.deps.paid.get(call.key)
    return DidNotHappen() if paid is None else Happened(paid)


@tool(
    write=True,
    accepts_key=timedelta(hours=24),
    reconcile=find_refund,
    targets={"account_number": Account.number},
)
async def refund(
    call: CallContext[Bank], account_number: AccountNumber, amount: Money, reason: str = "goodwill"
) -> Receipt:
    """Pay money back to a customer.

    Args:
        account_number: The customer's account.
        amount: How much to pay back.
        reason: Why, for the books.
    """
    call.check_deadline()
    return call.deps.paid.setdefault(call.key, Receipt(call.key[:8], amount))


@tool(write=True, reconcile=find_refund, retries=2)
async def transfer(account_number: str) -> Receipt:
    """Move money.

    Args:
        account_number: Where to.
    """
    raise NotPerformed(f"closed: {len(account_number)}")


@tool(write=True, accepts_key=True, retries=2)
async def charge(account_number: str) -> Receipt:
    """Take money.

    Args:
        account_number: Where from.
    """
    raise NotPerformed(f"closed: {len(account_number)}")


@tool(write=True)
async def send_letter(text: str) -> None:
    """Post a letter.

    Args:
        text: What it says.
    """
    raise ConnectionResetError(text)


async def _release(result: str) -> None:
    del result


@tool(write=True, compensate=_release)
async def hold(days: int) -> str:
    """Hold an amount.

    Args:
        days: For how long.
    """
    return f"held for {days} days"


def context(deps: Any = None, *, key: str = "k", now: datetime = NOW) -> CallContext[Any]:
    """Make a context whose clock stands still at ``now`` and whose deadline is NOW + 30 s."""
    return CallContext(
        key=key,
        epoch=1,
        attempt=1,
        deadline=NOW + timedelta(seconds=30),
        run="run-1",
        deps=deps,
        clock=lambda: now,
    )


ALL_TOOLS: tuple[Tool[..., Any], ...] = (find_account, refund, transfer, charge, send_letter, hold)
