"""One turn of an agent, the unit in which a window keeps and drops: calls never lose their results.

A turn holds what the model said, the answers to all calls it made, and what it was told beside
them. Its acts say for each call what code knows: which tool, whether it changed something, whether
somebody vouches for what it returned.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from stanchion.values import Json, Message, TextPart

__all__ = ["Act", "Turn"]


@dataclass(frozen=True, slots=True)
class Act:
    """One call and what came of it, as the model was shown it."""

    tool: str
    arguments: Json
    shown: Json
    """The result, or a preview of a large one, or the error."""
    wrote: bool = False
    """It changed something outside."""
    trusted: bool = False
    """Somebody vouches for the result."""
    failed: bool = False
    looked: bool = False
    """It only looked at earlier turns again, so nothing is found by it."""
    handle: str = ""
    """By which the whole result can be read, if only a preview was shown."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A model's message with everything that answers it."""

    number: int
    """Counted from 1 within the task."""
    messages: tuple[Message, ...]
    acts: tuple[Act, ...] = ()
    answers: tuple[str, ...] = ()
    """What people said in it: pinned, also when the turn has left the window."""
    clean: bool = False
    """Nothing that nobody vouches for had been read when the model said this."""

    @property
    def said(self) -> str:
        """What the model wrote, without its calls."""
        return "\n".join(_texts(self.messages[:1]))


def _texts(messages: Iterable[Message]) -> list[str]:
    return [p.content for m in messages for p in m.parts if isinstance(p, TextPart)]
