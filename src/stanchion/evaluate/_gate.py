"""The gate: may the candidate replace the baseline? Pass, fail, or not enough evidence.

On the same cases, group by group in an order fixed beforehand, the differences of the scores feed a
confidence sequence. The candidate passes a metric once all of it lies above minus the margin, and
fails once all of it lies below, so the verdict may be asked for after every case, and holds. Nobody
runs anything here: the gate judges results. NumPy is imported when a verdict is asked for.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from stanchion.errors import ConfigurationError
from stanchion.evaluate._order import drawn_order
from stanchion.evaluate._plan import GatePlan
from stanchion.evaluate._results import CaseResult, Pair, paired

__all__ = ["GateReport", "MetricVerdict", "Verdict", "gate"]

FEWEST_TO_FORESEE = 10
"""With fewer groups the rest can't be foreseen."""


class Verdict(StrEnum):
    """What the evidence says, in the order of the exit codes."""

    PASS = "pass"  # noqa: S105 (no password)
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"

    @property
    def exit_code(self) -> int:
        """Return 0, 1 or 2."""
        return list(Verdict).index(self)


@dataclass(frozen=True, slots=True)
class MetricVerdict:
    """One metric: the verdict, and what it rests on."""

    metric: str
    verdict: Verdict
    margin: float
    value: float
    """The mean difference, candidate minus baseline, over the cases that counted; 0 of none."""
    low: float
    high: float
    """The limits now, each with the plan's error probability over all looks."""
    cases: int
    groups: int
    """What counted: whole groups, in the order fixed beforehand, up to the plan's maximum."""
    p_worse: float
    """That it is no worse than the margin allows: valid at any time, Holm-corrected."""
    more: int | None
    """About how many more cases would settle it; None if the data don't tell, 0 if settled."""
    unscored: int
    """Cases without a score: each counted as what is worst for the candidate."""


@dataclass(frozen=True, slots=True)
class GateReport:
    """The verdict over all metrics: pass if all pass, fail if any fails, else inconclusive."""

    verdict: Verdict
    metrics: tuple[MetricVerdict, ...]


def gate(
    candidate: Sequence[CaseResult],
    baseline: Sequence[CaseResult],
    plans: Mapping[str, GatePlan],
    *,
    order: str = "",
) -> GateReport:
    """Judge a candidate against a baseline on the same cases, at any time.

    A candidate may still lack cases: groups count once they are whole, in an order drawn from their
    names and ``order``, so that neither the order nor a slow case can choose the evidence. All
    metrics have to pass, each at the plan's error; which may fail is corrected for their number.
    """
    # An optional extra.
    from stanchion.evaluate.statistics import holm

    rows = drawn_order(paired(candidate, baseline), lambda pair: (pair.group, pair.case), order)
    heard = {name: _weigh(name, plan, rows) for name, plan in plans.items()}
    worse = holm({name: 1 / max(each.against, 1.0) for name, each in heard.items()})
    metrics = tuple(heard[name].verdict(worse[name]) for name in plans)
    return GateReport(_overall([each.verdict for each in metrics]), metrics)


def _overall(verdicts: Sequence[Verdict]) -> Verdict:
    if Verdict.FAIL in verdicts:
        return Verdict.FAIL
    return Verdict.PASS if {*verdicts} == {Verdict.PASS} else Verdict.INCONCLUSIVE


def _whole(groups: Sequence[Sequence[Pair]], maximum: int) -> list[Sequence[Pair]]:
    """Return the groups that count: those before the first with a case missing, up to a maximum."""
    counted: list[Sequence[Pair]] = []
    cases = 0
    for group in groups:
        cases += len(group)
        if any(pair.candidate is None for pair in group) or cases > (maximum or math.inf):
            break
        counted.append(group)
    return counted


