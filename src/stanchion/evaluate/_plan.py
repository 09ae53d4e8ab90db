"""What an upgrade must show, fixed before its results are seen: margin, error, planned cases."""

from __future__ import annotations

import math
from dataclasses import dataclass

from stanchion.errors import ConfigurationError

__all__ = ["GatePlan", "plan_gate"]

SEED = 20_260
REPEATS = 2_000
CELLS = 3_000_000
"""Simulated groups at most, so that planning takes seconds and little memory."""


@dataclass(frozen=True, slots=True)
class GatePlan:
    """What is judged, and how hard; a wrong guess costs cases, never validity."""

    margin: float
    """How much worse the candidate may be: 0.03 is three points."""
    alpha: float = 0.05
    """How often a candidate that is worse by the margin passes, and a good one fails, at most."""
    discordance: float = 0.2
    """The expected mean squared difference of a case: for 0 and 1, the share that differs."""
    group_size: float = 1.0
    icc: float = 0.0
    planned: int = 0
    """Cases after which an equally good candidate has passed with the wanted power; 0: not set."""
    maximum: int = 0
    """Cases after which there is no further look; 0: all there are."""

    def __post_init__(self) -> None:
        if not 0 < self.margin < 1 or not 0 < self.alpha < 0.5:
            raise ConfigurationError(
                f"a margin of {self.margin:g} with an error of {self.alpha:g} can't be judged",
                remedy="give a margin between 0 and 1 and an error between 0 and 0.5",
            )

    @property
    def variance(self) -> float:
        """Return the variance that is expected of a group's mean difference."""
        return self.discordance * (1 + (self.group_size - 1) * self.icc) / self.group_size


def plan_gate(
    margin: float,
    *,
    discordance: float = 0.2,
    group_size: int = 1,
    icc: float = 0.0,
    alpha: float = 0.05,
    power: float = 0.8,
) -> GatePlan:
    """Return a plan with the cases at which an equally good candidate has passed with ``power``.

    Found by simulating the gate itself on cases whose differences are alike within a group by
    ``icc``, with the uncertainty of the simulation added. The maximum is twice that.
    """
    unplanned = GatePlan(margin, alpha, discordance, group_size, icc)
    # An optional extra.
    from stanchion.evaluate.statistics import Design, cases_needed

    once = cases_needed(Design(discordance, group_size, icc), margin, alpha=alpha, wanted=power)
    horizon = 2 * math.ceil(once / group_size)
    groups = _groups_to_pass(unplanned, group_size, horizon, power)
    while groups is None:
        horizon *= 2
        groups = _groups_to_pass(unplanned, group_size, horizon, power)
    planned = groups * group_size
    return GatePlan(margin, alpha, discordance, group_size, icc, planned, 2 * planned)


def _groups_to_pass(plan: GatePlan, size: int, horizon: int, power: float) -> int | None:
    """Return by how many groups this share of simulated good candidates has passed, if it has."""
    # An optional extra.
    import numpy as np

    from stanchion.evaluate.statistics import Plan, capital

    source = np.random.default_rng(SEED)
    repeats = max(200, min(REPEATS, CELLS // horizon))
    half = plan.discordance / 2
    copies = source.binomial(size, math.sqrt(plan.icc), (repeats, horizon))
    chance = source.random(copies.shape)
    shared = (chance < half) * 1.0 - (chance >= 1 - half)
    gained = source.binomial(size - copies, half)
    lost = source.binomial(size - copies - gained, half / (1 - half))
    means = (copies * shared + gained - lost) / size
    bets = Plan(plan.margin, plan.variance)
    rich = capital(means, -plan.margin, side="above", plan=bets) >= 1 / plan.alpha
    passed = np.maximum.accumulate(rich, axis=1).mean(axis=0)
    wanted = power + 3 * math.sqrt(power * (1 - power) / repeats)
    return int(passed.searchsorted(wanted)) + 1 if passed[-1] >= wanted else None
