"""Resampling: the BCa bootstrap over independent units, and the paired permutation test.

For statistics without a formula. A unit is what was drawn independently: a case, or a whole group.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import special

from stanchion.evaluate.statistics._interval import Floats, Interval, by_group, floats

__all__ = ["Statistic", "bootstrap", "paired_permutation"]

Statistic: TypeAlias = Callable[[Floats], Floats]
"""Takes units in the next to last axis, their columns in the last; returns all before these."""

EXACT_UNITS = 16
"""Up to so many units that differ, all swaps are enumerated."""


def bootstrap(
    units: npt.ArrayLike,
    statistic: Statistic,
    *,
    level: float = 0.95,
    resamples: int = 4_000,
    seed: int = 0,
) -> Interval:
    """Return a statistic with its bias-corrected and accelerated interval.

    ``units`` has a row per unit (Efron, JASA 1987; acceleration by the jackknife). Where every unit
    says the same nothing is known about the spread, and it says so.
    """
    rows = np.asarray(units, dtype=np.float64)
    rows = rows[:, None] if rows.ndim == 1 else rows
    n, value = len(rows), float(statistic(rows))
    if n < 2 or (rows == rows[0]).all():
        return Interval(value, -np.inf, np.inf, level, "none", "all units say the same")
    drawn = np.random.default_rng(seed).integers(n, size=(resamples, n))
    replicates = np.concatenate([statistic(rows[part]) for part in _batches(drawn, rows.size)])
    left_out = np.array([float(statistic(np.delete(rows, i, axis=0))) for i in range(n)])
    tails = np.array([(1 - level) / 2, (1 + level) / 2])
    low, high = np.quantile(replicates, _corrected(tails, replicates, value, left_out))
    return Interval(value, float(low), float(high), level, "BCa bootstrap")


def paired_permutation(
    candidate: npt.ArrayLike,
    baseline: npt.ArrayLike,
    groups: Sequence[Hashable] | None = None,
    *,
    swaps: int = 20_000,
    seed: int = 0,
) -> float:
    """Return the two-sided p-value that which is which doesn't matter.

    Swaps the two sides of whole groups; exactly for 16 groups or fewer that differ, else with
    random swaps, the observed one counted in (Phipson and Smyth 2010), so that it is never 0.
    """
    gaps = by_group(floats(candidate) - floats(baseline), groups).totals
    gaps = gaps[gaps != 0]
    if not gaps.size:
        return 1.0
    seen = abs(gaps.sum()) - 1e-9 * np.abs(gaps).sum()
    if gaps.size <= EXACT_UNITS:
        swapped = np.unpackbits(
            np.arange(2**gaps.size, dtype=">u2").view(np.uint8).reshape(-1, 2), axis=1
        )
        signs = 1.0 - 2.0 * swapped[:, -gaps.size :]
        return float((np.abs(signs @ gaps) >= seen).mean())
    flips = np.random.default_rng(seed).integers(2, size=(swaps, gaps.size), dtype=np.int8)
    extreme = int((np.abs((1.0 - 2.0 * flips) @ gaps) >= seen).sum())
    return (extreme + 1) / (swaps + 1)


def _batches(drawn: npt.NDArray[np.int64], size: int) -> list[npt.NDArray[np.int64]]:
    """Split resamples so that a batch holds some millions of numbers."""
    return np.array_split(drawn, max(1, len(drawn) * size // 4_000_000))


def _corrected(tails: Floats, replicates: Floats, value: float, left_out: Floats) -> Floats:
    many = len(replicates)
    below = float((replicates < value).mean() + (replicates == value).mean() / 2)
    bias = float(special.ndtri(min(max(below, 1 / many), 1 - 1 / many)))
    gaps = left_out.mean() - left_out
    scale = float((gaps**2).sum())
    acceleration = float((gaps**3).sum()) / (6 * scale**1.5) if scale else 0.0
    moved = bias + np.asarray(special.ndtri(tails), dtype=np.float64)
    return np.asarray(special.ndtr(bias + moved / (1 - acceleration * moved)), dtype=np.float64)
