"""A document's leaves: its scalars and amounts of money, each with the place where it stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from stanchion.trust._normal import is_money
from stanchion.values import Json

__all__ = ["Leaf", "leaves_of"]


@dataclass(frozen=True, slots=True)
class Leaf:
    """A scalar, or an amount of money, and where it stands in its document."""

    path: tuple[str | int, ...]
    value: Json

    @property
    def names(self) -> tuple[str, ...]:
        """The fields that lead to it, without positions in lists."""
        return tuple(part for part in self.path if isinstance(part, str))


def leaves_of(document: Json) -> Iterator[Leaf]:
    """Walk the leaves in order, without recursion: what is walked comes from outside."""
    pending: list[tuple[tuple[str | int, ...], Any]] = [((), document)]
    while pending:
        path, value = pending.pop()
        if is_money(value) or isinstance(value, str | int | float):
            if not isinstance(value, bool):
                yield Leaf(path, value)
        elif isinstance(value, Mapping):
            items = cast("Mapping[str, Any]", value).items()
            pending += [((*path, key), each) for key, each in items][::-1]
        elif isinstance(value, Sequence):
            items = enumerate(cast("Sequence[Any]", value))
            pending += [((*path, index), each) for index, each in items][::-1]
