"""What a model must be sent with every call, word for word.

The goal, its constraints, the user's exact request and what people answered are never summarised,
shortened or left to a model to remember. ``check_pinned`` stands at the door to the model and looks
at what is about to be sent, not at how it came about: a call without a pinned text isn't made.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from stanchion.errors import PinnedMissing
from stanchion.values import Message, TextPart

__all__ = ["OWN_WORDS", "Pinned", "check_pinned"]

OWN_WORDS = frozenset({"system", "user"})
"""Roles in which pinned text counts: a tool's result that repeats the goal isn't the goal."""

_HEADING = "Constraints, in force until the task has ended:"
_QUOTED = frozenset({"memory", "summaries"})
"""Sections that only report what was said: a pinned text that stands there alone is lost."""


@dataclass(frozen=True, slots=True)
class Pinned:
    """The texts of one task that no call may be without."""

    goal: str
    constraints: tuple[str, ...] = ()
    request: str = ""
    """The user's exact words."""
    answers: tuple[str, ...] = ()
    """What people said since, as it was told to the model."""

    def texts(self) -> tuple[str, ...]:
        """Return everything that must be in a request, word for word."""
        return tuple(filter(None, (self.goal, *self.constraints, self.request, *self.answers)))

    def system(self) -> str:
        """Return the goal with its constraints."""
        if not self.constraints:
            return self.goal
        return "\n".join([self.goal, "", _HEADING, *(f"- {each}" for each in self.constraints)])

    def messages(self, answers: Sequence[str] | None = None) -> tuple[Message, ...]:
        """Return them as a prompt begins with them: what changes least comes first.

        ``answers`` are those that stand nowhere else in the prompt; all of them, unless given.
        """
        said = self.answers if answers is None else answers
        first = Message("system", (TextPart(self.system()),))
        users = [Message("user", (TextPart(text),)) for text in (self.request, *said) if text]
        return (first, *users)


def check_pinned(texts: Collection[str], sections: Mapping[str, Sequence[Message]]) -> None:
    """Raise PinnedMissing unless each text stands in the prompt, whole and in somebody's own words.

    Looks only at texts in the roles system and user, outside of what is quoted.
    """
    if not texts:
        return
    said = list(_said(m for name, each in sections.items() if name not in _QUOTED for m in each))
    lost = [text for text in texts if not any(text in one for one in said)]
    if lost:
        raise PinnedMissing(
            f"{len(lost)} pinned text(s) aren't in the request word for word, the first begins "
            f"{lost[0][:60]!r}; nothing was sent",
            remedy="give the model all that is pinned: a window that replaces the room's own has "
            "to carry the messages of Pinned.messages()",
            missing=len(lost),
        )


def _said(messages: Iterable[Message]) -> Iterator[str]:
    for message in messages:
        if message.role in OWN_WORDS:
            yield from (part.content for part in message.parts if isinstance(part, TextPart))
