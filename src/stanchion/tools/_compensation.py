"""How a call is undone, and what can be done when nobody knows whether it was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

__all__ = ["Compensation"]


@dataclass(frozen=True, slots=True)
class Compensation:
    """A function that undoes a call, with capabilities of its own."""

    undo: Callable[..., Any]
    """``async (call, result, **arguments)``: undoes the effect."""
    reconcile: Callable[..., Any] | None = None
    """``async (call, result, **arguments) -> Happened[None] | DidNotHappen | CantTell``: says
    later whether it was undone; ``call.key`` is the key under which that was asked for."""
    accepts_key: bool | timedelta | None = None
    """Whether its target recognises a repeated key, or for how long; None is as the tool's does."""
