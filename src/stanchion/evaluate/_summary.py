"""What results say as a whole and by slices, each with its interval, the worst first.

A case without a score counts as 0: what broke didn't succeed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from stanchion.evaluate._results import CaseResult

__all__ = ["Estimate", "estimate", "slices"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A metric over some of the results."""

    name: str
    """The slice; empty: all."""
    cases: int
    unscored: int
    value: float
    low: float
    high: float
    reason: str
    """Why the limits say nothing, if they don't."""

    def __str__(self) -> str:
        told = f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"
        return f"{self.value:.3f} ({self.reason})" if self.reason else told


def estimate(
    results: Sequence[CaseResult], metric: str, *, level: float = 0.95, name: str = ""
) -> Estimate:
    """Return a metric with its interval: of a share for scores of 0 and 1, else of a mean."""
    # An optional extra.
    from stanchion.evaluate.statistics import mean, proportion

    scores = [result.scores.get(metric, 0.0) for result in results]
    named = any(result.group for result in results)
    groups = [result.group or f"\0{result.case}" for result in results] if named else None
    measure = proportion if {*scores} <= {0.0, 1.0} else mean
    found = measure(scores, groups, level=level)
    unscored = sum(metric not in result.scores for result in results)
    low, high = max(found.low, 0.0), min(found.high, 1.0)
    return Estimate(name, len(results), unscored, found.value, low, high, found.reason)


def slices(
    results: Sequence[CaseResult], metric: str, by: str, *, level: float = 0.95
) -> tuple[Estimate, ...]:
    """Return a metric by a fact of the cases, worst first: by the upper limit, then the value.

    The worst is the one that is surely bad, not the one with two cases. Limits are Bonferroni
    corrected for the number of slices, as one looks at the worst of them.
    """
    parts: defaultdict[str, list[CaseResult]] = defaultdict(list)
    for result in results:
        parts[str(result.facts.get(by, ""))].append(result)
    each = 1 - (1 - level) / len(parts) if parts else level
    found = [estimate(part, metric, level=each, name=name) for name, part in parts.items()]
    return tuple(sorted(found, key=lambda part: (part.high, part.value, part.name)))
