"""Intervals: how often they cover the truth, and their widths, beside inspect-ai's and MLflow's.

Without groups nothing is drawn: coverage is summed over every outcome that there can be, so our
figures and inspect-ai's are exact. In groups outcomes are drawn, and the peers get the first of the
same draws. MLflow has an interval of paired differences only, and none for groups; inspect-ai none
of a difference.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy import stats

from benchmarks._draws import Alike, Truth, drawn_pairs, drawn_shares
from benchmarks._report import Report, scale, table
from benchmarks.intervals.peers import _inspect, _mlflow
from stanchion.evaluate.statistics import (
    clopper_pearson,
    paired_difference,
    paired_limits,
    proportion,
)

FULL = scale() == "full"
SIZES = (10, 20, 30, 50, 100, 300) if FULL else (10, 30, 100)
SHARES = (0.5, 0.7, 0.9, 0.95, 0.99)
ICCS = (0.0, 0.1, 0.3, 0.7) if FULL else (0.0, 0.7)
GROUPS = ((10, 3), (10, 10), (15, 10), (30, 5), (30, 10)) if FULL else ((10, 3), (10, 10))
DISCORDANCE = (0.05, 0.2, 0.5)
UPWARD = (0.5, 0.9)
ALIKE: tuple[Alike, ...] = ("copies", "own chances")
DRAWS, PEER_DRAWS, MLFLOW_DRAWS = (2000, 200, 60) if FULL else (400, 40, 8)
LEVEL, SLACK = 0.95, 0.03
US = "stanchion"


@dataclass
class Tally:
    """What a method's intervals did at each point of a grid."""

    covered: list[float] = field(default_factory=list[float])
    widths: list[float] = field(default_factory=list[float])

    def add(self, weights: npt.ArrayLike, limits: npt.ArrayLike, truth: float) -> None:
        """Note a point: the limits, one low and one high each, of outcomes with these chances."""
        weights = np.asarray(weights, dtype=np.float64)
        low, high = np.asarray(limits, dtype=np.float64).reshape(-1, 2).T
        inside = (low <= truth + 1e-12) & (truth - 1e-12 <= high)
        self.covered.append(float(weights[inside].sum()))
        self.widths.append(float(weights @ (high - low)))


Tallies = defaultdict[str, Tally]


def main() -> None:
    """Measure and report."""
    report, source = Report("intervals"), np.random.default_rng(20_261)
    grids = {
        "shares": shares(),
        "paired differences": pairs(source),
        "shares in groups": grouped_shares(source),
        "paired differences in groups": grouped_pairs(source),
    }
    for name, found in grids.items():
        rows = [(who, *summary(tally)) for who, tally in found.items()]
        print(f"\n{name}, {len(found[US].covered)} points, level {LEVEL}")
        print(table(("interval", "lowest coverage", "mean coverage", "mean width"), rows))
        report.figure(name, {who: summary(tally) for who, tally in found.items()})
        wanted = LEVEL - SLACK if "groups" in name else LEVEL
        report.target(f"lowest coverage: {name}", min(found[US].covered), ">=", wanted)
    silent = [claims_nothing(source, groups) for groups in (2, 5, 9)]
    report.target('share of draws of 2, 5, 9 groups: "too few clusters"', min(silent), "==", 1)
    print()
    report.finish()


def summary(tally: Tally) -> tuple[float, float, float]:
    """Return the lowest and the mean coverage, and the mean width."""
    return min(tally.covered), float(np.mean(tally.covered)), float(np.mean(tally.widths))


def shares() -> Tallies:
    """Sum over every number of successes."""
    found: Tallies = defaultdict(Tally)
    for n in SIZES:
        k = np.arange(n + 1)
        theirs = [_inspect.limits([1.0] * each + [0.0] * (n - each), None) for each in k]
        limits = {name: np.array([each[name] for each in theirs]) for name in theirs[0]}
        limits[US] = np.stack(clopper_pearson(k, n), axis=1)
        for p, (name, both) in itertools.product(SHARES, limits.items()):
            found[name].add(stats.binom.pmf(k, n, p), both, p)
    return found


def pairs(source: np.random.Generator) -> Tallies:
    """Sum over every number of gains and losses; MLflow resamples, so it gets draws."""
    found: Tallies = defaultdict(Tally)
    for n in SIZES:
        cells = np.array([(b, c, n - b - c) for b in range(n + 1) for c in range(n + 1 - b)])
        limits = np.stack(paired_limits(cells[:, 0], cells[:, 1], n), axis=1)
        for share, upward in itertools.product(DISCORDANCE, (*UPWARD, 1.0)):
            chances = [share * upward, share * (1 - upward), 1 - share]
            truth = chances[0] - chances[1]
            found[US].add(stats.multinomial.pmf(cells, n, chances), limits, truth)
            drawn = source.multinomial(n, chances, MLFLOW_DRAWS)
            theirs = [_mlflow.paired(np.repeat([1.0, -1.0, 0.0], each).tolist()) for each in drawn]
            found["mlflow"].add(even(len(drawn)), theirs, truth)
    return found


def grouped_shares(source: np.random.Generator) -> Tallies:
    """Draw outcomes in groups."""
    found: Tallies = defaultdict(Tally)
    for (groups, size), p, (icc, alike) in itertools.product(GROUPS, SHARES, likenesses()):
        truth = Truth(groups, size, (p,), icc, alike)
        drawn = drawn_shares(truth, DRAWS, source)
        ours = [proportion(row, truth.names) for row in drawn]
        found[US].add(even(DRAWS), [(each.low, each.high) for each in ours], p)
        theirs = [_inspect.limits(row.tolist(), truth.names) for row in drawn[:PEER_DRAWS]]
        for name in theirs[0]:
            found[name].add(even(len(theirs)), [each[name] for each in theirs], p)
    return found


def grouped_pairs(source: np.random.Generator) -> Tallies:
    """Draw differences in groups."""
    found: Tallies = defaultdict(Tally)
    points = itertools.product(GROUPS, DISCORDANCE, UPWARD, likenesses())
    for (groups, size), share, upward, (icc, alike) in points:
        truth = Truth(groups, size, (share * upward, share * (1 - upward)), icc, alike)
        drawn, gap = drawn_pairs(truth, DRAWS // 2, source), share * (2 * upward - 1)
        ours = [paired_difference(row > 0, row < 0, truth.names) for row in drawn]
        found[US].add(even(len(drawn)), [(each.low, each.high) for each in ours], gap)
        theirs = [_mlflow.paired(row.tolist()) for row in drawn[: MLFLOW_DRAWS // 4]]
        found["mlflow (knows no groups)"].add(even(len(theirs)), theirs, gap)
    return found


def likenesses() -> Iterator[tuple[float, Alike]]:
    """Yield each intraclass correlation, in both ways to have it."""
    for icc, alike in itertools.product(ICCS, ALIKE):
        if icc or alike == "copies":
            yield icc, alike


def claims_nothing(source: np.random.Generator, groups: int) -> float:
    """Return the share of draws in few groups of which no interval claims anything."""
    truth = Truth(groups, 10, (0.9,), 0.3, "copies")
    ours = [proportion(row, truth.names) for row in drawn_shares(truth, 100, source)]
    silent = [each.reason.startswith("too few clusters") and each.width == 1 for each in ours]
    return float(np.mean(silent))


def even(draws: int) -> npt.NDArray[np.float64]:
    """Return the same weight for each draw."""
    return np.full(draws, 1 / draws)


if __name__ == "__main__":
    main()
