"""Where an argument's value stands in the texts that a run has recorded.

For people only: a review can show the line of the ticket that an account number came from. Finding
a value somewhere never makes it trusted, and not finding it proves nothing. Whole values are
looked for, in the ways that people write them: digits in groups, amounts with thousands marks.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any, TypeAlias, cast

from stanchion.values import Json

__all__ = ["Origin", "find_origins"]

MAX_ORIGINS = 8
MAX_TEXT = 64 * 1024
"""Characters searched in all."""
MAX_VALUE = 1024
"""Characters of a value that is looked for."""
MAX_EXCERPT = 160

_NUMBER = re.compile(
    r"\d{1,3}(?:[ ,.'\u2019\u00a0\u202f]\d{3})+(?:[.,]\d{1,2})?(?!\d)|\d+(?:[.,]\d+)?"
)
_Find: TypeAlias = Callable[[str], Iterator[int]]

_MARKS = re.compile(r"[ '\u2019\u00a0\u202f]")


@dataclass(frozen=True, slots=True)
class Origin:
    """One place where the value stands."""

    source: str
    """The source's name, with the path to the text inside it, for example ``input.body``."""
    line: int
    """From 1."""
    column: int
    """From 1, in characters."""
    excerpt: str
    """The line or a part of it, as it stands there: defang it before showing it."""


def find_origins(value: Any, sources: Mapping[str, Json]) -> tuple[Origin, ...]:
    """Find a whole value in the texts of ``sources``, in their order, a few places at most."""
    find = _finder(value)
    if find is None:
        return ()
    found: list[Origin] = []
    left = MAX_TEXT
    for name, text in _texts(sources):
        searched = text[:left]
        left -= len(searched)
        for start in find(searched):
            found.append(_origin(name, searched, start))
            if len(found) == MAX_ORIGINS:
                return tuple(found)
        if left <= 0:
            break
    return tuple(found)


def _finder(value: Any) -> _Find | None:
    """Return a function from a text to the offsets at which the value stands in it."""
    value = _inner_amount(value)
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, int | float | Decimal):
        number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
        return partial(_find_number, number) if number.is_finite() else None
    text = str(getattr(value, "value", value))
    wanted = "".join(folded for folded, _ in _folded(text))
    if not wanted or len(text) > MAX_VALUE:
        return None
    return partial(_find_text, wanted)


def _inner_amount(value: Any) -> Any:
    """Take the amount out of money, as a record or as JSON."""
    if isinstance(value, Mapping):
        money = cast("Mapping[str, Any]", value)
        if set(money) != {"amount", "currency"}:
            return None
        try:
            return Decimal(str(money["amount"]))
        except InvalidOperation:
            return None
    if isinstance(value, Sequence) and not isinstance(value, str):
        return None
    return getattr(value, "amount", value)


def _find_number(number: Decimal, text: str) -> Iterator[int]:
    for match in _NUMBER.finditer(text):
        before = text[match.start() - 1] if match.start() else " "
        if not before.isalnum() and number in _readings(match[0]):
            yield match.start()


def _readings(written: str) -> set[Decimal]:
    """Return what a written number may mean: marks are thousands or the decimal point."""
    bare = _MARKS.sub("", written)
    forms = {bare.replace(",", ""), bare.replace(".", "").replace(",", ".")}
    forms |= {bare.replace(",", ".")} if bare.count(",") + bare.count(".") == 1 else set()
    return {Decimal(form) for form in forms if form.count(".") <= 1 and form.isascii()}


def _find_text(wanted: str, text: str) -> Iterator[int]:
    """Find the letters and digits of a value between boundaries, whatever stands among them."""
    pieces = list(_folded(text))
    folded = "".join(piece for piece, _ in pieces)
    offsets = [offset for piece, offset in pieces for _ in piece]
    at = folded.find(wanted)
    while at >= 0:
        start, end = offsets[at], offsets[at + len(wanted) - 1] + 1
        if _is_boundary(text, start - 1) and _is_boundary(text, end):
            yield start
        at = folded.find(wanted, at + 1)


def _folded(text: str) -> Iterator[tuple[str, int]]:
    for offset, character in enumerate(text):
        if character.isascii():
            if character.isalnum():
                yield character.lower(), offset
            continue
        folded = unicodedata.normalize("NFKC", character).casefold()
        if kept := "".join(filter(str.isalnum, folded)):
            yield kept, offset


def _is_boundary(text: str, index: int) -> bool:
    return not 0 <= index < len(text) or not text[index].isalnum()


def _texts(sources: Mapping[str, Json]) -> Iterator[tuple[str, str]]:
    """Walk the leaves in order, without recursion: what is searched comes from outside."""
    pending: list[tuple[str, Any]] = list(sources.items())[::-1]
    while pending:
        name, value = pending.pop()
        if isinstance(value, str):
            yield name, value
        elif isinstance(value, Mapping):
            items = cast("Mapping[str, Any]", value).items()
            pending += [(f"{name}.{key}", each) for key, each in items][::-1]
        elif isinstance(value, Sequence):
            each_item = enumerate(cast("Sequence[Any]", value))
            pending += [(f"{name}.{index}", each) for index, each in each_item][::-1]
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield name, str(value)


def _origin(source: str, text: str, start: int) -> Origin:
    line_start = text.rfind("\n", 0, start) + 1
    line_end = text.find("\n", start)
    line = text[line_start : line_end if line_end >= 0 else len(text)]
    column = start - line_start
    first = max(0, min(column - MAX_EXCERPT // 3, len(line) - MAX_EXCERPT))
    excerpt = line[first : first + MAX_EXCERPT].strip()
    return Origin(source, text.count("\n", 0, start) + 1, column + 1, excerpt)
