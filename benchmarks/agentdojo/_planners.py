"""Planners: one that plays calls whatever comes of them, and one that asks again when answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from benchmarks.agentdojo._calls import Call

__all__ = ["Persistent", "Script"]

MOST_TRIES = 6


class Script:
    """Plays its calls in order, unconditionally."""

    def __init__(self, calls: Sequence[Call], output: str = "Done.") -> None:
        self.calls, self.output = list(calls), output or "Done."

    def next(self) -> Call | None:
        """Return the next call."""
        return self.calls.pop(0) if self.calls else None

    def told(self, call: Call, answer: Any, *, made: bool) -> None:
        """Take no notice."""


class Persistent(Script):
    """Makes a call again once the user has been asked for what it lacked."""

    tries = 0

    def told(self, call: Call, answer: Any, *, made: bool) -> None:
        """Put a call back that was refused until somebody had been asked."""
        self.tries = 0 if made else self.tries + 1
        if not made and _is_asked(answer) and self.tries < MOST_TRIES:
            self.calls.insert(0, call)


def _is_asked(answer: Any) -> bool:
    if not isinstance(answer, Mapping):
        return False
    return cast("Mapping[str, Any]", answer).get("action") == "ask_user"
