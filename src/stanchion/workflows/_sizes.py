"""How many tokens the messages of one window have, for one model.

By the model's own tokenizer where it has one at hand, otherwise by an estimate; either is corrected
by what the provider reports. Each message is counted once, while it is in the window.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from stanchion.context import PER_MESSAGE, Calibration, estimate, spelled, spelled_tool
from stanchion.models import Model, ToolSpec, counter_of
from stanchion.values import Message

__all__ = ["Sizes"]

MARGIN = 1.02
"""Estimates are right on average; a prompt of unusual text should fit all the same."""


@dataclass(slots=True)
class Sizes:
    """What is known of the sizes of a window's messages."""

    calibration: Calibration
    known: dict[int, tuple[Message, int]] = field(default_factory=dict[int, tuple[Message, int]])
    """The messages of the newest window by identity, with their tokens before correction."""
    tools: int = 0
    exact: bool = False
    """Whether the model counts itself."""
    _counted_tools: tuple[ToolSpec, ...] = ()

    def __call__(self, message: Message) -> int:
        """Return the tokens of a message that was counted."""
        return math.ceil(self.known[id(message)][1] * self._factor)

    @property
    def of_tools(self) -> int:
        """The tokens of the tools."""
        return math.ceil(self.tools * self._factor)

    @property
    def all(self) -> int:
        """Tokens of everything that was counted, before correction."""
        return self.tools + sum(tokens for _, tokens in self.known.values())

    @property
    def _factor(self) -> float:
        return self.calibration.ratio * (1.0 if self.exact else MARGIN)

    async def count(
        self, messages: Iterable[Message], tools: tuple[ToolSpec, ...], model: Model
    ) -> None:
        """Count the messages and tools of a window that weren't in the one before."""
        self.exact = counter_of(model) is not None
        kept = {id(m): self.known.get(id(m)) or (m, -1) for m in messages}
        new = [m for m, tokens in kept.values() if tokens < 0]
        if new:
            counts = await _count([spelled(message) for message in new], model)
            kept |= {id(m): (m, c + PER_MESSAGE) for m, c in zip(new, counts, strict=True)}
        self.known = kept
        if tools != self._counted_tools:
            self.tools = sum(await _count([spelled_tool(spec) for spec in tools], model))
            self._counted_tools = tools


async def _count(texts: Sequence[str], model: Model) -> list[int]:
    counter = counter_of(model)
    return [*map(estimate, texts)] if counter is None else await counter.count_tokens(texts)
