"""What every estimate looks like: a value with an interval, the method, and why it may say nothing.

Also what the other files share: outcomes as arrays, and outcomes summed by group.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["FEWEST_GROUPS", "Counts", "Floats", "Interval", "by_group", "floats", "too_few"]

Floats: TypeAlias = npt.NDArray[np.float64]

FEWEST_GROUPS = 10
"""With fewer, how much groups differ can't be estimated, so no interval is offered."""


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate and the values that the data don't contradict."""

    value: float
    low: float
    high: float
    level: float
    """How often, at least, such an interval covers the truth: 0.95."""
    method: str
    reason: str = ""
    """Why it says nothing; then ``low`` and ``high`` are all that is possible."""

    @property
    def width(self) -> float:
        """Return how much is left open."""
        return self.high - self.low

    def __str__(self) -> str:
        if self.reason:
            return f"{self.value:.3f} ({self.reason})"
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True, slots=True)
class Counts:
    """Values summed by group, in the order in which the groups first occur."""

    totals: Floats
    sizes: Floats


def floats(values: npt.ArrayLike) -> Floats:
    """Return values as one row of finite numbers; ``ValueError`` if they are none."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or not array.size or not np.isfinite(array).all():
        raise ValueError(f"not a non-empty row of finite numbers: shape {array.shape}")
    return array


def by_group(values: Floats, groups: Sequence[Hashable] | None) -> Counts:
    """Sum values by their group; without groups every value is its own."""
    if groups is None:
        return Counts(values, np.ones_like(values))
    if len(groups) != len(values):
        raise ValueError(f"{len(groups)} groups for {len(values)} values")
    numbers: dict[Hashable, int] = {}
    index = np.array([numbers.setdefault(group, len(numbers)) for group in groups])
    return Counts(
        np.bincount(index, weights=values).astype(np.float64),
        np.bincount(index).astype(np.float64),
    )


def too_few(groups: int) -> str:
    """Return why groups say nothing, or nothing."""
    if groups >= FEWEST_GROUPS:
        return ""
    return f"too few clusters: {groups}, and {FEWEST_GROUPS} are needed"
