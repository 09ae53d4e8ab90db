"""How much better one is than the other: limits of a difference of shares, and of any mean.

A difference of shares is squared and added from the exact limits of its two parts (MOVER: Zou and
Donner, Statistics in Medicine 2008; with score limits it is Newcombe's). A mean has Student's
limits on the means of its groups.
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
from stanchion.evaluate.statistics._proportions import clopper_pearson, effective_n, proportion

__all__ = ["difference", "mean", "paired_difference", "paired_limits"]


def paired_difference(
    candidate: npt.ArrayLike,
    baseline: npt.ArrayLike,
    groups: Sequence[Hashable] | None = None,
    *,
    level: float = 0.95,
) -> Interval:
    """Return how much better the candidate did on the same cases, case by case.

    For outcomes of 0 and 1 the two parts are the cases that only one of them solved; for other
    scores it is the mean of the differences.
    """
    new, old = floats(candidate), floats(baseline)
    if len(new) != len(old):
        raise ValueError(f"{len(new)} and {len(old)} scores aren't pairs")
    if not (np.isin(new, (0.0, 1.0)).all() and np.isin(old, (0.0, 1.0)).all()):
        return mean(new - old, groups, level=level)
    gained, lost = by_group(floats(new > old), groups), by_group(floats(new < old), groups)
    value = float((new - old).mean())
    if groups is not None and (reason := too_few(len(gained.sizes))):
        return Interval(value, -1.0, 1.0, level, "none", reason)
    low, high = _grouped_limits(gained, lost, level) if groups else _limits(gained, lost, level)
    method = "Clopper-Pearson limits of gains and losses, squared and added"
    return Interval(value, low, high, level, method)


def difference(
    candidate: npt.ArrayLike,
    baseline: npt.ArrayLike,
    *,
    level: float = 0.95,
) -> Interval:
    """Return the difference of two shares that were measured on different, independent cases."""
    new, old = proportion(candidate, level=level), proportion(baseline, level=level)
    low, high = _added(
        (new.value, new.low, new.high), (old.value, old.low, old.high), correlation=0.0
    )
    method = "Clopper-Pearson limits of both, squared and added"
    return Interval(new.value - old.value, float(low), float(high), level, method)


def mean(
    scores: npt.ArrayLike,
    groups: Sequence[Hashable] | None = None,
    *,
    level: float = 0.95,
) -> Interval:
    """Return the mean of scores with Student's limits, on groups if there are any.

    The variance is that between groups, with one degree of freedom fewer than groups (Miller,
    arXiv 2411.00640, with the correction for few groups). Needs more than one group.
    """
    values = floats(scores)
    counts, value = by_group(values, groups), float(values.mean())
    few = too_few(len(counts.sizes)) if groups is not None else ""
    if few or len(counts.sizes) < 2:
        reason = few or "one score has no spread"
        return Interval(value, -np.inf, np.inf, level, "none", reason)
    many, n = len(counts.sizes), len(values)
    errors = counts.totals - counts.sizes * value
    spread = np.sqrt(many / (many - 1) * float((errors**2).sum())) / n
    half = float(special.stdtrit(many - 1, (1 + level) / 2)) * float(spread)
    return Interval(value, value - half, value + half, level, f"Student on {many} groups")


def paired_limits(
    gained: npt.ArrayLike, lost: npt.ArrayLike, n: npt.ArrayLike, *, level: float = 0.95
) -> tuple[Floats, Floats]:
    """Return the limits for n independent pairs of which these many were gained and lost.

    The two shares are negatively correlated, as those of a multinomial are. Arrays broadcast.
    """
    won, gone, total = (np.asarray(each, dtype=np.float64) for each in (gained, lost, n))
    up, down = won / total, gone / total
    odds = (1 - up) * (1 - down)
    correlation = -np.sqrt(np.divide(up * down, odds, out=np.zeros_like(odds), where=odds > 0))
    return _added(
        (up, *clopper_pearson(won, total, level=level)),
        (down, *clopper_pearson(gone, total, level=level)),
        correlation=correlation,
    )


def _limits(gained: Counts, lost: Counts, level: float) -> tuple[float, float]:
    n = gained.sizes.sum()
    low, high = paired_limits(gained.totals.sum(), lost.totals.sum(), n, level=level)
    return float(low), float(high)


def _grouped_limits(gained: Counts, lost: Counts, level: float) -> tuple[float, float]:
    parts = [_part(each, level) for each in (gained, lost)]
    errors = [
        each.totals - each.sizes * each.totals.sum() / each.sizes.sum() for each in (gained, lost)
    ]
    scale = float(np.sqrt((errors[0] ** 2).sum() * (errors[1] ** 2).sum()))
    correlation = float((errors[0] * errors[1]).sum()) / scale if scale else 0.0
    low, high = _added(parts[0], parts[1], correlation=correlation)
    return float(low), float(high)


def _part(counts: Counts, level: float) -> tuple[float, float, float]:
    share, n = float(counts.totals.sum() / counts.sizes.sum()), effective_n(counts)
    low, high = clopper_pearson(share * n, n, level=level)
    return share, float(low), float(high)


def _added(
    new: tuple[npt.ArrayLike, npt.ArrayLike, npt.ArrayLike],
    old: tuple[npt.ArrayLike, npt.ArrayLike, npt.ArrayLike],
    *,
    correlation: npt.ArrayLike,
) -> tuple[Floats, Floats]:
    """Square and add the distances of two estimates, each (value, low, high), to their limits."""
    (a, low_a, high_a), (b, low_b, high_b) = (
        tuple(np.asarray(each, dtype=np.float64) for each in part) for part in (new, old)
    )
    r = np.asarray(correlation, dtype=np.float64)

    def distance(x: Floats, y: Floats) -> Floats:
        return np.sqrt(np.maximum(x**2 + y**2 - 2 * r * x * y, 0.0))

    return a - b - distance(a - low_a, high_b - b), a - b + distance(high_a - a, b - low_b)
