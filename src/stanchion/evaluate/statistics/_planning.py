"""How many cases a comparison needs that may be looked at any time: found by simulating it."""

from __future__ import annotations

import math

import numpy as np

from stanchion.evaluate.statistics._anytime import Plan, capital
from stanchion.evaluate.statistics._power import Design, cases_needed

__all__ = ["cases_until_settled"]

SEED = 20_260
REPEATS = 2_000
CELLS = 3_000_000
"""Simulated groups at most, so that planning takes a second and little memory."""


def cases_until_settled(
    design: Design, margin: float, *, alpha: float = 0.05, wanted: float = 0.8
) -> int:
    """Return the cases by which one that is equally good has shown to be better than minus margin.

    With the wanted probability, three standard deviations of the simulation added. Differences are
    alike within a group, of a whole size, by ``icc``: cases copy their group's now and then.
    """
    size = int(design.group_size)
    once = cases_needed(design, margin, alpha=alpha, wanted=wanted)
    horizon = 2 * math.ceil(once / size)
    while (groups := _groups(design, margin, horizon, alpha, wanted)) is None:
        horizon *= 2
    return groups * size


def _groups(design: Design, margin: float, horizon: int, alpha: float, wanted: float) -> int | None:
    """Return by how many groups this share of simulations is settled, if it is."""
    source, size, half = np.random.default_rng(SEED), int(design.group_size), design.discordance / 2
    repeats = max(200, min(REPEATS, CELLS // horizon))
    copies = source.binomial(size, math.sqrt(design.icc), (repeats, horizon))
    chance = source.random(copies.shape)
    shared = (chance < half) * 1.0 - (chance >= 1 - half)
    gained = source.binomial(size - copies, half)
    lost = source.binomial(size - copies - gained, half / (1 - half))
    means = (copies * shared + gained - lost) / size
    grown = capital(means, -margin, side="above", plan=Plan(margin, design.variance))
    settled = np.maximum.accumulate(grown >= 1 / alpha, axis=1).mean(axis=0)
    surely = wanted + 3 * math.sqrt(wanted * (1 - wanted) / repeats)
    return int(settled.searchsorted(surely)) + 1 if settled[-1] >= surely else None