def _gap(metric: str, pair: Pair) -> tuple[float, bool]:
    """Return candidate minus baseline, and whether both were scored; else the worst for it."""
    new = pair.candidate.scores.get(metric) if pair.candidate else None
    old = pair.baseline.scores.get(metric)
    gap = (0.0 if new is None else new) - (1.0 if old is None else old)
    return gap, new is not None and old is not None


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What one metric's differences say, before the number of metrics is corrected for."""

    metric: str
    plan: GatePlan
    value: float
    low: float
    high: float
    cases: int
    groups: int
    unscored: int
    in_favour: float
    """The most that a gambler had who bets that it is better than the margin allows."""
    against: float
    more: int | None

    def verdict(self, p_worse: float) -> MetricVerdict:
        """Return the verdict; evidence both ways, which is rare, counts as a failure."""
        found = Verdict.INCONCLUSIVE
        if p_worse <= self.plan.alpha:
            found = Verdict.FAIL
        elif self.in_favour >= 1 / self.plan.alpha:
            found = Verdict.PASS
        return MetricVerdict(
            self.metric,
            found,
            self.plan.margin,
            self.value,
            self.low,
            self.high,
            self.cases,
            self.groups,
            p_worse,
            self.more if found is Verdict.INCONCLUSIVE else 0,
            self.unscored,
        )


def _weigh(metric: str, plan: GatePlan, groups: Sequence[Sequence[Pair]]) -> _Evidence:
    """Bet on the groups that count, each with its share of the largest that there is."""
    # An optional extra.
    from stanchion.evaluate.statistics import Plan, anytime_interval, capital

    _known(metric, groups)
    counted = _whole(groups, plan.maximum)
    gaps = [[_gap(metric, pair) for pair in group] for group in counted]
    cases = sum(map(len, gaps))
    if not counted:
        return _Evidence(metric, plan, 0.0, -1.0, 1.0, 0, 0, 0, 1.0, 1.0, None)
    means = [sum(gap for gap, _ in group) / len(group) for group in gaps]
    weights = [len(group) / max(map(len, groups)) for group in gaps]
    bets = Plan(plan.margin, plan.variance)
    now = anytime_interval(means, level=1 - 2 * plan.alpha, plan=bets, weights=weights)
    rich = capital(means, -plan.margin, side="above", plan=bets, weights=weights)
    poor = capital(means, -plan.margin, side="below", plan=bets, weights=weights)
    return _Evidence(
        metric,
        plan,
        now.value,
        now.low,
        now.high,
        cases,
        len(counted),
        sum(not scored for group in gaps for _, scored in group),
        float(rich.max()),
        float(poor.max()),
        _more(plan, means, weights, (float(rich[-1]), float(poor[-1])), cases),
    )


def _more(
    plan: GatePlan,
    means: Sequence[float],
    weights: Sequence[float],
    capitals: tuple[float, float],
    cases: int,
) -> int | None:
    """Estimate how many more cases would settle it, if they are as those so far.

    The capital still lacking, over the growth of a bet at today's variance.
    """
    if len(means) < FEWEST_TO_FORESEE:
        return None
    gaps = [weight * (mean + plan.margin) for mean, weight in zip(means, weights, strict=True)]
    centre = sum(gaps) / len(gaps)
    spread = sum((gap - centre) ** 2 for gap in gaps) / len(gaps)
    stake = min(plan.margin / (spread + plan.margin**2), 0.9 / (1 + plan.margin))
    lacking = [-math.log(plan.alpha) - math.log(now) for now in capitals]
    growths = [sum(math.log1p(sign * stake * gap) for gap in gaps) / len(gaps) for sign in (1, -1)]
    groups = [need / grow for need, grow in zip(lacking, growths, strict=True) if grow > 1e-6]
    return math.ceil(max(min(groups), 1) * cases / len(means)) if groups else None


def _known(metric: str, groups: Sequence[Sequence[Pair]]) -> None:
    names = {name for group in groups for pair in group for name in pair.baseline.scores}
    if metric not in names:
        raise ConfigurationError(
            f"no result of the baseline has a score {metric!r}",
            remedy=f"choose among {', '.join(sorted(names)) or 'none: it has no scores at all'}",
        )
