"""Tests of pairs, repeated trials, power: against enumeration, SciPy and published values."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from stanchion.evaluate.statistics import (
    Design,
    Floats,
    bootstrap,
    cases_needed,
    detectable,
    holm,
    mcnemar,
    paired_permutation,
    pass_at_k,
    pass_hat_k,
    power,
)

AIRLINE = np.repeat([0, 1, 2, 3, 4], [14, 12, 10, 4, 10])
"""Of 50 tasks, each tried 4 times, how often it was solved: tau-bench's published gpt-4o runs."""


def test_pass_hat_k_is_what_was_published() -> None:
    found = [pass_hat_k(AIRLINE, 4, k) for k in (1, 2, 3, 4)]

    assert [each.value for each in found] == pytest.approx([0.42, 0.2733, 0.22, 0.20], abs=5e-5)
    assert all(each.low < each.value < each.high for each in found)
    assert (found[3].low, found[3].high) == pytest.approx((0.10, 0.32), abs=0.03)


@given(st.integers(1, 6), st.data())
def test_pass_at_k_and_pass_hat_k_are_the_shares_of_all_choices_of_k_trials(
    trials: int, data: st.DataObject
) -> None:
    k = data.draw(st.integers(1, trials))
    solved = data.draw(st.integers(0, trials))
    outcomes = [i < solved for i in range(trials)]
    chosen = list(itertools.combinations(outcomes, k))

    assert pass_hat_k([solved], trials, k).value == pytest.approx(np.mean([all(c) for c in chosen]))
    assert pass_at_k([solved], trials, k).value == pytest.approx(np.mean([any(c) for c in chosen]))


def test_tasks_that_all_succeeded_have_the_limits_of_a_proportion_of_tasks() -> None:
    found = pass_hat_k([4] * 30, 4, 4)

    assert (found.value, round(found.low, 3), found.high) == (1, 0.884, 1)
    assert pass_hat_k([2] * 30, 4, 1).reason == "all units say the same"


@pytest.mark.parametrize(("solved", "k"), [([5], 2), ([-1], 2), ([1], 0), ([1], 5)])
def test_trials_that_cannot_be_are_refused(solved: list[int], k: int) -> None:
    with pytest.raises(ValueError, match="needs 1 <= k <= trials"):
        pass_hat_k(solved, 4, k)


@given(st.integers(0, 40), st.integers(0, 40))
def test_mcnemar_is_the_sign_test_on_discordant_pairs(gained: int, lost: int) -> None:
    n = gained + lost
    wanted = stats.binomtest(gained, n).pvalue if n else 1.0

    assert mcnemar(gained, lost) == pytest.approx(wanted)


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=8))
def test_a_permutation_test_of_few_pairs_counts_every_swap(gaps: list[int]) -> None:
    totals = [
        abs(sum(sign * gap for sign, gap in zip(signs, gaps, strict=True)))
        for signs in itertools.product((1, -1), repeat=len(gaps))
    ]
    wanted = np.mean([total >= abs(sum(gaps)) for total in totals])

    assert paired_permutation(gaps, [0] * len(gaps)) == pytest.approx(wanted)


def test_a_permutation_test_of_many_pairs_is_near_the_exact_one_and_never_zero() -> None:
    gained, lost = [1] * 30 + [0] * 12, [0] * 30 + [1] * 12

    assert paired_permutation(gained, lost) == pytest.approx(mcnemar(30, 12), rel=0.3)
    assert paired_permutation([1] * 200, [0] * 200) == 1 / 20_001


def test_pairs_of_one_group_are_swapped_together() -> None:
    gaps, names = [1] * 50, np.repeat(np.arange(5), 10).tolist()

    assert paired_permutation(gaps, [0] * 50, names) == 2 / 32


def test_holm_corrects_step_by_step_and_keeps_the_order() -> None:
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005}) == pytest.approx(
        {"d": 0.02, "a": 0.03, "c": 0.06, "b": 0.06}
    )
    assert holm({}) == {}


def test_the_bootstrap_is_bca_and_says_when_there_is_nothing_to_resample() -> None:
    scores = np.random.default_rng(5).exponential(size=60)
    ours = bootstrap(scores, lambda rows: rows[..., 0].mean(axis=-1), resamples=20_000)
    theirs = stats.bootstrap((scores,), np.mean, n_resamples=20_000, rng=3).confidence_interval

    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), rel=0.02)
    assert bootstrap([1, 1, 1], lambda rows: rows[..., 0].mean(axis=-1)).reason


def test_a_bootstrap_of_units_with_columns_resamples_whole_units() -> None:
    def ratio(rows: Floats) -> Floats:
        return rows[..., 0].sum(axis=-1) / rows[..., 1].sum(axis=-1)

    found = bootstrap([(1, 2), (2, 2), (0, 3), (3, 4), (1, 1)] * 8, ratio)

    assert found.value == pytest.approx(7 / 12)
    assert found.low < found.value < found.high


@pytest.mark.parametrize("design", [Design(0.2), Design(0.1, 5, 0.5)])
def test_power_cases_and_the_smallest_effect_are_one_relation(design: Design) -> None:
    cases = cases_needed(design, 0.04)

    assert power(design, cases, 0.04) == pytest.approx(0.8, abs=0.01)
    assert detectable(design, cases) == pytest.approx(0.04, rel=0.01)
    assert power(design, cases, 0.0) == pytest.approx(0.05)


def test_planned_power_is_what_simulated_pairs_show() -> None:
    design, source = Design(0.3), np.random.default_rng(2)
    cases = cases_needed(design, 0.06)
    drawn = source.choice([1, 0, -1], (4000, cases), p=[0.18, 0.7, 0.12])
    z = np.mean(drawn, axis=1) / (np.std(drawn, axis=1) / cases**0.5)

    assert (z > stats.norm.ppf(0.95)).mean() == pytest.approx(0.8, abs=0.03)
