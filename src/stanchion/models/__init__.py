"""Models: one protocol, adapters for every provider, a scripted fake, retries, repair, prices.

Messages have the form of the OpenTelemetry GenAI conventions. Holds no prompts. Adapters and their
packages are imported when first used.
"""

from __future__ import annotations

import importlib
from typing import Any

from stanchion.models._guard import check_real_calls, forbid_real_calls
from stanchion.models._model import Model, ModelRequest, ModelResponse, TokenChoice, ToolSpec
from stanchion.models._prices import price
from stanchion.models._registry import (
    ModelSpec,
    ModelStatus,
    default_stack,
    inventory,
    resolve,
)
from stanchion.models._scripted import Script, Scripted, ScriptedModel

__all__ = [
    "Fallback",
    "LlamaModel",
    "Model",
    "ModelRequest",
    "ModelResponse",
    "ModelSpec",
    "ModelStatus",
    "OpenAICompatibleModel",
    "PydanticAIModel",
    "Retrying",
    "Script",
    "Scripted",
    "ScriptedModel",
    "TokenChoice",
    "ToolSpec",
    "Validating",
    "check_real_calls",
    "default_stack",
    "forbid_real_calls",
    "inventory",
    "price",
    "resolve",
]

_LAZY = {
    "Fallback": "stanchion.models._resilience",
    "LlamaModel": "stanchion.models._llama",
    "OpenAICompatibleModel": "stanchion.models._openai_compatible",
    "PydanticAIModel": "stanchion.models._pydantic_ai",
    "Retrying": "stanchion.models._resilience",
    "Validating": "stanchion.models._resilience",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
