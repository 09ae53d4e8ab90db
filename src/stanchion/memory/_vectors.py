"""Vectors of texts: as they are kept, how near two are, and one ranking out of several. Pure."""

from __future__ import annotations

import base64
import math
from array import array
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from operator import mul
from typing import TypeVar

__all__ = ["Vector", "fused", "nearness", "vector_of"]

K = TypeVar("K", bound=Hashable)

_FUSION = 60
"""The usual constant of reciprocal rank fusion."""


@dataclass(frozen=True, slots=True)
class Vector:
    """A vector of length 1, and whose it is."""

    by: str
    """The embedder's name."""
    data: str
    """Floats of 4 bytes in this machine's order, as base64."""

    def numbers(self) -> Sequence[float]:
        """Return the numbers."""
        return array("f", base64.b64decode(self.data))


def vector_of(by: str, numbers: Sequence[float]) -> Vector | None:
    """Return a vector as it is kept; None if it has no direction."""
    size = math.sqrt(sum(number * number for number in numbers))
    if not size or not math.isfinite(size):
        return None
    data = array("f", [number / size for number in numbers]).tobytes()
    return Vector(by, base64.b64encode(data).decode())


def nearness(one: Vector, other: Vector) -> float:
    """Return the cosine of two vectors, -1 to 1; -1 if they can't be compared."""
    left, right = one.numbers(), other.numbers()
    if one.by != other.by or len(left) != len(right):
        return -1.0
    return sum(map(mul, left, right))


def fused(*rankings: Sequence[K]) -> list[K]:
    """Return one ranking of everything in several (reciprocal rank fusion)."""
    score: dict[K, float] = {}
    for ranking in rankings:
        for place, item in enumerate(ranking, start=1):
            score[item] = score.get(item, 0.0) + 1 / (_FUSION + place)
    return sorted(score, key=lambda item: -score[item])
