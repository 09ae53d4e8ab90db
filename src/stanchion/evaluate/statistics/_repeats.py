"""The same task tried several times: solved at least once in k trials, or in all of k.

Trials of one task resemble each other, so a share of successes to the power of k is no estimate of
either, and an interval resamples tasks, not trials.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import special

from stanchion.evaluate.statistics._bootstrap import bootstrap
from stanchion.evaluate.statistics._interval import Floats, Interval
from stanchion.evaluate.statistics._proportions import clopper_pearson

__all__ = ["pass_at_k", "pass_hat_k"]


def pass_at_k(
    solved: npt.ArrayLike, trials: npt.ArrayLike, k: int, *, level: float = 0.95
) -> Interval:
    """Return how often at least one of k trials of a task succeeds.

    Per task 1 - C(n-c, k) / C(n, k), without bias (Chen et al., arXiv 2107.03374), for a task
    solved c times in n trials; n may differ, and is k at least.
    """
    c, n = _counts(solved, trials, k)
    return _over_tasks(1 - _chosen(n - c, k) / _chosen(n, k), level)


def pass_hat_k(
    solved: npt.ArrayLike, trials: npt.ArrayLike, k: int, *, level: float = 0.95
) -> Interval:
    """Return how often all of k trials of a task succeed: pass^k.

    Per task C(c, k) / C(n, k), without bias (Yao et al., tau-bench, arXiv 2406.12045).
    """
    c, n = _counts(solved, trials, k)
    return _over_tasks(_chosen(c, k) / _chosen(n, k), level)


def _counts(solved: npt.ArrayLike, trials: npt.ArrayLike, k: int) -> tuple[Floats, Floats]:
    c, n = np.broadcast_arrays(
        np.asarray(solved, dtype=np.float64), np.asarray(trials, dtype=np.float64)
    )
    if k < 1 or (n < k).any() or (c < 0).any() or (c > n).any():
        raise ValueError(f"k = {k} needs 1 <= k <= trials and 0 <= solved <= trials for each task")
    return c, n


def _chosen(n: Floats, k: int) -> Floats:
    return np.where(n >= k, special.binom(n, k), 0.0)


def _over_tasks(shares: Floats, level: float) -> Interval:
    """Resample tasks; where all or none did it, the limits are those of a proportion of tasks."""
    found = bootstrap(shares, lambda rows: rows[..., 0].mean(axis=-1), level=level)
    if not found.reason:
        return found
    if found.value not in {0.0, 1.0}:
        return Interval(found.value, 0.0, 1.0, level, "none", found.reason)
    low, high = clopper_pearson(found.value * len(shares), len(shares), level=level)
    return Interval(found.value, float(low), float(high), level, "Clopper-Pearson on tasks")
