"""The boundary to models that turn a text into a vector, near to those of texts that mean alike.

Everything else works without one. A vector counts only beside others of the embedder with the same
name: name it after the model and its version.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

__all__ = ["EmbedFunction", "Embedder", "EmbedderOf"]

EmbedFunction: TypeAlias = Callable[[Sequence[str]], Awaitable[Sequence[Sequence[float]]]]


class Embedder(Protocol):
    """Turns texts into vectors. May raise anything: what needs a vector goes on without."""

    @property
    def name(self) -> str:
        """The model and its version."""
        ...

    async def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """Return a vector for each text, all of one length."""
        ...


@dataclass(frozen=True, slots=True)
class EmbedderOf:
    """An embedder made of a function: ``EmbedderOf("model-1", embed)``."""

    name: str
    function: EmbedFunction

    async def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """Return what the function returns."""
        return await self.function(texts)
