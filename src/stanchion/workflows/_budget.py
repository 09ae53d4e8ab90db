"""Budgets as they are declared: how much may be spent, by whom, in what time.

Values alone. Amounts are whole numbers of named quantities, which is all that the ledger's accounts
know of them: US dollars count in billionths.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Literal, TypeAlias

from stanchion.errors import ConfigurationError
from stanchion.ledger import RunRecord, Settlement

__all__ = [
    "NANOS",
    "SECONDS",
    "USD",
    "Amounts",
    "Budget",
    "Ceiling",
    "amounts_of",
    "read_amount",
    "shown_amount",
]

NANOS = Decimal(1_000_000_000)
USD, SECONDS = "usd", "seconds"
COUNTS = ("tokens", "model_calls", "tool_calls", "steps")

Amounts: TypeAlias = Mapping[str, int]
"""How much of each quantity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How much one run, with its children and whatever it retries, may use. None is no ceiling."""

    usd: Decimal | str | int | None = None
    tokens: int | None = None
    """Read and written, cached ones included."""
    model_calls: int | None = None
    """Every attempt counts, and every repair."""
    tool_calls: int | None = None
    steps: int | None = None
    time: timedelta | None = None
    """From the run's first step on, waits included, by the run's clock."""
    warn_at: tuple[float, ...] = (0.8,)
    """Fractions of a ceiling at which a warning is recorded."""
    patience: timedelta | None = None
    """How long a run at a ceiling waits for somebody to raise it; None is for ever."""

    def __post_init__(self) -> None:
        if isinstance(self.usd, float):
            raise ConfigurationError(
                "a budget in dollars can't be a float, which isn't exact",
                remedy=f'write it as text: Budget(usd="{self.usd}")',
            )
        for quantity, ceiling in self.ceilings().items():
            if ceiling < 0:
                raise ConfigurationError(
                    f"the budget's {quantity} are below zero", remedy="give a ceiling, or None"
                )
        if not all(0 < fraction < 1 for fraction in self.warn_at):
            raise ConfigurationError(
                "a budget warns at fractions between 0 and 1", remedy="warn_at=(0.8,)"
            )

    def ceilings(self) -> dict[str, int]:
        """Return the ceilings as amounts; time in seconds."""
        found = {} if self.usd is None else {USD: read_amount(USD, self.usd)}
        found |= {name: n for name in COUNTS if (n := getattr(self, name)) is not None}
        if self.time is not None:
            found[SECONDS] = int(self.time.total_seconds())
        return found


@dataclass(frozen=True, slots=True)
class Ceiling:
    """A budget that runs share: those of one workflow or of one tenant, for good or in a window."""

    budget: Budget
    per: Literal["workflow", "tenant"]
    name: str | None = None
    """Of which one; None is each by itself."""
    window: Literal["hour", "day", "month"] | None = None
    """In each hour, day or month of UTC; None is for good."""

    def __post_init__(self) -> None:
        if self.budget.time is not None:
            raise ConfigurationError(
                "a ceiling that runs share can't be one of time",
                remedy="give the workflow a time: @workflow(budget=Budget(time=...))",
            )

    def applies(self, record: RunRecord) -> bool:
        """Tell whether a run draws from it."""
        return self.name is None or self._of(record) == self.name

    def account(self, record: RunRecord, now: datetime) -> str:
        """Return the name of the account that a run draws from at a time."""
        name = f"{self.per}:{self._of(record)}"
        if self.window is None:
            return name
        return f"{name}:{now.strftime(_STAMPS[self.window])}"

    def until(self, now: datetime) -> datetime | None:
        """Return when the window ends that a time is in."""
        match self.window:
            case None:
                return None
            case "hour":
                return now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
            case "day":
                return _midnight(now) + timedelta(days=1)
            case "month":
                return (_midnight(now).replace(day=28) + timedelta(days=4)).replace(day=1)

    def _of(self, record: RunRecord) -> str:
        return record.workflow if self.per == "workflow" else record.tenant


_STAMPS = {"hour": "%Y-%m-%dT%H", "day": "%Y-%m-%d", "month": "%Y-%m"}


def _midnight(now: datetime) -> datetime:
    return now.replace(hour=0, minute=0, second=0, microsecond=0)


def amounts_of(settlement: Settlement) -> dict[str, int]:
    """Return what a settlement is of each quantity, those that are nothing left out."""
    tokens = settlement.input_tokens + settlement.output_tokens
    found = {
        USD: settlement.cost_nanos,
        "tokens": tokens,
        "model_calls": settlement.model_calls,
        "tool_calls": settlement.tool_calls,
        "steps": settlement.steps,
    }
    return {quantity: amount for quantity, amount in found.items() if amount}


def read_amount(quantity: str, given: Decimal | str | float) -> int:
    """Return an amount as people write it, as a whole number; raise ConfigurationError."""
    try:
        amount = Decimal(str(given))
        return int(amount * NANOS if quantity == USD else amount)
    except (InvalidOperation, OverflowError, ValueError) as error:
        raise ConfigurationError(
            f"{given!r} isn't an amount of {quantity}", remedy='write a number, such as "0.25"'
        ) from error


def shown_amount(quantity: str, amount: int) -> str:
    """Return an amount as people read it."""
    if quantity != USD:
        return f"{amount:,} {quantity.replace('_', ' ')}"
    dollars = (Decimal(amount) / NANOS).quantize(Decimal("0.0001"))
    return f"${dollars.normalize():f}"
