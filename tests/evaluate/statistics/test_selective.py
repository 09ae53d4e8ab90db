"""Thresholds with a promised risk: exact, searched for at a price that is paid, never lucky."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from stanchion.evaluate.statistics import fewest_cases, select_threshold, threshold_sequence

ALPHA = 0.1


def test_the_fewest_cases_are_those_without_an_error_that_exclude_the_risk() -> None:
    assert fewest_cases(0.02, 0.1) == 114
    assert [fewest_cases(risk, ALPHA) for risk in (0.1, 0.05)] == [22, 45]
    for risk in (0.1, 0.05, 0.02):
        n = fewest_cases(risk, ALPHA)
        assert (1 - risk) ** n <= ALPHA < (1 - risk) ** (n - 1)


def test_a_threshold_is_chosen_by_the_exact_binomial_test() -> None:
    scores = np.linspace(1.0, 0.5, 60)
    wrong = np.zeros(60)
    wrong[40] = 1
    chosen = select_threshold([0.8, 0.6, 0.5], scores, wrong, risk=0.1, alpha=ALPHA)
    assert chosen is not None
    assert chosen.errors == wrong[scores >= chosen.threshold].sum()
    assert stats.binom.cdf(chosen.errors, chosen.cases, 0.1) <= ALPHA


def test_the_search_ends_at_the_first_threshold_that_may_be_too_risky() -> None:
    scores = np.linspace(1.0, 0.0, 400)
    wrong = np.zeros(400)
    wrong[30:60] = 1  # a risky stretch, and nothing wrong below it
    everything = select_threshold([0.0], scores, wrong, risk=0.1, alpha=ALPHA)
    in_order = select_threshold([0.93, 0.87, 0.0], scores, wrong, risk=0.1, alpha=ALPHA)
    assert everything is not None
    assert in_order is not None
    assert in_order.threshold == 0.93


def test_without_enough_cases_nothing_is_tried_and_nothing_chosen() -> None:
    scores, wrong = np.linspace(0.5, 1, 20), np.zeros(20)
    assert threshold_sequence(scores, wrong, size=20, risk=0.1, alpha=ALPHA).size == 0
    assert select_threshold([0.5], scores, wrong, risk=0.1, alpha=ALPHA) is None


def test_equal_scores_are_decided_together() -> None:
    scores = np.repeat([0.9, 0.8], 100)
    sequence = threshold_sequence(scores, np.zeros(200), size=200, risk=0.1, alpha=ALPHA)
    assert set(sequence) <= {0.9, 0.8}
    assert len(sequence) == len(set(sequence))


@pytest.mark.promise("DECIDE-2")
@pytest.mark.parametrize("risk", [0.1, 0.05])
@pytest.mark.parametrize("kind", ["steep", "flat"])
def test_draws_whose_true_error_exceeds_the_risk_are_as_rare_as_promised(
    risk: float, kind: str
) -> None:
    source, draws, n = np.random.default_rng(7), 600, 300
    violations = 0
    for _ in range(draws):
        scores = source.random(n)
        chance = np.full(n, risk * 1.001) if kind == "flat" else (1 - scores) * 2 * risk * 1.5
        wrong = (source.random(n) < chance).astype(float)
        part = n // 4
        sequence = threshold_sequence(
            scores[:part], wrong[:part], size=n - part, risk=risk, alpha=ALPHA
        )
        if not sequence.size:
            continue
        chosen = select_threshold(sequence, scores[part:], wrong[part:], risk=risk, alpha=ALPHA)
        if chosen is not None:
            true = risk * 1.001 if kind == "flat" else (1 - chosen.threshold) * risk * 1.5
            violations += true > risk
    assert stats.binomtest(violations, draws, ALPHA, alternative="greater").pvalue > 0.001
