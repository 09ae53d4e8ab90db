"""The gate: three verdicts, each at any time, from groups that are whole and in a fixed order."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from stanchion.errors import ConfigurationError
from stanchion.evaluate import (
    CaseResult,
    GatePlan,
    Verdict,
    gate,
    in_words,
    junit,
    markdown,
    plan_gate,
    read_results,
    write_results,
)
from stanchion.evaluate.statistics import Plan, anytime_interval, capital

PLAN = GatePlan(0.05, discordance=0.2)


def results(scores: Sequence[float], size: int = 1, metric: str = "exact") -> list[CaseResult]:
    """Return results of cases in groups of a size."""
    return [
        CaseResult(f"case {n}", {metric: score}, f"group {n // size}" if size > 1 else "")
        for n, score in enumerate(scores)
    ]


def drawn(cases: int, gained: float, lost: float, seed: int) -> tuple[list[float], list[float]]:
    """Return scores of a candidate and a baseline that differ in these shares of cases."""
    source = random.Random(seed)  # noqa: S311 (a simulation)
    pairs = [
        (1.0, 0.0) if at < gained else (0.0, 1.0) if at > 1 - lost else (1.0, 1.0)
        for at in (source.random() for _ in range(cases))
    ]
    return [new for new, _ in pairs], [old for _, old in pairs]


def test_a_clearly_good_candidate_passes_and_a_clearly_bad_one_fails() -> None:
    better, worse = drawn(600, 0.2, 0.05, seed=1)

    passed = gate(results(better), results(worse), {"exact": PLAN})
    failed = gate(results(worse), results(better), {"exact": PLAN})

    assert (passed.verdict, failed.verdict) == (Verdict.PASS, Verdict.FAIL)
    assert [each.verdict.exit_code for each in (passed, failed)] == [0, 1]
    assert passed.metrics[0].low > -0.05 > failed.metrics[0].high
    assert in_words(passed.metrics[0]).startswith("passes: +0.1")


def test_too_little_evidence_is_inconclusive_and_says_about_how_much_is_missing() -> None:
    few = [1.0] * 20

    found = gate(results(few), results(few), {"exact": PLAN})
    more = found.metrics[0].more
    assert more is not None
    later = [[1.0] * (20 + n) for n in (more // 2, 2 * more)]
    verdicts = [gate(results(each), results(each), {"exact": PLAN}).verdict for each in later]

    assert found.verdict.exit_code == 2
    assert f"about {more} more would settle it" in in_words(found.metrics[0])
    assert verdicts == [Verdict.INCONCLUSIVE, Verdict.PASS]


def test_without_a_result_or_close_to_the_margin_nothing_is_foreseen() -> None:
    (none,) = gate([], results([1.0] * 30), {"exact": PLAN}).metrics
    (close,) = gate(results([0.5] * 30), results([0.55] * 30), {"exact": PLAN}).metrics

    assert (none.cases, none.low, none.high, none.more) == (0, -1, 1, None)
    assert "can't be foreseen" in in_words(none)
    assert (close.verdict, close.more) == (Verdict.INCONCLUSIVE, None)


def test_the_verdict_rests_on_the_capital_and_the_confidence_sequence() -> None:
    scores, plan = [0.4] * 30, GatePlan(0.05)
    bets = Plan(0.05, plan.variance)

    (found,) = gate(results(scores), results([0.5] * 30), {"exact": plan}).metrics
    wanted = anytime_interval([-0.1] * 30, level=0.9, plan=bets)

    assert (found.low, found.high) == pytest.approx((wanted.low, wanted.high))
    against = capital([-0.1] * 30, -0.05, side="below", plan=bets)[-1]
    assert found.p_worse == pytest.approx(1 / against)


@pytest.mark.promise("EVAL-3")
@pytest.mark.parametrize(("size", "alike"), [(1, 0.0), (4, 0.6)])
def test_a_candidate_worse_by_exactly_the_margin_seldom_passes_at_any_look(
    size: int, alike: float
) -> None:
    source, groups, trials = np.random.default_rng(4), 120, 120
    plan = GatePlan(0.1, discordance=0.3, group_size=size, icc=alike)
    own = source.choice([1, 0, -1], (trials, groups, size), p=[0.1, 0.7, 0.2])
    shared = source.choice([1, 0, -1], (trials, groups, 1), p=[0.1, 0.7, 0.2])
    gaps = np.where(source.random(own.shape) < alike**0.5, shared, own).reshape(trials, -1)

    def passes(row: Sequence[int], looked: int) -> bool:
        candidate = results([float(gap >= 0) for gap in row[:looked]], size)
        baseline = results([float(gap <= 0) for gap in row], size)
        return gate(candidate, baseline, {"exact": plan}).verdict is Verdict.PASS

    looks = (groups * size // 2, groups * size)
    passed = [any(passes(row, looked) for looked in looks) for row in gaps.tolist()]

    assert np.mean(passed) <= 0.05 + 2.5 * (0.05 * 0.95 / trials) ** 0.5


@pytest.mark.promise("EVAL-3")
def test_groups_count_whole_and_in_an_order_that_results_cannot_choose() -> None:
    new, old = drawn(400, 0.3, 0.02, seed=8)
    candidate, baseline = results(new, size=4), results(old, size=4)
    favourable = sorted(candidate, key=lambda each: each.scores["exact"], reverse=True)

    whole = gate(candidate, baseline, {"exact": PLAN})
    mixed = candidate[::3] + candidate[1::3] + candidate[2::3]
    shuffled = gate(mixed, baseline[::-1], {"exact": PLAN})
    chosen = gate(favourable[:380], baseline, {"exact": PLAN}).metrics[0]

    assert shuffled == whole
    assert chosen.cases % 4 == 0
    assert chosen.cases < 380
    assert chosen.groups == chosen.cases // 4


def test_evidence_beyond_the_maximum_does_not_count() -> None:
    new, old = drawn(500, 0.3, 0.02, seed=8)

    found = gate(results(new), results(old), {"exact": GatePlan(0.05, maximum=20)}).metrics[0]

    assert (found.cases, found.verdict) == (20, Verdict.INCONCLUSIVE)


def test_another_order_looks_at_other_cases_first() -> None:
    new, old = drawn(300, 0.2, 0.1, seed=5)
    plan = {"exact": GatePlan(0.05, maximum=100)}

    values = {
        gate(results(new), results(old), plan, order=order).metrics[0].value for order in "abcdef"
    }

    assert len(values) > 1


def test_all_metrics_have_to_pass_and_any_can_fail() -> None:
    good, bad = drawn(900, 0.2, 0.02, seed=6)

    def both(first: list[float], second: list[float]) -> list[CaseResult]:
        pairs = enumerate(zip(first, second, strict=True))
        return [CaseResult(f"{n}", {"exact": a, "polite": b}) for n, (a, b) in pairs]

    plans = {"exact": PLAN, "polite": PLAN}
    verdicts = [
        gate(both(*new), both(*old), plans).verdict
        for new, old in [((good, good), (bad, bad)), ((good, bad), (bad, good))]
    ]
    unsure = gate(both(good, good), both(bad, good), {"exact": PLAN, "polite": GatePlan(0.001)})

    assert verdicts == [Verdict.PASS, Verdict.FAIL]
    assert unsure.verdict is Verdict.INCONCLUSIVE
    assert [each.verdict for each in unsure.metrics] == [Verdict.PASS, Verdict.INCONCLUSIVE]


def test_evidence_of_a_failure_is_corrected_for_the_number_of_metrics() -> None:
    names = [f"metric {n}" for n in range(40)]
    bad, good = drawn(120, 0.02, 0.2, seed=2)

    def scored(scores: list[float]) -> list[CaseResult]:
        return [
            CaseResult(f"{n}", {name: score if name == "metric 7" else 1.0 for name in names})
            for n, score in enumerate(scores)
        ]

    alone = gate(scored(bad), scored(good), {"metric 7": PLAN}).metrics[0]
    among = gate(scored(bad), scored(good), dict.fromkeys(names, PLAN)).metrics[7]

    assert alone.verdict is Verdict.FAIL
    assert among.p_worse == pytest.approx(min(1, 40 * alone.p_worse))


def test_a_case_without_a_score_counts_as_what_is_worst_for_the_candidate() -> None:
    scored = results([1.0] * 100)
    broken = [CaseResult(each.case, {}, error="crashed") for each in scored]

    failed = gate(broken, scored, {"exact": PLAN}).metrics[0]
    unknown = gate(scored, [*broken[:50], *scored[50:]], {"exact": PLAN}).metrics[0]

    assert (failed.value, failed.unscored, failed.verdict) == (-1, 100, Verdict.FAIL)
    assert (unknown.value, unknown.unscored) == (0, 50)
    assert "50 of them without a score" in in_words(unknown)


def test_larger_groups_weigh_more_as_their_cases_do() -> None:
    sizes = [1, 2, 3, 4] * 10
    names = [f"group {g}" for g, size in enumerate(sizes) for _ in range(size)]
    old = [CaseResult(f"{n}", {"exact": 0.0}, name) for n, name in enumerate(names)]
    new = [CaseResult(f"{n}", {"exact": n % 2}, name) for n, name in enumerate(names)]

    assert gate(new, old, {"exact": PLAN}).metrics[0].value == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("candidate", "baseline", "told"),
    [
        (results([1, 1]), results([1]), "aren't the baseline's, 'case 1' for one"),
        (results([1, 1], size=2), results([1, 1]), "in another group for the candidate"),
        (results([1]) * 2, results([1]), "the candidate has two results of the case 'case 0'"),
        (results([1]), results([1], metric="polite"), "choose among polite"),
    ],
)
def test_results_that_cannot_be_compared_are_refused(
    candidate: list[CaseResult], baseline: list[CaseResult], told: str
) -> None:
    with pytest.raises(ConfigurationError, match=told):
        gate(candidate, baseline, {"exact": PLAN})


@pytest.mark.parametrize(("margin", "alpha"), [(0, 0.05), (1, 0.05), (0.1, 0), (0.1, 0.5)])
def test_a_margin_or_an_error_that_means_nothing_is_refused(margin: float, alpha: float) -> None:
    with pytest.raises(ConfigurationError, match="can't be judged"):
        GatePlan(margin, alpha)


def test_a_plan_gives_an_equally_good_candidate_its_power_and_needs_more_for_more() -> None:
    plan = plan_gate(0.1, discordance=0.3)
    trials = 150
    passed = [
        gate(results(new), results(old), {"exact": plan}).verdict is Verdict.PASS
        for new, old in (drawn(plan.planned, 0.15, 0.15, seed) for seed in range(trials))
    ]

    assert np.mean(passed) >= 0.8 - 2.5 * (0.16 / trials) ** 0.5
    assert plan.maximum == 2 * plan.planned
    assert plan_gate(0.1, discordance=0.3, group_size=4, icc=0.5).planned > 1.8 * plan.planned
    assert plan_gate(0.05, discordance=0.3).planned > 3 * plan.planned


def test_results_are_the_same_from_their_file(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    wanted = (
        CaseResult("ä\n1", {"exact": 1.0, "f1": 0.25}, "anna", facts={"seconds": 1.5}),
        CaseResult("2", {}, error="StepFailed: no"),
    )
    write_results(path, wanted)

    assert read_results(path) == wanted


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "holds no results"),
        ("{", "line 1 of .* isn't a result"),
        ('[{"case": 1}]', "line 1 of .* isn't a result"),
        ('{"case": 1}\n{"scores": {}}', "line 2 of .* isn't a result: KeyError"),
        ('{"case": 1, "scores": {"exact": 7}}', "the score 'exact' is 7"),
        ('{"case": 1, "scores": {"exact": NaN}}', "the score 'exact' is nan"),
    ],
)
def test_a_file_that_holds_no_results_says_which_line(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "bad.jsonl").write_text(text, encoding="utf-8")

    with pytest.raises(ConfigurationError, match=told):
        read_results(tmp_path / "bad.jsonl")


def test_a_report_for_ci_keeps_hostile_names_in_their_place() -> None:
    name = 'a|b<script>"&\x1b\n`c`'
    bad, good = drawn(300, 0.02, 0.3, seed=2)
    report = gate(results(bad, metric=name), results(good, metric=name), {name: PLAN})

    suite = ET.fromstring(junit(report))  # noqa: S314 (our own)
    row = markdown(report).splitlines()[4]

    assert (suite.get("failures"), suite.get("errors")) == ("1", "0")
    assert (
        suite[0].get("name") == 'a|b<script>"&\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}`c`'
    )
    assert row.replace(r"\|", "").count("|") == 8
    assert r"\<script\>" in row


def test_an_inconclusive_metric_is_an_error_for_junit() -> None:
    report = gate(results([1.0] * 5), results([1.0] * 5), {"exact": PLAN})
    suite = ET.fromstring(junit(report))  # noqa: S314 (our own)

    assert (suite.get("failures"), suite.get("errors")) == ("0", "1")
    assert suite[0][0].get("type") == "inconclusive"
