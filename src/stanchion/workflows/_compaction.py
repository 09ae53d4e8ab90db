"""Turns leaving the window, as one composite step: asked of a model, held to its word by code.

Trusted and untrusted text are summarised in calls of their own. What a model wrote stands for the
turns only if it holds up; after two drafts that don't, code makes the summary. So this step never
fails, and history is never replaced by a failure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stanchion.context import (
    SCHEMA,
    Material,
    Rejected,
    Summary,
    Turn,
    Window,
    ask_for,
    material_of,
    read_draft,
)
from stanchion.errors import ModelFailed
from stanchion.ledger import EntryPhase, codec_for, payload
from stanchion.models import ModelResponse
from stanchion.values import FinishReason, Json, TextPart
from stanchion.workflows._incarnation import Incarnation, StepScope
from stanchion.workflows._kept import Kept
from stanchion.workflows._models import ModelCall, call_model

__all__ = ["KIND", "Compacted", "compact"]

KIND = "compact"
DRAFTS = 2
"""How often a model is asked for one summary."""


@dataclass(frozen=True, slots=True)
class Compacted:
    """What stands for the turns up to one."""

    through: int
    summaries: tuple[Summary, ...]


_codec = codec_for(Compacted)


async def compact(
    incarnation: Incarnation, window: Window, kept: Kept, through: int, role: str
) -> Compacted:
    """Summarise the window's turns up to one, and keep them where they are found again.

    What the record says of how far counts more than ``through``.
    """
    request = payload({"after": window.summarised})

    async def body(scope: StepScope) -> Compacted:
        upto = _recorded_end(scope) or through
        scope.opening["through"] = upto
        turns = [turn for turn in window.turns if turn.number <= upto]
        rejected: list[str] = []
        with scope.below():
            made = [
                await _summary(incarnation, window, material, role, rejected)
                for material in _materials(window, turns)
            ]
        scope.facts |= _facts(turns, made, rejected)
        scope.payloads, scope.documents = kept.originals(turns)
        return Compacted(upto, tuple(made))

    return await incarnation.perform(KIND, "window", request, _codec, body)


def _recorded_end(scope: StepScope) -> int:
    """Return up to where an interrupted attempt summarised, 0 if there was none."""
    opening = scope.recorded.last(EntryPhase.OPEN) if scope.recorded else None
    return 0 if opening is None else int(opening.facts["through"])


def _materials(window: Window, turns: Sequence[Turn]) -> list[Material]:
    budget = window.shares.summary
    found = [
        material_of(turns, window.open_items(trusted=trusted), budget, trusted=trusted)
        for trusted in (True, False)
    ]
    return [material for material in found if not material.is_empty]


async def _summary(
    incarnation: Incarnation, window: Window, material: Material, role: str, rejected: list[str]
) -> Summary:
    budget = window.shares.summary
    sections = ask_for(material, window.pinned, budget, boundary=window.boundary)
    for attempt in range(DRAFTS):
        call = ModelCall(
            role,
            sections,
            schema=SCHEMA,
            max_tokens=2 * budget + 200,
            temperature=0.7 if attempt else 0.0,
            seed=attempt or None,
            pinned=window.pinned.texts(),
        )
        try:
            said = _text(await call_model(incarnation, call))
            return read_draft(said, material, window.pinned, budget)
        except Rejected as why:
            rejected.append(str(why))
        except ModelFailed as error:
            rejected.append(f"no answer: {error.facts.get('type', 'model_failed')}")
    return material.by_code


def _text(response: ModelResponse) -> str:
    if response.finish_reason is FinishReason.LENGTH:
        raise Rejected("cut off")
    return "".join(p.content for p in response.message.parts if isinstance(p, TextPart))


def _facts(turns: Sequence[Turn], made: Sequence[Summary], rejected: list[str]) -> dict[str, Json]:
    facts: dict[str, Json] = {
        "through": turns[-1].number,
        "turns": len(turns),
        "by": [summary.by for summary in made],
        "left_out": sum(summary.left_out for summary in made),
    }
    return facts | ({"rejected": rejected} if rejected else {})
