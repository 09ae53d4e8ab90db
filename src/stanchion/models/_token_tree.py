"""Exact probabilities of a few choices, from as few forced readings as will do.

Each choice is a path of tokens; paths that share a prefix share its nodes. A reading forces one
path through the model and returns, at each node on it, the log-probability of the token taken and
of the likeliest others, which often settles siblings without a reading of their own. A choice whose
upper bound is a million times less likely than the best is left at that bound. Where one choice
is the beginning of another, it counts only the answers that don't go on to the longer one, so that
the choices are disjoint events. Nothing here calls a model.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

__all__ = ["TokenTree"]

Path = tuple[int, ...]

NEGLIGIBLE = math.log(1e-6)


@dataclass(frozen=True, slots=True)
class TokenTree:
    """What is known so far about the paths of the choices."""

    paths: Mapping[str, Path]
    """The tokens of each choice, in the order of the request."""
    nodes: dict[Path, dict[int, float]] = field(default_factory=dict[Path, dict[int, float]])
    """By the tokens leading to it: the log-probabilities of what may come next."""

    def learn(self, path: Path, readings: Sequence[Mapping[int, float]]) -> None:
        """Take in what a forced reading said at each token of a path, and what comes after it."""
        for depth, reading in enumerate(readings):
            self.nodes.setdefault(path[:depth], {}).update(reading)

    def next_path(self) -> Path | None:
        """Return the path whose reading would tell most, or None when enough is known."""
        bounds = [(path, *self._bound(path)) for path in self.paths.values()]
        best = max((bound for _, bound, known in bounds if known), default=-math.inf)
        unread = [
            (path, bound)
            for path, bound, known in bounds
            if not known and bound >= best + NEGLIGIBLE
        ]
        return max(unread, key=lambda item: item[1])[0] if unread else None

    def probabilities(self) -> tuple[tuple[str, float], ...]:
        """Return each choice with its probability among the choices, likeliest first."""
        scores = {name: self._score(path) for name, path in self.paths.items()}
        best = max(scores.values())
        weights = {name: math.exp(score - best) for name, score in scores.items()}
        total = sum(weights.values())
        ranked = sorted(weights.items(), key=lambda item: -item[1])
        return tuple((name, weight / total) for name, weight in ranked)

    def _bound(self, path: Path) -> tuple[float, bool]:
        """Return the log-probability of a path and True, or an upper bound of it and False."""
        total = 0.0
        for depth, token in enumerate(path):
            node = self.nodes.get(path[:depth])
            if node is None:
                return total, False
            if token not in node:
                return total + min(node.values()), False
            total += node[token]
        return total, True

    def _score(self, path: Path) -> float:
        score, _ = self._bound(path)
        longer = [p for p in self.paths.values() if _continues(p, path)]
        nearest = [p for p in longer if not any(_continues(p, other) for other in longer)]
        share = sum(math.exp(self._bound(p)[0] - score) for p in nearest)
        return score + math.log(max(1.0 - share, 1e-12))


def _continues(path: Path, beginning: Path) -> bool:
    return len(path) > len(beginning) and path[: len(beginning)] == beginning
