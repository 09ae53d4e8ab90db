"""Evidence that may be looked at after every observation: betting on the mean of bounded values.

Against each possible mean m a gambler bets that the values are higher, or lower; if m is true their
capital is a martingale from 1, and reaches 1/alpha with a probability of alpha at most, at any time
(Ville). What capital has rejected is outside the confidence sequence (Waudby-Smith and Ramdas, JRSS
B 2024, section 4). It holds for any distribution and any dependence on the past, as long as each
value has the mean given those before: for groups of cases, the value is the group's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from stanchion.evaluate.statistics._interval import Floats, Interval, floats

__all__ = ["Plan", "Side", "anytime_interval", "capital"]

Side: TypeAlias = Literal["above", "below"]

SHARE = 0.9
"""Of the capital at most is staked at once, so that no value ruins the gambler."""
STEPS = 50
"""Of bisection: 2 ** -50 of the range."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What bets are made for: the distance that is to be detected, and the spread expected.

    Any plan is valid; the better it fits, the sooner there is a verdict.
    """

    distance: float
    """Between the mean and the value that is to be excluded."""
    variance: float
    """Of a value, before any is seen."""
    trusted: float = 5.0
    """How many values the expected variance counts for."""


def capital(
    values: npt.ArrayLike,
    mean: float,
    *,
    side: Side,
    bounds: tuple[float, float] = (-1.0, 1.0),
    plan: Plan | None = None,
    weights: npt.ArrayLike | None = None,
) -> Floats:
    """Return the capital after each value: an e-process against "the mean is at most ``mean``".

    With ``side="below"`` against "at least". Values lie in ``bounds``, along the last axis of any
    number of sequences. ``weights`` in (0, 1] stand for the sizes of groups: the mean is then the
    weighted one, and only the weight of the next value may depend on earlier ones.
    """
    return np.exp(_game(values, weights, bounds, plan, alpha=0.05).log_capital(mean, side))


def anytime_interval(
    values: npt.ArrayLike,
    *,
    level: float = 0.95,
    bounds: tuple[float, float] = (-1.0, 1.0),
    plan: Plan | None = None,
    weights: npt.ArrayLike | None = None,
) -> Interval:
    """Return what a confidence sequence says after these values, whatever made you look now.

    The running intersection: what was excluded stays excluded. Each limit alone is wrong with a
    probability of (1 - level) / 2 at most, over all times together.
    """
    alpha = (1 - level) / 2
    game = _game(floats(values), weights, bounds, plan, alpha=alpha)

    def excluded(mean: float, side: Side) -> bool:
        return bool(game.log_capital(mean, side).max() >= -np.log(alpha))

    low = _edge(bounds, lambda mean: excluded(mean, "above"))
    high = -_edge((-bounds[1], -bounds[0]), lambda mean: excluded(-mean, "below"))
    value = float((game.x * game.w).sum() / game.w.sum())
    return Interval(value, low, high, level, "betting confidence sequence")


@dataclass(frozen=True, slots=True)
class _Game:
    """Values, the weights of their groups, and what is staked on each."""

    x: Floats
    w: Floats
    bounds: tuple[float, float]
    bets: Floats

    def log_capital(self, mean: float, side: Side) -> Floats:
        """Sum log(1 + bet * weight * gap); the bets stop short of ruin by the worst value."""
        gaps = self.x - mean if side == "above" else mean - self.x
        worst = mean - self.bounds[0] if side == "above" else self.bounds[1] - mean
        stakes = np.minimum(self.bets, SHARE / worst) if worst > 0 else self.bets
        return np.cumsum(np.log1p(stakes * self.w * gaps), axis=-1)


def _game(
    values: npt.ArrayLike,
    weights: npt.ArrayLike | None,
    bounds: tuple[float, float],
    plan: Plan | None,
    *,
    alpha: float,
) -> _Game:
    """Place the bets: each from the values before it alone.

    By a plan the stake that grows fastest at its distance, which is distance over second moment
    (Kelly, to the second order). Without one, the paper's predictable plug-in.
    """
    x = np.asarray(values, dtype=np.float64)
    w = np.ones_like(x) if weights is None else np.broadcast_to(floats(weights), x.shape)
    if ((x < bounds[0]) | (x > bounds[1])).any() or ((w <= 0) | (w > 1)).any():
        raise ValueError(f"values must lie in {bounds}, weights in (0, 1]")
    expected = plan or Plan(0.0, (bounds[1] - bounds[0]) ** 2 / 4, trusted=1.0)
    spread = _variance_before(x, w, expected, sum(bounds) / 2)
    if plan is not None:
        return _Game(x, w, bounds, plan.distance / (spread + plan.distance**2))
    time = np.arange(1, x.shape[-1] + 1, dtype=np.float64)
    return _Game(x, w, bounds, np.sqrt(-2 * np.log(alpha) / (spread * time * np.log1p(time))))


def _variance_before(x: Floats, w: Floats, expected: Plan, middle: float) -> Floats:
    """Return the weighted variance of the values before each, starting from the expected one.

    Squares around the running mean, which starts in the middle: the paper's regularised variance.
    """
    seen = np.cumsum(w, axis=-1)
    running = (np.cumsum(w * x, axis=-1) + middle) / (seen + 1)
    squares = np.cumsum(w**2 * (x - running) ** 2, axis=-1)
    after = (squares + expected.trusted * expected.variance) / (seen + expected.trusted)
    first = np.full((*x.shape[:-1], 1), expected.variance)
    return np.concatenate([first, after[..., :-1]], axis=-1)


def _edge(bounds: tuple[float, float], excluded: Callable[[float], bool]) -> float:
    """Return the largest excluded value, by bisection; the lower bound if none is."""
    inside, outside = bounds[1], bounds[0]
    if not excluded(outside + 1e-12):
        return outside
    for _ in range(STEPS):
        middle = (inside + outside) / 2
        if excluded(middle):
            outside = middle
        else:
            inside = middle
    return outside
