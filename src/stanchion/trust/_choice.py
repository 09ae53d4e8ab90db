"""Which value of a result may be taken for a role.

A role is a name, and so are fields: what a field is called, in a record and under a tool of what
name, says what it holds. A ticket's id is called ``id`` in what ``get_ticket`` returns. Where
several values fit, the initiator's words must name one by what stands around it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from typing import TypeAlias

from stanchion.trust._english import LEAST, MOST
from stanchion.trust._leaves import Leaf
from stanchion.trust._normal import keys_of, kind_of, lookup_keys, words_of

__all__ = ["Candidates", "candidates_of", "select", "whole_list"]

Candidates: TypeAlias = Mapping[tuple[str, ...], Sequence[Leaf]]
"""The leaves that may be taken for a role, by what they are looked up by."""

_TELLING: Mapping[str, Set[str]] = {
    "email": {"address", "contact", "email", "mail"},
    "iban": {"account", "iban"},
    "phone": {"mobile", "phone", "tel", "telephone"},
    "url": {"homepage", "link", "page", "uri", "url", "website"},
}
"""Kinds whose form says what they are, with what a field is called that holds just that."""


_GENERIC = {("id",), ("key",), ("name",), ("number",), ("code",), ("value",)}
"""Roles that don't say of what."""


def candidates_of(leaves: Sequence[Leaf], tool: str, role: str, kind: str) -> Candidates:
    """Return what a tool's result offers for a role: by the names of its fields, else by form."""
    wanted = _nouns(role)
    named = [(leaf, _nouns(leaf.names[-1] if leaf.names else tool)) for leaf in leaves]
    fitting = [leaf for leaf, nouns in named if nouns == wanted]
    if not fitting and wanted not in _GENERIC:
        fitting = [leaf for leaf, nouns in named if nouns[-len(wanted) :] == wanted]
    if not fitting:
        short = [leaf for leaf, nouns in named if nouns and wanted[-len(nouns) :] == nouns]
        fitting = [leaf for leaf in short if {*wanted} <= {*_nouns("_".join([tool, *leaf.names]))}]
    if not fitting and kind in _TELLING:
        fields = {leaf.names for leaf in leaves if kind_of(leaf.value) == kind}
        alone = len(fields) == 1 and all(
            _TELLING[kind] & {*_nouns(f[-1] if f else tool)} for f in fields
        )
        fitting = [leaf for leaf in leaves if leaf.names in fields] if alone else []
    found: defaultdict[tuple[str, ...], list[Leaf]] = defaultdict(list)
    for leaf in fitting:
        found[lookup_keys(leaf.value, role)].append(leaf)
    return found


def select(candidates: Candidates, leaves: Sequence[Leaf], said: Set[str]) -> tuple[str, ...]:
    """Return the keys of the only candidate, or of the one that the words name; else nothing.

    Named is the one beside which stands everything said that stands beside any other, and more.
    """
    if len(candidates) == 1:
        return next(iter(candidates))
    if extreme := _extreme(candidates, leaves, said):
        return extreme
    around = _surroundings(leaves)
    heard = {
        keys: {key for leaf in each for key in around(leaf) if key in said}
        for keys, each in candidates.items()
    }
    best = max(heard, key=lambda keys: len(heard[keys]), default=())
    alone = all(heard[keys] < heard[best] for keys in heard if keys != best)
    return best if alone else ()


def whole_list(leaves: Sequence[Leaf], tool: str, role: str, kind: str) -> Set[tuple[str, ...]]:
    """Return the keys of all items of the only list that a result has for a role; else nothing."""
    fitting = [leaf for each in candidates_of(leaves, tool, role, kind).values() for leaf in each]
    lists = {leaf.path[:-1] for leaf in fitting}
    in_list = all(leaf.path and isinstance(leaf.path[-1], int) for leaf in fitting)
    if len(lists) != 1 or not in_list:
        return frozenset()
    return frozenset(lookup_keys(leaf.value, role) for leaf in fitting)


def _extreme(candidates: Candidates, leaves: Sequence[Leaf], said: Set[str]) -> tuple[str, ...]:
    """Return the candidate that a superlative of the words picks out by the only number beside it.

    With two kinds of numbers in the records, the words don't say which is meant.
    """
    most = any(f"name:{word}" in said for word in MOST)
    if most is any(f"name:{word}" in said for word in LEAST):
        return ()
    numbers: defaultdict[tuple[str, ...], dict[tuple[str, ...], float]] = defaultdict(dict)
    for keys, places in candidates.items():
        records = {leaf.path[:-1] for leaf in places}
        for leaf in leaves:
            if leaf.path[:-1] in records and isinstance(leaf.value, int | float):
                numbers[leaf.names][keys] = leaf.value
    if len(numbers) != 1:
        return ()
    (values,) = numbers.values()
    wanted = (max if most else min)(values.values())
    found = [keys for keys, value in values.items() if value == wanted]
    return found[0] if len(found) == 1 and len(values) == len(candidates) else ()


def _nouns(name: str) -> tuple[str, ...]:
    """Return a name's words, in the singular."""
    return tuple(word.removesuffix("s") for word in words_of(name))


def _surroundings(leaves: Sequence[Leaf]) -> Callable[[Leaf], Iterator[str]]:
    """Return a function from a leaf to the keys that stand in its record and those around it."""
    beside: defaultdict[tuple[str | int, ...], set[str]] = defaultdict(set)
    for leaf in leaves:
        beside[leaf.path[:-1]] |= keys_of(leaf.value)

    def around(leaf: Leaf) -> Iterator[str]:
        own = keys_of(leaf.value)
        for depth, part in enumerate(leaf.path):
            yield from beside[leaf.path[:depth]] - own
            yield from keys_of(part) if isinstance(part, str) else ()

    return around
