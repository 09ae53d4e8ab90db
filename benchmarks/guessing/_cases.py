"""Cases as turns of a conversation, each with the calls that a right model makes in it."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.guessing.peers import _bfcl as bfcl

__all__ = ["Call", "Case", "load"]


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a function."""

    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Case:
    """One conversation."""

    id: str
    apis: tuple[str, ...]
    scenario: Mapping[str, Any]
    words: tuple[str, ...]
    """What the user says, turn by turn."""
    calls: tuple[tuple[Call, ...], ...]
    """The reference calls of each turn; none in a turn in which something is missing."""

    @property
    def missing(self) -> tuple[int, ...]:
        """The turns in which the user left something out."""
        return tuple(turn for turn, calls in enumerate(self.calls) if not calls)


def load(category: str, orders: Mapping[str, Sequence[str]]) -> list[Case]:
    """Read a category; ``orders`` are the parameters of each function, for positional ones."""
    return [
        Case(
            data["id"],
            tuple(data["involved_classes"]),
            data["initial_config"],
            tuple("\n".join(m["content"] for m in turn) for turn in data["question"]),
            tuple(tuple(_call(text, orders) for text in turn) for turn in reference),
        )
        for data, reference in bfcl.cases(category)
    ]


def _call(text: str, orders: Mapping[str, Sequence[str]]) -> Call:
    node = ast.parse(text, mode="eval").body
    if not isinstance(node, ast.Call):
        raise TypeError(text)
    name = ast.unparse(node.func).rpartition(".")[2]
    positional = zip(orders[name], map(ast.literal_eval, node.args), strict=False)
    named = {each.arg or "": ast.literal_eval(each.value) for each in node.keywords}
    return Call(name, dict(positional) | named)
