"""A small world for workflow tests: a bank in memory, its tools, and what was sent to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from stanchion import CallContext, DidNotHappen, Happened, NotPerformed, tool


@dataclass
class Bank:
    """Remembers what it was asked to do; can be told to lose answers."""

    balances: dict[str, int] = field(default_factory=lambda: {"111": 100, "222": 50})
    sent: list[tuple[str, str, int]] = field(default_factory=list[tuple[str, str, int]])
    """Every request that arrived: key, account, amount."""
    done: dict[str, str] = field(default_factory=dict[str, str])
    """Receipts by key."""
    looked_up: int = 0
    lose_answers: int = 0
    refuse: bool = False

    def pay(self, key: str, account: str, amount: int) -> str:
        self.sent.append((key, account, amount))
        receipt = self.done.setdefault(key, f"receipt {len(self.done) + 1}")
        if self.lose_answers:
            self.lose_answers -= 1
            raise ConnectionResetError("the answer got lost")
        return receipt


@tool(read=True, trusted=True)
async def balance(call: CallContext[Bank], account: str) -> int:
    """Look up an account's balance.

    Args:
        account: The account's number.
    """
    call.deps.looked_up += 1
    return call.deps.balances[account]


@tool(write=True, trusted=True, accepts_key=True, targets={"account"}, retries=2)
async def pay_with_key(call: CallContext[Bank], account: str, amount: int) -> str:
    """Pay money out; the bank knows a repeated key.

    Args:
        account: The account's number.
        amount: Whole euros.
    """
    call.check_deadline()
    if call.deps.refuse:
        raise NotPerformed("the bank refused")
    return call.deps.pay(call.key, account, amount)


async def find_payment(call: CallContext[Bank], account: str) -> Happened[str] | DidNotHappen:
    """Ask the bank whether it knows the payment."""
    receipt = call.deps.done.get(call.key)
    return DidNotHappen() if receipt is None else Happened(receipt)


@tool(
    write=True,
    trusted=True,
    reconcile=find_payment,
    targets={"account"},
    timeout=timedelta(seconds=2),
)
async def pay_and_reconcile(call: CallContext[Bank], account: str, amount: int) -> str:
    """Pay money out; the bank can be asked whether it did.

    Args:
        account: The account's number.
        amount: Whole euros.
    """
    return call.deps.pay(call.key, account, amount)


@tool(write=True, trusted=True, targets={"account"})
async def pay_blindly(call: CallContext[Bank], account: str, amount: int) -> str:
    """Pay money out; nobody can tell afterwards.

    Args:
        account: The account's number.
        amount: Whole euros.
    """
    return call.deps.pay(call.key, account, amount)
