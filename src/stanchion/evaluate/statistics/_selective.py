"""The threshold of a decision that may be wrong only so often: selective prediction with a promise.

For a fixed threshold the errors among the cases above it are binomial, whatever the scores mean,
so that "wrong more often than ``risk``" is rejected by an exact test (Geifman and El-Yaniv, NeurIPS
2017). Several thresholds are tried in a sequence that is fixed before the errors are seen, up to
the first that isn't rejected: then all of them together are wrong with the error of one
(Angelopoulos et al., Learn then Test, 2021). Where the sequence starts and which thresholds it has
is chosen on other cases, with their labels, as those cases aren't tested on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from stanchion.evaluate.statistics._interval import Floats, floats

__all__ = ["Selected", "fewest_cases", "select_threshold", "threshold_sequence"]

STEPS = 40
"""Thresholds that are looked at, at equal distances of coverage."""


@dataclass(frozen=True, slots=True)
class Selected:
    """The last threshold that was rejected to be too risky."""

    threshold: float
    cases: int
    errors: int


def fewest_cases(risk: float, alpha: float) -> int:
    """Return how many cases without any error it takes: (1 - risk) ** n <= alpha.

    For a risk of 2 % and an error of 10 % it is 114.
    """
    return int(np.ceil(np.log(alpha) / np.log1p(-risk) - 1e-9))


def threshold_sequence(
    scores: npt.ArrayLike, wrong: npt.ArrayLike, *, size: int, risk: float, alpha: float
) -> Floats:
    """Return the thresholds to test, in order, chosen on cases that aren't tested on.

    It starts where a test on ``size`` other cases is expected to reject most surely, by the share
    of errors seen here with half an error added, and goes down from there, as each further
    threshold decides more cases. Empty if no threshold has enough cases.
    """
    values, errors = floats(scores), floats(wrong)
    order = np.argsort(-values, kind="stable")
    levels, seen = values[order], np.arange(1, len(values) + 1)
    last = np.append(levels[1:] < levels[:-1], True)  # of equal scores only all or none
    cuts, above = levels[last], seen[last]
    share = (np.cumsum(errors[order])[last] + 0.5) / (above + 1)
    expected = above / len(values) * size
    tail = _tail(share * expected, expected, risk)
    enough = expected >= fewest_cases(risk, alpha)
    if not enough.any():
        return np.empty(0)
    start = int(np.argmin(np.where(enough, tail, np.inf)))
    picked = np.unique(np.linspace(start, len(cuts) - 1, STEPS).round().astype(np.intp))
    return cuts[picked]


def select_threshold(
    sequence: npt.ArrayLike,
    scores: npt.ArrayLike,
    wrong: npt.ArrayLike,
    *,
    risk: float,
    alpha: float,
) -> Selected | None:
    """Test thresholds in order and return the last before the first that may be too risky.

    With probability ``1 - alpha`` at least, decisions above it are wrong at most ``risk`` of the
    time. None if not even the first can be said to be so.
    """
    values, errors = floats(scores), floats(wrong)
    chosen: Selected | None = None
    for threshold in floats(sequence):
        above = values >= threshold
        cases, mistakes = int(above.sum()), int(errors[above].sum())
        if not cases or _tail(mistakes, cases, risk) > alpha:
            break
        chosen = Selected(float(threshold), cases, mistakes)
    return chosen


def _tail(errors: npt.ArrayLike, cases: npt.ArrayLike, risk: float) -> Floats:
    """Return P(Bin(cases, risk) <= errors), continued to fractions by the incomplete beta."""
    k, n = np.asarray(errors, np.float64), np.asarray(cases, np.float64)
    rest = np.maximum(n - k, 1e-12)
    return np.where(k >= n, 1.0, special.betainc(rest, k + 1, 1 - risk))
