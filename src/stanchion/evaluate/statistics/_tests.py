"""Exact tests of two systems on the same cases, and what many tests at once cost."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import special

__all__ = ["holm", "mcnemar"]


def mcnemar(gained: int, lost: int) -> float:
    """Return the exact two-sided p-value that gains are as likely as losses.

    A sign test on the cases that only one of the two solved (McNemar, Psychometrika 1947).
    """
    n, fewer = gained + lost, min(gained, lost)
    return min(1.0, 2 * float(special.bdtr(float(fewer), n, 0.5))) if n else 1.0


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Return p-values that may be read one by one, whichever of the nulls are true.

    The k-th smallest of m is multiplied by m - k + 1 (Holm, Scandinavian J. Statistics 1979). Where
    all metrics must pass no correction is needed: each has to pass at the level itself.
    """
    names = sorted(p_values, key=lambda name: p_values[name])
    scaled = [p_values[name] * (len(names) - rank) for rank, name in enumerate(names)]
    return dict(zip(names, np.minimum(np.maximum.accumulate(scaled), 1.0).tolist(), strict=True))
