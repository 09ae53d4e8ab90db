"""A run's tags as the flat labels that destinations have."""

from __future__ import annotations

from stanchion.observe._span import Attributes

__all__ = ["tags_of"]

_PREFIX = "stanchion.tag."


def tags_of(said: Attributes) -> list[str]:
    """Return each tag as ``name:value``."""
    return [f"{k.removeprefix(_PREFIX)}:{v}" for k, v in said.items() if k.startswith(_PREFIX)]
