"""inspect-ai: the Wilson interval that it recommends for accuracy, and its t interval."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from inspect_ai.scorer import SampleScore, Score, ci, ci_wilson

LIMITS = {
    False: {"inspect-ai ci_wilson": ci_wilson(), "inspect-ai ci": ci()},
    True: {
        "inspect-ai ci_wilson": ci_wilson(cluster="group"),
        "inspect-ai ci": ci(cluster="group"),
    },
}


def limits(
    outcomes: Sequence[float], groups: Sequence[int] | None
) -> dict[str, tuple[float, float]]:
    """Return each interval of a share; by cluster if there are groups."""
    names = groups or range(len(outcomes))
    scores = [
        SampleScore(score=Score(value=value), sample_metadata={"group": name})
        for value, name in zip(outcomes, names, strict=True)
    ]
    found: dict[str, Any] = {name: metric(scores) for name, metric in LIMITS[bool(groups)].items()}
    return {name: (each["lower"], each["upper"]) for name, each in found.items()}
