"""What a number of cases can show, before any is paid for: power, and the smallest effect found.

For the fixed design: one look, paired differences, cases in groups of equal size. A sequential gate
plans by simulating itself, see ``stanchion.evaluate.plan_gate``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy import special

__all__ = ["Design", "cases_needed", "detectable", "power"]


@dataclass(frozen=True, slots=True)
class Design:
    """What a paired comparison is expected to look like."""

    discordance: float
    """The share of cases that only one of the two solves."""
    group_size: float = 1.0
    icc: float = 0.0
    """How alike the differences of one group are, 0 to 1."""

    @property
    def variance(self) -> float:
        """Return the variance of a group's mean difference, where the two are equally good."""
        size = self.group_size
        return self.discordance * (1 + (size - 1) * self.icc) / size


def power(design: Design, cases: float, effect: float, *, alpha: float = 0.05) -> float:
    """Return the probability to see an effect of this size (one-sided) in so many cases.

    Normal approximation: Phi(effect / sd of the mean - z). For a non-inferiority test the effect is
    the true difference plus the margin.
    """
    error = math.sqrt(design.variance * design.group_size / cases)
    return float(special.ndtr(effect / error - special.ndtri(1 - alpha)))


def cases_needed(design: Design, effect: float, *, alpha: float = 0.05, wanted: float = 0.8) -> int:
    """Return how many cases, in whole groups, show an effect of this size with the wanted power."""
    sum_z = float(special.ndtri(1 - alpha) + special.ndtri(wanted))
    groups = math.ceil(sum_z**2 * design.variance / effect**2)
    return math.ceil(groups * design.group_size)


def detectable(design: Design, cases: float, *, alpha: float = 0.05, wanted: float = 0.8) -> float:
    """Return the minimum detectable effect: the smallest that so many cases show."""
    sum_z = float(special.ndtri(1 - alpha) + special.ndtri(wanted))
    return sum_z * math.sqrt(design.variance * design.group_size / cases)
