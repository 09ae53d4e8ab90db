"""Identifiers in a text: the words that have to be carried letter for letter.

Numbers of accounts and orders, codes, addresses, paths, digests: a summary that rounds one off is
worse than none. They are found by code, never by a model, with the words that say what they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from stanchion.values import Json

__all__ = ["Identifier", "find_identifiers"]

MAX_CHARACTERS = 80
"""A longer one is no name that anybody will use again."""
MAX_TEXT = 20_000
"""Characters of one value that are looked through; the rest is found by recall."""

_IDENTIFIER = re.compile(
    r"(?<![\w@])(?:"
    r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"  # an e-mail address
    r"|https?://[^\s\"'<>)\]]+"
    r"|(?=[\w./:#-]*\d)[A-Za-z0-9][\w]*(?:[-./:#_][\w]+)+"  # codes, paths, versions, dates
    r"|(?=\w*\d)(?=\w*[A-Za-z])\w{4,}"  # letters and digits mixed
    r"|\d{4,}"
    r")"
)
_WORD = re.compile(r"[^\W\d_][\w'-]*")


@dataclass(frozen=True, slots=True)
class Identifier:
    """An identifier with what stood before it."""

    text: str
    hint: str
    """The name of its field, or the words before it."""


def find_identifiers(value: Json) -> list[Identifier]:
    """Return the identifiers of a JSON value, in order, each once."""
    found: dict[str, Identifier] = {}
    for hint, text in _leaves(value, ""):
        for identifier in _in_text(text[:MAX_TEXT], hint):
            found.setdefault(identifier.text, identifier)
    return list(found.values())


def _leaves(value: Json, hint: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield hint, value
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield hint, str(value)
    elif isinstance(value, Mapping):
        for name, inner in cast("Mapping[str, Json]", value).items():
            yield from _leaves(inner, name)
    elif isinstance(value, Sequence):
        for inner in cast("Sequence[Json]", value):
            yield from _leaves(inner, hint)


def _in_text(text: str, hint: str) -> Iterator[Identifier]:
    for match in _IDENTIFIER.finditer(text):
        found = match[0].rstrip(".:/-")
        if 4 <= len(found) <= MAX_CHARACTERS:
            before = text[max(0, match.start() - 60) : match.start()]
            words = " ".join(_WORD.findall(before)[-4:])
            yield Identifier(found, words or hint)
