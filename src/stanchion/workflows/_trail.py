"""What a lane has seen of the outside, in the order of its own code.

A branch starts with what its parent had seen at the fork; the parent sees what happened in a branch
once it has joined it. So the trail is the same on every replay, whatever the branches' timing was.
It holds digests of recorded payloads, not the payloads, and knows nothing of what they mean.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from stanchion.ledger import Place

__all__ = ["Seen", "Trail"]


class Seen(NamedTuple):
    """A step that brought something from outside; a tuple, since each step of a run makes one."""

    place: Place
    kind: str
    name: str
    request: bytes
    result: bytes
    request_data: bytes | None
    """The request itself, unless it is large: then it is a payload."""
    by_model: bool
    """Whether a model chose this step and its arguments."""


@dataclass(slots=True)
class Trail:
    """The steps of one branch, and of its parent up to the fork."""

    parent: Trail | None = None
    forked_at: int = 0
    own: list[Seen] = field(default_factory=list[Seen])
    view: Any = None
    """What a reader has made of the trail so far."""

    def fork(self) -> Trail:
        """Return the trail of a new branch."""
        return Trail(self, len(self.own))

    def join(self, branch: Trail) -> None:
        """See what happened in a branch that has ended."""
        self.own += branch.own

    def inherited(self) -> Iterator[Seen]:
        """Yield what was seen before the fork, oldest first."""
        if self.parent is not None:
            yield from self.parent.inherited()
            yield from self.parent.own[: self.forked_at]
