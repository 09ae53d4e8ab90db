"""A share of successes: exact and score intervals, and the exact one when cases come in groups.

Cases of one group (one customer, one document) resemble each other, so that they say less than as
many independent ones. How much less is estimated; what that estimate lacks with few groups, or
with hardly a failure, is made up for by half a group of nothing but failures and half a group of
nothing but successes, as Agresti and Coull (1998) do with single cases.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt
from scipy import special

from stanchion.evaluate.statistics._interval import (
    Counts,
    Floats,
    Interval,
    by_group,
    floats,
    too_few,
)

__all__ = ["clopper_pearson", "effective_n", "icc", "proportion", "wilson"]

HALF = 0.5
"""Of a group, of each kind: one group's worth, which also makes up for the mean that is fitted."""


def clopper_pearson(
    successes: npt.ArrayLike, n: npt.ArrayLike, *, level: float = 0.95
) -> tuple[Floats, Floats]:
    """Return the exact limits of a proportion: never covers less than ``level``.

    Quantiles of Beta(k, n-k+1) and Beta(k+1, n-k) (Clopper and Pearson, Biometrika 1934). Arrays
    broadcast; counts may be fractions, as an effective n is.
    """
    k, total = np.asarray(successes, dtype=np.float64), np.asarray(n, dtype=np.float64)
    tail, tiny = (1 - level) / 2, 1e-12
    low = special.betaincinv(np.maximum(k, tiny), total - k + 1, tail)
    high = special.betaincinv(k + 1, np.maximum(total - k, tiny), 1 - tail)
    return np.where(k > 0, low, 0.0), np.where(k < total, high, 1.0)


def wilson(
    successes: npt.ArrayLike, n: npt.ArrayLike, *, level: float = 0.95
) -> tuple[Floats, Floats]:
    """Return the score limits of a proportion: ``level`` on average, at times less.

    Shorter than the exact ones (Wilson, JASA 1927). Arrays broadcast.
    """
    k, total = np.asarray(successes, dtype=np.float64), np.asarray(n, dtype=np.float64)
    z = special.ndtri((1 + level) / 2)
    share, extra = k / total, z * z / total
    centre = (share + extra / 2) / (1 + extra)
    half = z * np.sqrt(share * (1 - share) / total + extra / (4 * total)) / (1 + extra)
    return np.clip(centre - half, 0, 1), np.clip(centre + half, 0, 1)


def proportion(
    outcomes: npt.ArrayLike,
    groups: Sequence[Hashable] | None = None,
    *,
    level: float = 0.95,
) -> Interval:
    """Return the share of outcomes that are 1, with Clopper-Pearson limits on the effective n.

    ``groups`` names each outcome's group. With fewer than 10 groups nothing is claimed.
    """
    values = floats(outcomes)
    if not np.isin(values, (0.0, 1.0)).all():
        raise ValueError("outcomes are 0 or 1; an average of other scores is what mean() takes")
    counts, share = by_group(values, groups), float(values.mean())
    if groups is not None and (reason := too_few(len(counts.sizes))):
        return Interval(share, 0.0, 1.0, level, "none", reason)
    n = float(len(values)) if groups is None else effective_n(counts)
    low, high = clopper_pearson(share * n, n, level=level)
    method = "Clopper-Pearson" if groups is None else "Clopper-Pearson on the effective n"
    return Interval(share, float(low), float(high), level, method)


def effective_n(counts: Counts) -> float:
    """Return how many independent cases say as much as these groups of cases.

    The variance of the share between groups, pseudo groups included, over that of independent
    cases: a design effect (Kish 1965; Korn and Graubard, Survey Methodology 1998), from 1 to the
    (case-weighted) mean size of the groups.
    """
    sizes, n = counts.sizes, counts.sizes.sum()
    size = float((sizes**2).sum() / n)
    share = (counts.totals.sum() + HALF * size) / (n + size)
    squares = float(((counts.totals - sizes * share) ** 2).sum())
    squares += HALF * size**2 * (share**2 + (1 - share) ** 2)
    return float(n / np.clip(squares / (n * share * (1 - share)), 1.0, size))


def icc(counts: Counts) -> float:
    """Return how alike the cases of a group are, 0 to 1: the analysis-of-variance estimate.

    Donner and Koval, Biometrics 1980; for outcomes of 0 and 1. Not a number without two groups and
    a group of two.
    """
    sizes, groups, n = counts.sizes, len(counts.sizes), counts.sizes.sum()
    if groups < 2 or n == groups:
        return float("nan")
    shares, share = counts.totals / sizes, counts.totals.sum() / n
    between = float((sizes * (shares - share) ** 2).sum() / (groups - 1))
    within = float((sizes * shares * (1 - shares)).sum() / (n - groups))
    typical = float((n - (sizes**2).sum() / n) / (groups - 1))
    spread = between + (typical - 1) * within
    return float(np.clip((between - within) / spread, 0.0, 1.0)) if spread else 0.0
