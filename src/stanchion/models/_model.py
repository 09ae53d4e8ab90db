"""The boundary to language models: one request, one response.

What it knows: messages, tools as JSON schemas, a schema for the answer, and what the provider says
about the answer. What it refuses to know: prompts, workflows, the ledger, money. Implemented by
the adapters beside it and by the public scripted model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from stanchion.values import FinishReason, Message, Usage

__all__ = ["Model", "ModelRequest", "ModelResponse", "TokenChoice", "ToolSpec"]


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as a model sees it."""

    name: str
    description: str
    parameters: Mapping[str, Any]
    """JSON schema of the arguments, an object."""


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """Everything that one call sends."""

    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...] = ()
    schema: Mapping[str, Any] | None = None
    """JSON schema that the text of the answer must fit, or None for free text."""
    choices: tuple[str, ...] = ()
    """If given, the answer is exactly one of these, and ``ModelResponse.choices`` scores them
    where the model can."""
    max_tokens: int = 1024
    temperature: float = 0.0
    seed: int | None = None
    timeout: float = 120.0
    """Seconds for the whole call."""


@dataclass(frozen=True, slots=True)
class TokenChoice:
    """One token of the answer with its natural-log probability and the runners-up."""

    token: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class ModelResponse:
    """What came back."""

    message: Message
    usage: Usage = Usage()
    finish_reason: FinishReason = FinishReason.STOP
    model: str = ""
    """The model version that the provider reports, not the name that was asked for."""
    provider: str = ""
    """``gen_ai.provider.name``."""
    response_id: str = ""
    tokens: tuple[TokenChoice, ...] = ()
    """Token probabilities of the text, empty where the provider gives none."""
    choices: tuple[tuple[str, float], ...] = ()
    """Probability of each of the request's choices, likeliest first, summing to 1; empty where
    the model can't score them."""
    attempts: tuple[str, ...] = field(default=())
    """What went wrong before this answer, one line an attempt."""


@runtime_checkable
class Model(Protocol):
    """Something that answers a request. Failures are ModelError, never a half answer."""

    @property
    def name(self) -> str:
        """The name as configured, for example ``local:smollm2`` or ``openai:gpt-5``."""
        ...

    @property
    def real(self) -> bool:
        """False for scripted and recorded models; shown wherever an answer is shown."""
        ...

    async def complete(self, request: ModelRequest) -> ModelResponse:
        """Answer one request, or raise ModelUnavailable, ModelRefused or InvalidResponse."""
        ...
