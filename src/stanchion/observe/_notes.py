"""Scores and people's answers, for destinations that keep them apart from spans.

Each is an event of its span as well; where a destination has a place for scores, it is sent there
after the span, by an id that makes sending it again harmless. Pure: a span in, requests out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stanchion.observe._span import Span

__all__ = ["EVALUATION", "Note", "Score", "scores_of"]

EVALUATION = "gen_ai.evaluation.result"


@dataclass(frozen=True, slots=True)
class Note:
    """One request beside the spans."""

    url: str
    body: Mapping[str, Any]
    """JSON."""


@dataclass(frozen=True, slots=True)
class Score:
    """What somebody or something said of a span."""

    name: str
    label: str | None
    value: float | None
    explanation: str | None
    by_person: bool


def scores_of(span: Span) -> list[Score]:
    """Return the scores among a span's events."""
    found: list[Score] = []
    for event in span.events:
        said = event.attributes
        if event.name == EVALUATION:
            value = said.get("gen_ai.evaluation.score.value")
            found.append(
                Score(
                    name=str(said.get("gen_ai.evaluation.name")),
                    label=_text(said.get("gen_ai.evaluation.score.label")),
                    value=value if isinstance(value, int | float) else None,
                    explanation=_text(said.get("gen_ai.evaluation.explanation")),
                    by_person="stanchion.answer.by" in said,
                )
            )
    return found


def _text(value: object) -> str | None:
    return None if value is None else str(value)
