"""YAML read as what JSON could say, and no more.

OpenAPI allows YAML that maps onto JSON: keys are text, and ``no``, ``1:30`` or a date are text too.
A tag, a merge key or an anchor that contains itself is refused; aliases are followed as long as the
whole, written out, stays in bounds. PyYAML parses.
"""

# PyYAML's types are known in part only.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportGeneralTypeIssues=false, reportUntypedBaseClass=false

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast

import yaml

try:
    from yaml import CSafeLoader as SafeLoader
except ImportError:  # built without libyaml
    from yaml import SafeLoader

__all__ = ["read_yaml"]

MAX_DEPTH = 100
MAX_NODES = 1_000_000
MAX_CHARACTERS = 64 * 1024 * 1024
"""Of all texts of a document, each as often as an alias repeats it."""

_NUMBER = r"-?(?:0|[1-9][0-9]*)"


class _Loader(SafeLoader):
    """A safe loader with JSON's types only."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 (PyYAML's own interface)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[str, Any]:  # noqa: FBT001, FBT002
        read: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.value == "<<" or key.value in read:
                raise yaml.constructor.ConstructorError(
                    None, None, "a key that isn't text, stands twice or merges", key.start_mark
                )
            read[key.value] = self.construct_object(value, deep=deep)
        return read


for _kind, _pattern, _first in (
    ("null", r"(?:~|null|)", ["~", "n", ""]),
    ("bool", r"(?:true|false)", ["t", "f"]),
    ("int", _NUMBER, [*"-0123456789"]),
    ("float", rf"{_NUMBER}(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?", [*"-0123456789"]),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_kind}", re.compile(rf"^{_pattern}$"), _first
    )


def read_yaml(text: str) -> Any:
    """Return what a text holds; raise ValueError for what isn't YAML or not in bounds."""
    try:
        _check_depth(text)
        value: Any = yaml.load(text, Loader=_Loader)  # noqa: S506 (a safe loader of our own)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise ValueError(f"not YAML{f', line {mark.line + 1}' if mark else ''}") from error
    _check_size(value)
    return value


def _check_depth(text: str) -> None:
    """Read the text's events, which costs no stack; building what they say costs one a level."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise ValueError("nested too deeply")


def _check_size(value: Any) -> None:
    """Count a document as it would be written out, aliases repeated; an endless one ends here."""
    nodes, characters, left = 0, 0, [value]
    while left:
        each = left.pop()
        if isinstance(each, str):
            characters += len(each)
        elif isinstance(each, Mapping):
            found = cast("Mapping[str, Any]", each)
            characters += sum(map(len, found))
            nodes += len(found)
            _check_bounds(nodes, characters)
            left += found.values()
        elif isinstance(each, list):
            nodes += len(cast("list[Any]", each))
            _check_bounds(nodes, characters)
            left += cast("list[Any]", each)
    _check_bounds(nodes, characters)


def _check_bounds(nodes: int, characters: int) -> None:
    if nodes > MAX_NODES or characters > MAX_CHARACTERS:
        raise ValueError("too large with its aliases written out")
