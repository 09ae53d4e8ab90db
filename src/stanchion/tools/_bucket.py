"""A token bucket as one time: when it would be full again (the generic cell rate algorithm).

Pure. A token taken in advance moves that time on, so that callers who wait have their turns in the
order in which they came, and nobody has to ask twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from stanchion.errors import ContractError

__all__ = ["Rate", "Taken", "TooEarly"]


@dataclass(frozen=True, slots=True)
class Taken:
    """A token was taken: the call may be made after ``wait``."""

    full_at: datetime
    """The bucket's new state."""
    wait: timedelta


@dataclass(frozen=True, slots=True)
class TooEarly:
    """No token: the next one that nobody has taken comes after ``wait``."""

    wait: timedelta


@dataclass(frozen=True, slots=True)
class Rate:
    """So many calls per span of time, as many of them at once as ``burst`` says."""

    calls: int
    per: timedelta
    burst: int | None = None
    """Calls at once; all of them if it's None."""
    patience: timedelta = timedelta(minutes=10)
    """How long code waits for its turn. A model doesn't wait in its call: it is told to."""

    def __post_init__(self) -> None:
        if self.calls < 1 or self.per <= timedelta(0) or (self.burst or 1) < 1:
            raise ContractError(
                f"{self} lets nothing through", remedy="give at least one call per span of time"
            )

    @property
    def interval(self) -> timedelta:
        """The time in which one token comes back."""
        return self.per / self.calls

    @property
    def capacity(self) -> int:
        """How many tokens a full bucket holds."""
        return self.calls if self.burst is None else self.burst

    def take(
        self, full_at: datetime | None, now: datetime, patience: timedelta
    ) -> Taken | TooEarly:
        """Take a token, one that comes back within ``patience`` if there is none now.

        ``full_at`` is the bucket's state, None for a full one.
        """
        after = max(full_at or now, now) + self.interval
        wait = max(after - now - self.capacity * self.interval, timedelta(0))
        return Taken(after, wait) if wait <= patience else TooEarly(wait)
