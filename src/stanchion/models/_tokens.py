"""What a model says of its own tokens: how many a text has, how many it can read.

Both are optional: only a model whose tokenizer is at hand can count, and most providers don't say
how long a prompt may be. What wraps a model (``wrapped``) has its tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, cast, runtime_checkable

from stanchion.models._model import Model

__all__ = ["CountsTokens", "context_tokens_of", "counter_of"]


@runtime_checkable
class CountsTokens(Protocol):
    """A model whose tokenizer is at hand."""

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return how many tokens each text has, without what a message adds around it."""
        ...


def counter_of(model: Model) -> CountsTokens | None:
    """Return what counts a model's tokens, None if only an estimate is possible."""
    inner = _innermost(model)
    return inner if isinstance(inner, CountsTokens) else None


def context_tokens_of(model: Model) -> int | None:
    """Return how many tokens a model can read and write in one call, None if it doesn't say."""
    found: object = getattr(_innermost(model), "context_tokens", None)
    return found if isinstance(found, int) else None


def _innermost(model: Model) -> Model:
    while (inner := getattr(model, "wrapped", None)) is not None:
        model = cast("Model", inner)
    return model
