"""How many tokens a text will cost: counted where a model has its tokenizer, otherwise estimated.

An estimate is corrected by what the provider reports of the calls before: it rises at once and
falls slowly, since too high costs a little of the window and too low costs the call. Pure; what was
counted for a call is a fact of its record and never made again.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass

from stanchion.models import ToolSpec
from stanchion.values import (
    Json,
    Message,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResponsePart,
)

__all__ = ["PER_MESSAGE", "Calibration", "estimate", "spelled", "spelled_tool"]

PER_MESSAGE = 4
"""Tokens for a message's role and its boundaries."""
PER_LETTER, PER_SIGN, PER_FOREIGN = 0.25, 0.5, 1.0
"""Tokens a character: of English text, of digits and punctuation, of anything beyond ASCII."""

_SIGNS = {ord(c): None for c in "0123456789!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~\n\t"}
_SLOWLY = 0.05


def estimate(text: str) -> int:
    """Return how many tokens a text has, about."""
    signs = len(text) - len(text.translate(_SIGNS))
    plain = len(text) if text.isascii() else len(text.encode("ascii", "ignore"))
    letters = plain - signs
    foreign = len(text) - plain
    return math.ceil(letters * PER_LETTER + signs * PER_SIGN + foreign * PER_FOREIGN)


def spelled(message: Message) -> str:
    """Return everything of a message that a model reads, as one text to count."""
    return "\n".join(_parts(message))


def spelled_tool(spec: ToolSpec) -> str:
    """Return a tool as a text to count."""
    return f"{spec.name}\n{spec.description}\n{_json(dict(spec.parameters))}"


def _parts(message: Message) -> Iterator[str]:
    for part in message.parts:
        match part:
            case TextPart() | ReasoningPart():
                yield part.content
            case ToolCallPart():
                yield f"{part.id} {part.name} {_json(part.arguments)}"
            case ToolResponsePart():
                yield f"{part.id} {_json(part.response)}"


def _json(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@dataclass(slots=True)
class Calibration:
    """How the estimates for one model compare with what its provider reports."""

    ratio: float = 1.0
    """Reported tokens for each estimated one."""
    calls: int = 0

    def learn(self, estimated: int, reported: int) -> None:
        """Take in one call: what was estimated for its prompt, and what was reported."""
        if estimated <= 0 or reported <= 0:
            return
        seen = min(4.0, max(0.5, reported / estimated))
        if self.calls == 0 or seen > self.ratio:
            self.ratio = seen
        else:
            self.ratio += (seen - self.ratio) * _SLOWLY
        self.calls += 1
