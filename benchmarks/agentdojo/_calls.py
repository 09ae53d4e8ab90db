"""What the parts of this benchmark hand to each other: signatures and calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Call", "Parameter", "Signature"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a suite's tool."""

    name: str
    annotation: Any
    required: bool
    default: Any
    description: str


@dataclass(frozen=True, slots=True)
class Signature:
    """All that a contract may be made from."""

    name: str
    description: str
    parameters: tuple[Parameter, ...]
    returns: Any


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a suite's tool, its arguments as JSON."""

    name: str
    arguments: Mapping[str, Any]
