"""Outcomes with a known truth: every one that there can be, or drawn, in groups that are alike.

Two ways in which cases of a group can be alike, with the same intraclass correlation: each case
copies its group's outcome now and then, or each group has chances of its own (beta-binomial, and
Dirichlet for pairs). A method that is right for one need not be for the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["Alike", "Truth", "drawn_pairs", "drawn_shares"]

Alike: TypeAlias = Literal["copies", "own chances"]
Values: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Truth:
    """A point of the grid."""

    groups: int
    size: int
    chances: tuple[float, ...]
    """Of 1; or of 1 and of -1, for pairs."""
    icc: float
    alike: Alike

    @property
    def names(self) -> list[int]:
        """Return the group of each case."""
        return np.repeat(np.arange(self.groups), self.size).tolist()


def drawn_shares(truth: Truth, draws: int, source: np.random.Generator) -> Values:
    """Return draws of outcomes, 0 or 1, one per row."""
    return _drawn(truth, draws, source, np.array([1.0, 0.0]))


def drawn_pairs(truth: Truth, draws: int, source: np.random.Generator) -> Values:
    """Return draws of differences, 1, -1 or 0, one per row."""
    return _drawn(truth, draws, source, np.array([1.0, -1.0, 0.0]))


def _drawn(truth: Truth, draws: int, source: np.random.Generator, values: Values) -> Values:
    shape = (draws, truth.groups, truth.size)
    shares = np.array([*truth.chances, 1 - sum(truth.chances)])
    if truth.alike == "copies" or not truth.icc:
        shared, own = _picked(shares, (*shape[:2], 1), source), _picked(shares, shape, source)
        chosen = np.where(source.random(shape) < truth.icc**0.5, shared, own)
    else:
        weights = np.maximum(shares, 1e-9) * (1 / truth.icc - 1)
        chosen = _picked(source.dirichlet(weights, shape[:2])[:, :, None, :], shape, source)
    return values[chosen].reshape(draws, -1)


def _picked(
    shares: Values, shape: tuple[int, ...], source: np.random.Generator
) -> npt.NDArray[np.intp]:
    """Pick a value's number by chances in the last axis."""
    edges = np.cumsum(shares, axis=-1)[..., :-1]
    return (source.random(shape)[..., None] >= edges).sum(axis=-1)
