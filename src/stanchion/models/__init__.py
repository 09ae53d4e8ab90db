"""Models: one protocol, adapters for every provider, a scripted fake, retries, repair, prices.

Messages have the form of the OpenTelemetry GenAI conventions. Holds no prompts. The packages behind
the adapters are imported when a model is first used.
"""

from __future__ import annotations

from stanchion.models._embedder import Embedder, EmbedderOf, EmbedFunction
from stanchion.models._guard import check_real_calls, forbid_real_calls
from stanchion.models._llama import LlamaModel
from stanchion.models._model import Model, ModelRequest, ModelResponse, TokenChoice, ToolSpec
from stanchion.models._openai_compatible import OpenAICompatibleModel
from stanchion.models._prices import Price, highest_price, price
from stanchion.models._pydantic_ai import PydanticAIModel
from stanchion.models._registry import (
    ModelSpec,
    ModelStatus,
    default_stack,
    inventory,
    resolve,
)
from stanchion.models._resilience import Fallback, Retrying, Validating, Wrapped, at_each_attempt
from stanchion.models._scripted import Script, Scripted, ScriptedModel
from stanchion.models._tokens import CountsTokens, context_tokens_of, counter_of
from stanchion.models._worst_case import worst_case, worst_price

__all__ = [
    "CountsTokens",
    "EmbedFunction",
    "Embedder",
    "EmbedderOf",
    "Fallback",
    "LlamaModel",
    "Model",
    "ModelRequest",
    "ModelResponse",
    "ModelSpec",
    "ModelStatus",
    "OpenAICompatibleModel",
    "Price",
    "PydanticAIModel",
    "Retrying",
    "Script",
    "Scripted",
    "ScriptedModel",
    "TokenChoice",
    "ToolSpec",
    "Validating",
    "Wrapped",
    "at_each_attempt",
    "check_real_calls",
    "context_tokens_of",
    "counter_of",
    "default_stack",
    "forbid_real_calls",
    "highest_price",
    "inventory",
    "price",
    "resolve",
    "worst_case",
    "worst_price",
]
