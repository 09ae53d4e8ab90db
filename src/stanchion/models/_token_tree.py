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
        """Take in what a forced reading of a path said at each of its tokens."""
        for depth, reading in enumerate(readings):
            self.nodes.setdefault(path[:depth], {}).update(reading)

    def next_path(self) -> Path | None:
        """Return the path whose reading would tell most, or None when all is known."""
        measured = [bound for bound, open_ in map(self._bound, self.paths.values()) if not open_]
        floor = max(measured, default=-math.inf) + NEGLIGIBLE
        unmeasured = [(self._bound(path)[0], path) for path in self.paths.values() if self._open(path)]
        worth = [(bound, path) for bound, path in unmeasured if bound >= floor]
        return max(worth, key=lambda item: item[0])[1] if worth else None

    def probabilities(self) -> tuple[tuple[str, float], ...]:
        """Return each choice with its probability among the choices, likeliest first."""
        scores = {name: self._score(path) for name, path in self.paths.items()}
        best = max(scores.values())
        weights = {name: math.exp(score - best) for name, score in scores.items()}
        total = sum(weights.values())
        ranked = sorted(weights.items(), key=lambda item: -item[1])
        return tuple((name, weight / total) for name, weight in ranked)

    def _open(self, path: Path) -> bool:
        return self._bound(path)[1]

    def _bound(self, path: Path) -> tuple[float, bool]:
        """Return the log-probability of a path, or an upper bound and True if it isn't known."""
        total = 0.0
        for depth, token in enumerate(path):
            node = self.nodes.get(path[:depth])
            if node is None:
                return total, True
            if token not in node:
                return total + min(node.values()), True
            total += node[token]
        return total, False

    def _score(self, path: Path) -> float:
        score, _ = self._bound(path)
        node = self.nodes.get(path, {})
        longer = {p[len(path)] for p in self.paths.values() if p != path and p[: len(path)] == path}
        goes_on = sum(math.exp(node[token]) for token in longer if token in node)
        return score + math.log(max(1.0 - goes_on, 1e-12))
