"""From what a model tends to say to what it means: a calibration fitted on labelled cases.

A small model's first words carry more than its choice among labels. A calibration lets it choose
among many words, shown by examples, and maps their log-probabilities to the options: multinomial
logistic regression, that is Dirichlet calibration (Kull et al., NeurIPS 2019). It holds for the
model version it was fitted on and for no other; it is no certificate of a risk.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from stanchion.errors import ConfigurationError

__all__ = ["Calibration", "fit_calibration"]

FLOOR = 1e-6
"""Probabilities below it are all the same: a model reports no more than its likeliest words."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """What the model is shown and asked, and what its answers mean."""

    model: str
    """The model version, as the adapter reports it."""
    instruction: str
    examples: tuple[tuple[str, str], ...]
    """Messages and what was answered to them, shown before each case."""
    words: tuple[str, ...]
    """What the model chooses among."""
    options: tuple[str, ...]
    weights: tuple[tuple[float, ...], ...]
    """For each option, one weight a word and the intercept last."""
    cases: int
    """How many labelled cases it was fitted on."""

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a calibration written by ``save``."""
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            return cls(
                data["model"],
                data["instruction"],
                tuple((text, answer) for text, answer in data["examples"]),
                tuple(data["words"]),
                tuple(data["options"]),
                tuple(tuple(row) for row in data["weights"]),
                data["cases"],
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigurationError(
                f"{path} isn't a calibration: {error}", remedy="fit it again"
            ) from error

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    def probabilities(self, scores: Mapping[str, float]) -> tuple[tuple[str, float], ...]:
        """Return each option with its probability, likeliest first, from the words' scores."""
        features = features_of(self.words, scores)
        shares = _softmax([_dot(row, features) for row in self.weights])
        return tuple(sorted(zip(self.options, shares, strict=True), key=lambda each: -each[1]))


def features_of(words: Sequence[str], scores: Mapping[str, float]) -> list[float]:
    """Return the words' log-probabilities, with a one at the end for the intercept."""
    return [math.log(max(scores.get(word, 0.0), FLOOR)) for word in words] + [1.0]


def fit_calibration(
    unfitted: Calibration,
    cases: Sequence[tuple[Mapping[str, float], str]],
    *,
    penalty: float = 0.01,
    rounds: int = 600,
) -> Calibration:
    """Fit weights on (scores, right option) by gradient descent with an L2 penalty.

    Features are centred while fitting, and the means folded into the intercepts. Deterministic.
    """
    rows = [features_of(unfitted.words, scores)[:-1] for scores, _ in cases]
    means = [sum(column) / len(rows) for column in zip(*rows, strict=True)]
    centred = [[v - m for v, m in zip(row, means, strict=True)] + [1.0] for row in rows]
    truth = [unfitted.options.index(option) for _, option in cases]
    weights = [[0.0] * len(centred[0]) for _ in unfitted.options]
    speed = 1.0 / max(sum(v * v for v in row) for row in centred)
    for _ in range(rounds):
        _step(weights, centred, truth, penalty, speed * len(rows))
    folded = [[*row[:-1], row[-1] - _dot(row[:-1], means)] for row in weights]
    return Calibration(
        unfitted.model,
        unfitted.instruction,
        unfitted.examples,
        unfitted.words,
        unfitted.options,
        tuple(tuple(round(w, 4) for w in row) for row in folded),
        len(cases),
    )


def _step(
    weights: list[list[float]],
    rows: Sequence[Sequence[float]],
    truth: Sequence[int],
    penalty: float,
    speed: float,
) -> None:
    slopes = [[penalty * w for w in row[:-1]] + [0.0] for row in weights]
    for row, right in zip(rows, truth, strict=True):
        shares = _softmax([_dot(w, row) for w in weights])
        for option, share in enumerate(shares):
            error = (share - (option == right)) / len(rows)
            slope = slopes[option]
            for i, value in enumerate(row):
                slope[i] += error * value
    for row, slope in zip(weights, slopes, strict=True):
        for i, value in enumerate(slope):
            row[i] -= speed * value


def _dot(a: Sequence[float], b: Sequence[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


def _softmax(logits: Sequence[float]) -> list[float]:
    highest = max(logits)
    weights = [math.exp(logit - highest) for logit in logits]
    return [weight / sum(weights) for weight in weights]
