"""Coverage, by summing over every outcome that there can be: exact, so nothing is left to luck."""

import itertools

import numpy as np
import pytest
from scipy import stats

from stanchion.evaluate.statistics import (
    Floats,
    by_group,
    clopper_pearson,
    difference,
    effective_n,
    icc,
    mean,
    paired_difference,
    paired_limits,
    proportion,
    wilson,
)

FIRST_HALF = np.repeat([1.0, 0.0], 50)
SHARES = (0.01, 0.1, 0.3, 0.5, 0.77, 0.9, 0.95, 0.99)


@pytest.mark.promise("EVAL-1")
@pytest.mark.parametrize("n", [1, 2, 10, 37, 300])
@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
def test_the_default_limits_of_a_share_never_cover_less_than_they_say(n: int, level: float) -> None:
    k = np.arange(n + 1)
    low, high = clopper_pearson(k, n, level=level)

    for p in SHARES:
        covered = stats.binom.pmf(k, n, p)[(low <= p) & (p <= high)].sum()
        assert covered >= level - 1e-12


def test_exact_and_score_limits_are_those_of_scipy() -> None:
    for k, n in [(0, 10), (3, 10), (10, 10), (57, 60), (150, 300)]:
        exact = stats.binomtest(k, n).proportion_ci(0.95, method="exact")
        score = stats.binomtest(k, n).proportion_ci(0.95, method="wilson")
        assert clopper_pearson(k, n) == pytest.approx((exact.low, exact.high))
        assert wilson(k, n) == pytest.approx((score.low, score.high))


def test_no_failure_in_114_cases_is_what_a_risk_of_two_percent_needs() -> None:
    low = [float(clopper_pearson(n, n, level=0.8)[0]) for n in (113, 114)]

    assert low[0] < 0.98 <= low[1]


@pytest.mark.promise("EVAL-1")
@pytest.mark.parametrize("n", [10, 25, 60])
def test_limits_of_a_paired_difference_cover_what_they_say(n: int) -> None:
    cells = np.array([(b, c, n - b - c) for b in range(n + 1) for c in range(n + 1 - b)])
    gained, lost, _ = cells.T
    low, high = paired_limits(gained, lost, n)

    for share, upward in itertools.product((0.02, 0.1, 0.3, 0.6), (0.5, 0.75, 1.0)):
        p, q = share * upward, share * (1 - upward)
        shares = [p, q, 1 - p - q]
        likely: Floats = np.asarray(stats.multinomial.pmf(cells, n, shares), dtype=np.float64)
        covered = likely[(low <= p - q + 1e-12) & (p - q <= high + 1e-12)].sum()
        assert covered >= 0.95


def test_a_difference_of_independent_shares_covers_what_it_says() -> None:
    n, m, p, q = 12, 9, 0.9, 0.6
    covered = 0.0
    for k, j in itertools.product(range(n + 1), range(m + 1)):
        found = difference([1] * k + [0] * (n - k), [1] * j + [0] * (m - j))
        if found.low <= p - q <= found.high:
            covered += float(stats.binom.pmf(k, n, p) * stats.binom.pmf(j, m, q))

    assert covered >= 0.95


@pytest.mark.promise("EVAL-1")
@pytest.mark.parametrize("p", [0.5, 0.9, 0.95])
@pytest.mark.parametrize("alike", [0.0, 0.3, 0.7])
def test_a_share_of_cases_in_groups_covers_within_three_points(p: float, alike: float) -> None:
    groups, size = 10, 10
    source = np.random.default_rng(7)
    shared = source.random((400, groups, 1)) < p
    own = source.random((400, groups, size)) < p
    drawn = np.where(source.random(own.shape) < alike**0.5, shared, own).reshape(400, -1)
    names = np.repeat(np.arange(groups), size).tolist()

    found = [proportion(row, names) for row in drawn]

    assert np.mean([each.low <= p <= each.high for each in found]) >= 0.92


@pytest.mark.promise("EVAL-1")
def test_fewer_than_ten_groups_claim_nothing_and_say_why() -> None:
    names = np.repeat(np.arange(9), 30).tolist()
    found = [
        proportion([1] * 270, names),
        paired_difference([1] * 270, [0] * 270, names),
        mean(np.arange(270.0), names),
    ]

    assert [each.reason for each in found] == ["too few clusters: 9, and 10 are needed"] * 3
    assert [(each.low, each.high) for each in found] == [(0, 1), (-1, 1), (-np.inf, np.inf)]
    assert str(found[0]) == "1.000 (too few clusters: 9, and 10 are needed)"


def test_groups_that_agree_within_count_once_and_groups_of_one_count_whole() -> None:
    fives = np.repeat(np.arange(20), 5).tolist()
    alike, mixed = (by_group(each, fives) for each in (FIRST_HALF, np.tile([1.0, 0.0], 50)))
    alone = by_group(FIRST_HALF, list(range(100)))

    assert effective_n(alike) == pytest.approx(20, rel=0.06)
    assert effective_n(alone) == 100
    assert (icc(alike), icc(mixed)) == (1, 0)


def test_a_mean_has_students_limits_and_one_score_has_none() -> None:
    scores = [0.2, 0.9, 0.4, 0.7, 0.65]
    theirs = stats.ttest_1samp(scores, 0).confidence_interval()

    found = mean(scores)

    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high))
    assert mean([0.5]).reason == "one score has no spread"


def test_scores_other_than_0_and_1_are_paired_by_their_differences() -> None:
    found = paired_difference([0.5, 0.7, 0.9], [0.4, 0.7, 0.7])

    assert (found.value, found.method) == (pytest.approx(0.1), "Student on 3 groups")


@pytest.mark.parametrize("wrong", [[], [0.5], [float("nan")], [[1, 0]]])
def test_what_is_no_row_of_outcomes_is_refused(wrong: list[float]) -> None:
    with pytest.raises(ValueError, match=r"outcomes are 0 or 1|not a non-empty row"):
        proportion(wrong)
