"""What is new in a tool's answer, and what an argument was taken from.

Pure, over JSON. An answer is a set of facts: each scalar with its path. Left out is what differs
although nothing has happened: times, random ids, counters of the call itself, an echo of the
arguments, and a cursor, which is recognised when it is passed back. Inside lists ids and times are
data and count. A value counts as given if the task or an answer named it; what was told about one
given value is new again when it is told about another.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from stanchion.values import Json

__all__ = ["Novelty"]

MAX_FACTS = 100_000
"""Of one agent; older ones are forgotten first."""
MAX_LEAVES = 5_000
"""Of one answer."""

_DATE = r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?"
_CLOCK = r"\d{1,2}:\d\d(?::\d\d(?:\.\d+)?)?"
_UUID = r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"
_VOLATILE = re.compile(rf"\b(?:{_DATE}|{_CLOCK}|{_UUID})\b")
_RANDOM = re.compile(r"(?=[^ ]*\d)(?=[^ ]*[A-Za-z])[\w+/=-]{20,}")
_OF_THE_CALL = re.compile(
    r"(?:^|[._])(?:at|now|time|timestamp|ts|elapsed|took|duration|latency|uptime|nonce|etag"
    r"|(?:request|trace|span|correlation)_id|attempts?|retries)(?:_ms|_s|_seconds)?$"
)
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
_LISTS = re.compile(r"[\s,;]")
_SEPARATORS = re.compile(r"[,;:|\n\t•()\[\]{}\"']+|\s-\s")
_ITEM = re.compile(r"^\s*(?:[*-]|\d+[.)])\s+")
_NAMED = re.compile(r"[\w.@/#-]*\d[\w.@/#-]*")
_RANGE = re.compile(r"\b(\d+)\s*(?:\.\.+|\u2013|to|through|until|\s-\s)\s*(\d+)\b")


@dataclass(slots=True)
class _Leaf:
    path: str
    value: Any
    in_list: bool


@dataclass(slots=True)
class Novelty:
    """What an agent knows so far."""

    facts: dict[int, None] = field(default_factory=dict[int, None])
    given: set[str] = field(default_factory=set[str])
    ranges: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    single: dict[str, dict[str, set[str]]] = field(default_factory=dict[str, "dict[str, set[str]]"])
    """Values outside of lists, by tool and then path: the tool's own cursors may be among them."""
    last: dict[str, dict[str, str]] = field(default_factory=dict[str, "dict[str, str]"])
    """Of each tool's newest answer, the values outside of lists, by path."""
    cursors: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    asked: set[tuple[str, tuple[str, ...]]] = field(
        default_factory=set[tuple[str, "tuple[str, ...]"]]
    )
    """What each tool was asked about: the given values among its arguments."""

    def give(self, text: str) -> None:
        """Take in what the task says."""
        self.given.update(_names(text))
        found = ((int(low), int(high)) for low, high in _RANGE.findall(text))
        self.ranges.extend((low, high) for low, high in found if low < high)

    def asks(self, tool: str, arguments: Json) -> bool:
        """Tell whether a call is about something that was given and not asked about yet."""
        subject = self._subject(tool, _passed(arguments))
        return bool(subject) and (tool, subject) not in self.asked

    def learn(self, tool: str, arguments: Json, result: Json) -> bool:
        """Take in an answer; tell whether it holds a fact that the tool hasn't told before.

        That the tool was asked about something given for the first time is such a fact.
        """
        passed = _passed(arguments)
        self._find_cursors(tool, passed)
        subject = self._subject(tool, passed)
        leaves = list(_leaves(result))
        mask = _mask(passed)
        facts = [
            hash((tool, subject, leaf.path, mask(leaf)))
            for leaf in leaves
            if not self._says_nothing(tool, leaf, passed)
        ]
        about_new = bool(subject) and (tool, subject) not in self.asked
        new = about_new or any(fact not in self.facts for fact in facts)
        self._remember(facts)
        self._take_names(tool, leaves, passed)
        self.asked.add((tool, subject))
        return new

    def _subject(self, tool: str, passed: set[str]) -> tuple[str, ...]:
        return tuple(sorted(value for value in passed if self._is_given(tool, value)))

    def _is_given(self, tool: str, value: str) -> bool:
        if value in self.given:
            return True
        if value.isdecimal() and any(low <= int(value) <= high for low, high in self.ranges):
            return True
        others = (paths for other, paths in self.single.items() if other != tool)
        return any(value in values for paths in others for values in paths.values())

    def _find_cursors(self, tool: str, passed: set[str]) -> None:
        came_back = (path for path, value in self.last.get(tool, {}).items() if value in passed)
        self.cursors.update((tool, path) for path in came_back)

    def _says_nothing(self, tool: str, leaf: _Leaf, passed: set[str]) -> bool:
        if _plain(leaf.value) in passed:
            return True
        if leaf.in_list:
            return False
        if (tool, leaf.path) in self.cursors or _OF_THE_CALL.search(_snake(leaf.path)):
            return True
        return isinstance(leaf.value, str) and bool(_RANDOM.fullmatch(leaf.value))

    def _remember(self, facts: Iterable[int]) -> None:
        self.facts.update(dict.fromkeys(facts))
        while len(self.facts) > MAX_FACTS:
            del self.facts[next(iter(self.facts))]

    def _take_names(self, tool: str, leaves: Iterable[_Leaf], passed: set[str]) -> None:
        last = self.last[tool] = {}
        for leaf in leaves:
            value = _plain(leaf.value)
            if value in passed or not _is_name(leaf.value):
                continue
            if leaf.in_list or _LISTS.search(value):
                self.given.update(_names(value))
            else:
                last[leaf.path] = value
                self.single.setdefault(tool, {}).setdefault(leaf.path, set()).add(value)


