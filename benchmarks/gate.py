"""The gate: wrong verdicts, power and cases of simulated upgrades that are looked at all the time.

Upgrades are worse by exactly the margin, equally good, or better by it (twice the effect that was
planned for: the distance to minus the margin). Each is judged after every case until a verdict or
the plan's maximum; targets are of the worst point. The groups' outcomes are alike in another way
than the planner assumes. Beside it on the same upgrades, at the margin: a threshold on the point
estimate and a 95 % t interval, at the planned number of cases and looked at all the time.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

from benchmarks._draws import Truth, drawn_pairs
from benchmarks._report import Report, scale, table
from stanchion.evaluate import GatePlan, plan_gate
from stanchion.evaluate.statistics import Design, Plan, capital, cases_needed

UPGRADES = 1000
SPREADS = {"low": (0.1, 0.02), "high": (0.4, 0.05)}
"""Discordance and margin."""
EVERY = 1 if scale() == "full" else 3
GROUPS = ((1, 0.0), (5, 0.0), (5, 0.3), (5, 0.7))[::EVERY]
"""Size and intraclass correlation."""
ALPHA = 0.05
WRONG = ALPHA + 2.5 * (ALPHA * (1 - ALPHA) / UPGRADES) ** 0.5
"""67 of 1,000: the nominal error and two and a half standard deviations of such a count."""
EARLIEST = 30
"""Groups before which the naive rules aren't looked at."""

Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Point:
    """A way in which cases differ, with its plan."""

    name: str
    plan: GatePlan
    size: int

    @property
    def fixed(self) -> int:
        """Return the cases of a fixed design with the same error and power."""
        return cases_needed(
            Design(self.plan.discordance, self.size, self.plan.icc), self.plan.margin, alpha=ALPHA
        )

    def draw(self, difference: float, source: np.random.Generator) -> Values:
        """Return the groups' mean differences, an upgrade in each row."""
        share, groups = self.plan.discordance, self.plan.maximum // self.size
        chances = (share + difference) / 2, (share - difference) / 2
        truth = Truth(groups, self.size, chances, self.plan.icc, "own chances")
        drawn = [drawn_pairs(truth, UPGRADES // 20, source) for _ in range(20)]
        return np.concatenate([each.reshape(-1, groups, self.size).mean(axis=2) for each in drawn])


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What became of upgrades: groups until they passed or failed, or one more than there are."""

    passed: npt.NDArray[np.intp]
    failed: npt.NDArray[np.intp]
    groups: int

    @property
    def passes(self) -> npt.NDArray[np.bool_]:
        return (self.passed <= self.groups) & (self.passed < self.failed)

    @property
    def fails(self) -> npt.NDArray[np.bool_]:
        return (self.failed <= self.groups) & (self.failed <= self.passed)

    @property
    def used(self) -> npt.NDArray[np.intp]:
        """Return the groups looked at: to the verdict, or all."""
        return np.minimum(np.minimum(self.passed, self.failed), self.groups)


def main() -> None:
    """Measure and report."""
    report, source = Report("gate"), np.random.default_rng(20_261)
    verdicts: list[dict[str, Any]] = []
    naive: list[dict[str, Any]] = []
    for (spread, (discordance, margin)), (size, icc) in itertools.product(SPREADS.items(), GROUPS):
        plan = plan_gate(margin, discordance=discordance, group_size=size, icc=icc)
        point = Point(f"{spread}, groups of {size}, ICC {icc}", plan, size)
        worse = point.draw(-margin, source)
        verdicts.append(judge_all(point, worse, source))
        naive.append(naive_rules(point, worse))
    print(f"{UPGRADES} upgrades a point; shares; cases over those of the fixed design")
    print(table(tuple(verdicts[0]), [tuple(row.values()) for row in verdicts]))
    print("\nWorse by exactly the margin, and passed all the same")
    print(table(tuple(naive[0]), [tuple(row.values()) for row in naive]))
    print()
    report.figure("points", verdicts)
    report.figure("naive", naive)
    report.target(
        "false pass at minus the margin, worst point", worst(verdicts, "false pass"), "<=", WRONG
    )
    report.target("false fail at zero, worst point", worst(verdicts, "false fail"), "<=", WRONG)
    least = min(row["pass by planned"] for row in verdicts)
    report.target("pass at zero by the planned cases", least, ">=", 0.8)
    used = worst(verdicts, "cases at twice")
    report.target("mean cases at twice the effect / fixed design", used, "<=", 0.5)
    report.finish()


def judge_all(point: Point, worse: Values, source: np.random.Generator) -> dict[str, Any]:
    """Return a row: what the gate did with upgrades of each kind."""
    margin, fixed = point.plan.margin, point.fixed
    even, better = (point.draw(difference, source) for difference in (0.0, margin))
    at_margin, at_zero, at_twice = (judged(point, each) for each in (worse, even, better))
    planned = point.plan.planned // point.size
    return {
        "discordance": point.name,
        "margin": margin,
        "planned": point.plan.planned,
        "fixed": fixed,
        "false pass": at_margin.passes.mean(),
        "false fail": at_zero.fails.mean(),
        "pass by planned": (at_zero.passes & (at_zero.passed <= planned)).mean(),
        "inconclusive": 1 - at_zero.passes.mean() - at_zero.fails.mean(),
        "cases at zero": at_zero.used.mean() * point.size / fixed,
        "cases at twice": at_twice.used.mean() * point.size / fixed,
    }


def judged(point: Point, means: Values) -> Outcomes:
    """Bet as the gate does, on all upgrades at once."""
    margin, bets = point.plan.margin, Plan(point.plan.margin, point.plan.variance)
    passed = first(capital(means, -margin, side="above", plan=bets) >= 1 / ALPHA)
    failed = first(capital(means, -margin, side="below", plan=bets) >= 1 / ALPHA)
    return Outcomes(passed, failed, means.shape[1])


def first(reached: npt.NDArray[np.bool_]) -> npt.NDArray[np.intp]:
    """Return after how many groups each row is first true; one more than there are if never."""
    never = np.ones((len(reached), 1), dtype=np.bool_)
    return np.argmax(np.concatenate([reached, never], axis=1), axis=1) + 1


def naive_rules(point: Point, means: Values) -> dict[str, Any]:
    """Return a row: how often common rules pass upgrades that are worse by exactly the margin."""
    margin, planned = point.plan.margin, point.plan.planned // point.size
    n = np.arange(1, means.shape[1] + 1, dtype=np.float64)
    running = np.cumsum(means, axis=1) / n
    variance = np.maximum(np.cumsum(means**2, axis=1) / n - running**2, 1e-12)
    low = running - special.stdtrit(np.maximum(n - 1, 1), 0.95) * np.sqrt(variance / n)
    looks = slice(min(EARLIEST, planned) - 1, planned)
    return {
        "discordance": point.name,
        "threshold": (running[:, planned - 1] > -margin).mean(),
        "threshold, all looks": (running[:, looks] > -margin).any(axis=1).mean(),
        "t interval": (low[:, planned - 1] > -margin).mean(),
        "t interval, all looks": (low[:, looks] > -margin).any(axis=1).mean(),
        "gate, all looks": judged(point, means).passes.mean(),
    }


def worst(rows: list[dict[str, Any]], name: str) -> float:
    """Return the largest value of a column."""
    return max(float(row[name]) for row in rows)


if __name__ == "__main__":
    main()
