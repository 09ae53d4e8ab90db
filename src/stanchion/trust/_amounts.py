"""How much a model may move: no more than the initiator's words stand for.

An amount is rarely repeated as it was said; it is a share, a difference, a refund of what came in.
So it is held to a bound and not to equality: the largest sum that the initiator named, or the least
amount of all records that their words name. A record counts as named by what the system keeps of
it; what others wrote in records can name further ones, which only lowers the bound.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, field
from decimal import Decimal

from stanchion.trust._leaves import Leaf
from stanchion.trust._normal import keys_of, words_of

__all__ = ["Rows", "amount_of", "said_sums"]

_SUM = re.compile(
    r"[$€£¥]\s?(\d[\d,]*(?:\.\d+)?)|(?<![\w.,])(\d[\d,]*\.\d\d)(?![\w.,]?\d|%| ?%)"
    r"|(?<![\w.,])(\d[\d,]*(?:\.\d+)?)\s?(?:[A-Z]{3}\b|[€£¥])"
)
_WORD = re.compile(r"[^\W_]+")


def said_sums(text: str) -> Iterator[Decimal]:
    """Yield the sums of money in a text: with a currency, or with two decimals."""
    for match in _SUM.finditer(text):
        yield Decimal(next(filter(None, match.groups())).replace(",", ""))


def amount_of(value: object) -> Decimal | None:
    """Return a value that is a number of at least nothing, None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    amount = Decimal(str(value))
    return amount if amount.is_finite() and amount >= 0 else None


@dataclass(slots=True)
class _Row:
    kept: list[Leaf] = field(default_factory=list[Leaf])
    written: list[Leaf] = field(default_factory=list[Leaf])


class Rows:
    """The records of one trusted result."""

    def __init__(self, kept: Iterable[Leaf], written: Iterable[Leaf]) -> None:
        rows: defaultdict[tuple[str | int, ...], _Row] = defaultdict(_Row)
        for leaf in kept:
            rows[_record(leaf)].kept.append(leaf)
        for leaf in written:
            rows[_record(leaf)].written.append(leaf)
        self._rows = list(rows.values())

    def least(self, role: str, said: Set[str]) -> Decimal | None:
        """Return the least amount in this role of the records that are named; None if none is."""
        by_system = [row for row in self._rows if _names(row.kept, said)]
        by_others = [row for row in self._rows if any(_mentions(x, said) for x in row.written)]
        amounts = list(_amounts(by_system, role))
        return min([*amounts, *_amounts(by_others, role)]) if amounts else None


def _record(leaf: Leaf) -> tuple[str | int, ...]:
    """Return the place of the record that holds a leaf: the last item of a list above it."""
    last = max((at for at, part in enumerate(leaf.path) if isinstance(part, int)), default=-1)
    return leaf.path[: last + 1]


def _names(leaves: Sequence[Leaf], said: Set[str]) -> bool:
    texts = (leaf for leaf in leaves if isinstance(leaf.value, str))
    return any(not said.isdisjoint(keys_of(leaf.value)) for leaf in texts)


def _mentions(leaf: Leaf, said: Set[str]) -> bool:
    words = _WORD.findall(leaf.value) if isinstance(leaf.value, str) else []
    return any(not said.isdisjoint(keys_of(word)) for word in words)


def _amounts(rows: Iterable[_Row], role: str) -> Iterator[Decimal]:
    wanted = set(words_of(role))
    for row in rows:
        for leaf in row.kept:
            amount = amount_of(leaf.value)
            if amount is not None and leaf.names and wanted & set(words_of(leaf.names[-1])):
                yield amount
