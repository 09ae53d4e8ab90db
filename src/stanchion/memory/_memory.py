"""One memory: a statement about a subject, with who made it, its label and its end.

A memory is never changed. A newer one about the same subject stands in its place, and the older
one stays readable beside it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeAlias, TypeVar

from stanchion.errors import Refused
from stanchion.ledger import Place, canonical, codec_for, payload, words_of
from stanchion.values import Integrity, Json, Label

__all__ = [
    "LONGEST_SUBJECT",
    "LONGEST_TEXT",
    "MOST",
    "SCOPES",
    "Kind",
    "Memory",
    "Scope",
    "Source",
    "check_size",
    "new_id",
    "subject_key",
]

T = TypeVar("T")

Scope: TypeAlias = Literal["run", "workflow", "user", "tenant"]
"""Who else will find it: this run and those that take it over, all runs of the workflow, all runs
for the user, or all of the tenant."""

SCOPES: tuple[Scope, ...] = ("run", "workflow", "user", "tenant")

Kind: TypeAlias = Literal["fact", "preference", "progress"]

LONGEST_SUBJECT = 200
"""Characters."""

LONGEST_TEXT = 4000
"""Characters; the value beside it has as many bytes at most. What is longer belongs into an
artifact or a database of its own."""

MOST = 10_000
"""Memories on one shelf (a scope, a reader) of one integrity."""


@dataclass(frozen=True, slots=True)
class Source:
    """Who said something, where and when."""

    by: Literal["code", "model", "person"]
    at: datetime
    run: str = ""
    lane: str = ""
    ordinal: int = 0
    """The place of the step in the run."""
    name: str = ""
    """The person's, if it was one."""


@dataclass(frozen=True, slots=True)
class Memory:
    """A statement about a subject."""

    id: str
    scope: Scope
    subject: str
    text: str
    source: Source
    label: Label
    kind: Kind = "fact"
    value: Json = None
    """The same as data, if it has any."""
    expires_at: datetime | None = None
    promoted: Source | None = None
    """The person who vouches for it, if it wasn't trusted from the start."""
    superseded_by: str = ""
    """The newer memory about the same subject that stands in its place; set when it is read."""

    @property
    def trusted(self) -> bool:
        """Whether somebody vouches for it."""
        return self.label.integrity is Integrity.TRUSTED

    def value_as(self, type_: type[T]) -> T:
        """Return the value as a Pydantic model, a dataclass or a standard type."""
        return codec_for(type_).decode(payload(self.value).data, what=f"memory {self.id}")


def new_id(run: str, place: Place) -> str:
    """Return the id of what a step writes: the same on every attempt of it, nobody else's."""
    return hashlib.sha256(f"{run}|{place.lane}|{place.ordinal}".encode()).hexdigest()[:16]


def subject_key(subject: str) -> str:
    """Return the form under which subjects are the same: its words, folded."""
    return " ".join(words_of(subject))


def check_size(subject: str, text: str, value: Any) -> None:
    """Raise Refused for what is too large to be a memory, or has no subject."""
    if not subject_key(subject) or len(subject) > LONGEST_SUBJECT:
        raise _too_large(f"a subject has 1 to {LONGEST_SUBJECT} characters, with a word in them")
    if len(text) > LONGEST_TEXT or len(canonical(value, what="the value")) > LONGEST_TEXT:
        raise _too_large(f"a memory has at most {LONGEST_TEXT} characters, and bytes of value")


def _too_large(problem: str) -> Refused:
    remedy = "remember what matters in few words; keep the rest where it came from"
    return Refused(f"it can't be remembered: {problem}", remedy=remedy, rule="memory size")