def _leaves(value: Json) -> Iterator[_Leaf]:
    """Yield the scalars of a JSON value, at most so many; what is empty counts as one."""
    waiting = [_Leaf("", value, in_list=False)]
    count = 0
    while waiting and count < MAX_LEAVES:
        leaf = waiting.pop()
        inner = _inner(leaf)
        if inner:
            waiting += inner
            continue
        count += 1
        yield leaf if inner is None else _Leaf(leaf.path, "", leaf.in_list)


def _inner(leaf: _Leaf) -> list[_Leaf] | None:
    """Return what a container holds; None for a scalar."""
    value = leaf.value
    if isinstance(value, Mapping):
        members = cast("Mapping[str, Any]", value)
        return [_Leaf(f"{leaf.path}.{name}", v, leaf.in_list) for name, v in members.items()]
    if isinstance(value, list | tuple):
        items = cast("list[Any]", value)
        return [_Leaf(f"{leaf.path}[]", item, in_list=True) for item in items]
    return None


def _passed(arguments: Json) -> set[str]:
    return {_plain(leaf.value) for leaf in _leaves(arguments) if _is_name(leaf.value)}


def _is_name(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool) and value != ""


def _snake(path: str) -> str:
    return _HUMP.sub("_", path).lower()


def _plain(value: Any) -> str:
    return str(value).strip().casefold()


def _names(text: str) -> Iterator[str]:
    """Yield what a text names: itself, the parts of its lists, and words with a digit in them."""
    folded = text.casefold()
    yield folded.strip()
    for part in _SEPARATORS.split(folded):
        yield _ITEM.sub("", part).strip(" .")
    for word in _NAMED.findall(folded):
        yield word.strip(".-")


def _mask(passed: set[str]) -> Callable[[_Leaf], Any]:
    """Return a function that takes the arguments out of a text, and outside of lists times too."""
    echoes = sorted((p for p in passed if len(p) > 2 or p.isdecimal()), key=len, reverse=True)
    echo = re.compile("|".join(rf"(?<!\w){re.escape(e)}(?!\w)" for e in echoes)) if echoes else None

    def masked(leaf: _Leaf) -> Any:
        if not isinstance(leaf.value, str):
            return leaf.value
        text = (leaf.value if leaf.in_list else _VOLATILE.sub("~", leaf.value)).casefold()
        return text if echo is None else echo.sub("~", text)

    return masked
