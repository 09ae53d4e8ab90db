"""Reading a large result part by part: its head, a slice, what matches words, a path in its JSON.

Pure. Each access is bounded in what it returns, and says where to go on.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, takewhile
from typing import cast

from stanchion.values import Json

__all__ = ["MOST", "NoSuchPath", "at_path", "find_words", "slice_of"]

MOST = 4_000
"""Characters that one access returns, at most."""
AROUND = 120
"""Characters on each side of a match."""
MATCHES = 8
HITS = 200
"""Places of one word that are looked at; a word with more of them says little."""


_STEP = re.compile(r"\.?([^.\[\]]+)|\[(\d+|\*)\]")


class NoSuchPath(Exception):
    """A path that leads nowhere; the message says how far it led."""


def text_of(value: Json) -> str:
    """Return a value as the text that accesses count in."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def slice_of(text: str, start: int, length: int) -> dict[str, Json]:
    """Return a part of a text, and where the next one begins."""
    end = min(len(text), start + length)
    part: dict[str, Json] = {"text": text[start:end], "from": start, "of": len(text)}
    return part | ({"next": end} if end < len(text) else {})


def find_words(text: str, words: str, *, around: int = AROUND, most: int = MATCHES) -> list[Json]:
    """Return the places in a text where rare words, and many of them, stand close together."""
    folded = text.lower()
    if len(folded) != len(text):  # lower case that changes lengths would shift places
        folded = text
    wanted = dict.fromkeys(re.findall(r"\w+", words.lower()))
    places = {word: _places(folded, word) for word in wanted}
    hits = sorted((at, word, 1 / len(found)) for word, found in places.items() for at in found)
    scored = sorted((-_score(hits, i, around), at) for i, (at, _, _) in enumerate(hits))
    chosen: list[int] = []
    for _, at in scored:
        if len(chosen) < most and all(abs(at - other) > around for other in chosen):
            chosen.append(at)
    return [_shown(text, at, around) for at in chosen]


def _shown(text: str, at: int, around: int) -> Json:
    start = max(0, at - around // 2)  # what is asked for mostly follows the words that name it
    return {"at": at, "text": text[start : start + 2 * around]}


def _places(folded: str, word: str) -> list[int]:
    return [m.start() for m in islice(re.finditer(rf"\b{re.escape(word)}\b", folded), HITS)]


def _score(hits: Sequence[tuple[int, str, float]], index: int, around: int) -> float:
    """Return how much of the words stands from a hit on, within what would be shown."""
    at = hits[index][0]
    near = takewhile(lambda hit: hit[0] <= at + around, islice(hits, index, None))
    return sum({word: weight for _, word, weight in near}.values())


def at_path(value: Json, path: str) -> Json:
    """Return what stands at a path such as ``items[3].code`` or ``items[*].code``.

    Raises NoSuchPath.
    """
    rest = path.strip().removeprefix("$")
    here: list[Json] = [value]
    several = False
    while rest:
        step = _STEP.match(rest)
        if step is None:
            raise NoSuchPath(f"can't read {rest[:20]!r}; write items[3].code or items[*].code")
        rest = rest[step.end() :]
        several |= step[2] == "*"
        here = [inner for each in here for inner in _below(each, step[1], step[2])]
        if not here:
            raise NoSuchPath(f"nothing stands at {path[: len(path) - len(rest)]!r}")
    return here if several else here[0]


def _below(value: Json, name: str | None, index: str | None) -> Iterator[Json]:
    if name is not None and isinstance(value, Mapping):
        members = cast("Mapping[str, Json]", value)
        if name in members:
            yield members[name]
    elif index is not None and isinstance(value, list):
        items = value
        if index == "*":
            yield from items
        elif int(index) < len(items):
            yield items[int(index)]
