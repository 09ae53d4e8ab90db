"""Destinations by their type, each in a small file with what it wants otherwise than the rest."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from stanchion.errors import ConfigurationError
from stanchion.observe._destination import Destination
from stanchion.observe.destinations._given import Given
from stanchion.observe.destinations._langfuse import langfuse
from stanchion.observe.destinations._langsmith import langsmith
from stanchion.observe.destinations._mlflow import mlflow
from stanchion.observe.destinations._otlp import otlp
from stanchion.observe.destinations._phoenix import phoenix
from stanchion.observe.destinations._weave import weave

__all__ = ["TYPES", "destination_for"]

TYPES: Mapping[str, Callable[[Given], Destination]] = {
    "langfuse": langfuse,
    "langsmith": langsmith,
    "mlflow": mlflow,
    "otlp": otlp,
    "phoenix": phoenix,
    "weave": weave,
}


def destination_for(
    name: str, options: Mapping[str, Any], *, environment: Mapping[str, str] | None = None
) -> Destination:
    """Return a destination from its options; its type is the option ``type``, else its name.

    Raises ConfigurationError for a type or an option that there isn't. A credential that is missing
    is no error yet: ``Destination.lacks`` names it.
    """
    kind = str(options.get("type", name))
    if kind not in TYPES:
        raise ConfigurationError(
            f"there is no type of export {kind!r}", remedy=f"use one of: {', '.join(TYPES)}"
        )
    return TYPES[kind](Given(name, options, os.environ if environment is None else environment))
