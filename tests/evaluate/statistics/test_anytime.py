"""Evidence under any number of looks: over every sequence that there can be, and by simulation."""

import itertools
from math import prod

import numpy as np
import pytest

from stanchion.evaluate.statistics import Floats, Plan, Side, anytime_interval, capital

LENGTH = 7
SEQUENCES = np.array(list(itertools.product((-1.0, 0.0, 1.0), repeat=LENGTH)))
PLANS = [None, Plan(0.3, 0.4), Plan(2.0, 0.01)]
TRUTHS = [(0.2, 0.5, 0.3), (0.05, 0.9, 0.05), (0.6, 0.0, 0.4)]


def chances(shares: tuple[float, float, float]) -> Floats:
    """Return how likely each sequence of independent values is."""
    return np.array([prod(shares[int(value) + 1] for value in row) for row in SEQUENCES])


@pytest.mark.promise("EVAL-2")
@pytest.mark.parametrize("side", ["above", "below"])
@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("shares", TRUTHS)
def test_capital_against_the_truth_is_one_on_average_and_seldom_large_at_any_time(
    side: Side, plan: Plan | None, shares: tuple[float, float, float]
) -> None:
    mean, likely = shares[2] - shares[0], chances(shares)
    grown = capital(SEQUENCES, mean, side=side, plan=plan)

    assert likely @ grown == pytest.approx(np.ones(LENGTH))
    for alpha in (0.05, 0.2, 0.5):
        assert likely @ (grown.max(axis=1) >= 1 / alpha) <= alpha


@pytest.mark.parametrize("plan", PLANS)
def test_groups_that_weigh_by_their_size_keep_capital_at_one(plan: Plan | None) -> None:
    sizes = np.array([0.2, 1.0, 0.6, 1.0, 0.2, 0.8, 0.4])
    shares = (0.2, 0.5, 0.3)

    grown = capital(SEQUENCES, 0.1, side="above", plan=plan, weights=sizes)

    assert chances(shares) @ grown == pytest.approx(np.ones(LENGTH))


@pytest.mark.promise("EVAL-2")
@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("shares", TRUTHS)
def test_a_confidence_sequence_misses_the_truth_seldom_over_all_looks(
    plan: Plan | None, shares: tuple[float, float, float]
) -> None:
    mean, likely = shares[2] - shares[0], chances(shares)
    found = [anytime_interval(row, level=0.8, plan=plan) for row in SEQUENCES]
    low, high = np.array([(each.low, each.high) for each in found]).T

    assert likely @ (low > mean) <= 0.1
    assert likely @ (high < mean) <= 0.1


def test_a_confidence_sequence_is_what_capital_has_not_excluded_and_only_shrinks() -> None:
    drawn = np.random.default_rng(3).choice([-1.0, 0.0, 1.0], 300, p=[0.1, 0.6, 0.3])
    found = [anytime_interval(drawn[:n], level=0.9) for n in (20, 100, 300)]

    edges: list[tuple[float, Side]] = [(found[-1].low, "above"), (found[-1].high, "below")]
    for edge, side in edges:
        near = [capital(drawn, edge + move, side=side).max() for move in (-0.001, 0.001)]
        assert min(near) < 20 < max(near)
    assert found[0].low <= found[1].low <= found[2].low < 0.2 < found[2].high <= found[1].high


@pytest.mark.parametrize("worst", [-1.0, 1.0])
def test_no_value_ruins_the_gambler_and_certainty_comes_soon(worst: float) -> None:
    side: Side = "above" if worst < 0 else "below"
    lost = capital([worst] * 50, 0.0, side=side, plan=Plan(1.0, 0.001))
    won = capital([-worst] * 5, 0.0, side=side, plan=Plan(1.0, 0.001))

    assert (lost > 0).all()
    assert won[-1] > 20


def test_values_outside_their_bounds_are_refused() -> None:
    with pytest.raises(ValueError, match="must lie in"):
        capital([0.2, 1.2], 0.0, side="above")
    with pytest.raises(ValueError, match="must lie in"):
        capital([0.2], 0.0, side="above", weights=[1.5])
