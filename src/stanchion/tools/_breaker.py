"""A circuit breaker: a target that keeps failing is left alone, then tried by one call.

Pure. Closed, it counts failures in a row; open, it refuses; once the cooldown has passed it lets a
single call through, whoever comes first, and that call's outcome closes or opens it. Only failures
that speak of the target count: a call that was wrong says nothing about it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from stanchion.errors import ContractError
from stanchion.values import ToolError

__all__ = ["Breaker", "Circuit", "speaks_of_target"]

_OF_TARGET = frozenset({"timeout", "unreachable", "unavailable", "service_failed"})


@dataclass(frozen=True, slots=True)
class Breaker:
    """When a tool's target is left alone, and for how long."""

    failures: int = 5
    """In a row, of all runs together."""
    cooldown: timedelta = timedelta(seconds=30)

    def __post_init__(self) -> None:
        if self.failures < 1 or self.cooldown <= timedelta(0):
            raise ContractError(
                f"{self} can't be followed",
                remedy="give at least one failure and a positive cooldown",
            )


@dataclass(frozen=True, slots=True)
class Circuit:
    """A breaker's state."""

    failures: int = 0
    shut_until: datetime | None = None
    """Nobody may call before this; afterwards one may. None while the breaker is closed."""
    probing: bool = False
    """One call is trying the target; if it isn't heard of by ``shut_until``, another may."""

    @property
    def clean(self) -> bool:
        """Whether nothing is held against the target."""
        return self.failures == 0

    def admit(self, now: datetime, longest: timedelta) -> tuple[Circuit, timedelta | None]:
        """Return the new state, and for how long a call is refused; None lets it through.

        ``longest`` is how long a probe may take.
        """
        if self.shut_until is None:
            return self, None
        if now < self.shut_until:
            return self, self.shut_until - now
        return replace(self, shut_until=now + longest, probing=True), None

    def failed(self, breaker: Breaker, now: datetime) -> Circuit:
        """Count a failure; one of a call that began before the breaker opened changes nothing."""
        if self.shut_until is not None and not self.probing:
            return self
        failures = self.failures + 1
        opens = self.probing or failures >= breaker.failures
        return Circuit(failures, now + breaker.cooldown if opens else None)

    def succeeded(self) -> Circuit:
        """Forget the failures, unless the call began before the breaker opened."""
        waits = self.shut_until is not None and not self.probing
        return self if waits else Circuit()


def speaks_of_target(error: ToolError | None) -> bool:
    """Tell whether an error says that the target is in trouble."""
    return error is not None and error.code in _OF_TARGET
