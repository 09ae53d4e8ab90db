"""How often and how soon the same call is made again.

It applies where a repetition is harmless: reads, and writes whose target knows the key or has said
that nothing happened. It never makes an effect repeatable.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from stanchion.errors import ContractError

__all__ = ["RetryPolicy"]


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Attempts in all, and the pause between them, growing by ``factor``."""

    attempts: int = 3
    first_delay: timedelta = timedelta(seconds=1)
    max_delay: timedelta = timedelta(seconds=30)
    factor: float = 2.0

    def __post_init__(self) -> None:
        fits = self.attempts >= 1 and self.factor >= 1 and timedelta(0) <= self.first_delay
        if not fits or self.max_delay < self.first_delay:
            raise ContractError(
                f"{self} can't be followed",
                remedy="give at least one attempt, a factor of at least 1, and delays in order",
            )

    def delay(self, attempts: int) -> timedelta:
        """Return the pause after so many attempts."""
        exponent = min(max(attempts - 1, 0), 64)
        longest = self.max_delay.total_seconds()
        grown = self.first_delay.total_seconds() * self.factor**exponent
        return timedelta(seconds=min(grown, longest))
