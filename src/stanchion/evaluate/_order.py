"""An order that nobody chose: groups of things, drawn by a digest of their names."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import TypeVar

__all__ = ["drawn_order"]

T = TypeVar("T")


def drawn_order(
    items: Iterable[T], name: Callable[[T], tuple[str, str]], order: str = ""
) -> list[list[T]]:
    """Return items by their (group, case), a case without a group by itself, in a drawn order.

    The order of groups depends on their names and on ``order`` alone; within a group it is given.
    """
    groups: dict[tuple[str, str], list[T]] = {}
    for item in items:
        group, case = name(item)
        groups.setdefault(("group", group) if group else ("case", case), []).append(item)
    drawn = {key: hashlib.sha256(f"{order}\0{key}".encode()).digest() for key in groups}
    return [groups[key] for key in sorted(groups, key=lambda key: drawn[key])]
