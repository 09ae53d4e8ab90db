"""The demo's world: the support desk of the examples, a bank for each side, tickets, a store.

The example's files are the demo's code. In a checkout they are read from ``examples/``, in an
installed package from the copy that the wheel carries.
"""

from __future__ import annotations

import importlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from stanchion.errors import ConfigurationError
from stanchion.values import Principal

__all__ = ["DemoTicket", "World", "example", "tickets"]

_PACKAGED = Path(__file__).parent / "support_desk"
_CHECKOUT = Path(__file__).parents[3] / "examples" / "support_desk"


@dataclass(frozen=True, slots=True)
class DemoTicket:
    """One ticket with its answer key."""

    id: str
    act: int
    account: str | None
    """The authenticated customer's account, None for a sender whom nobody authenticated."""
    body: str
    refund: str | None
    """What the bank must have paid to ``account`` in the end, None for nothing."""
    person: str
    """``needed`` if only a person can settle it, ``needless`` if one wasn't necessary, or empty."""

    @property
    def initiator(self) -> Principal:
        """The customer as the channel authenticated them."""
        claims = {"account": self.account} if self.account else {}
        return Principal(self.id, claims=claims)


def folder() -> Path:
    """Return the folder of the support desk's files."""
    for place in (_PACKAGED, _CHECKOUT):
        if (place / "desk.py").is_file():
            return place
    raise ConfigurationError(
        "the files of the support desk are missing", remedy="install stanchion again"
    )


def example(name: str) -> ModuleType:
    """Import one of the example's modules."""
    place = str(folder())
    if place not in sys.path:
        sys.path.insert(0, place)
    return importlib.import_module(name)


def tickets() -> list[DemoTicket]:
    """Return the shipped tickets, the eight of the acts first."""
    lines = (folder() / "tickets.jsonl").read_text(encoding="utf-8").splitlines()
    return [DemoTicket(**json.loads(line)) for line in lines if line.strip()]


@dataclass(frozen=True, slots=True)
class World:
    """Where one demo happens."""

    home: Path

    @property
    def store(self) -> str:
        """The address of the demo's ledger."""
        return f"sqlite:///{self.home / 'ledger.db'}"

    def bank(self, side: str, customers: list[DemoTicket]) -> Any:
        """Return a bank of its own for one side, with the customers' accounts."""
        bank = example("bank").Bank(self.home / f"bank-{side}.db")
        for ticket in customers:
            if ticket.account:
                bank.open_account(ticket.account, f"customer {ticket.account[-4:]}")
        return bank
