"""Parts of a document that nobody vouches for, as its type declares them.

``Untrusted[str]`` is a str. In a workflow's input it marks what isn't the initiator's own words;
in the result of a trusted tool it marks a field that the tool only passes on. The mark stands in
the JSON schema, so a recorded document can be divided without its Python type.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias, TypeVar, cast

from pydantic import GetJsonSchemaHandler
from pydantic_core import CoreSchema

from stanchion.trust._leaves import Leaf, leaves_of
from stanchion.values import Json

__all__ = ["Untrusted", "divide", "is_marked", "veil"]

T = TypeVar("T")
Schema: TypeAlias = Mapping[str, Any]

MARK = "x-stanchion-untrusted"
DEEPEST = 32
"""Levels of a document that are looked into; what is below is hidden whole."""


@dataclass(frozen=True, slots=True)
class _Untrusted:
    def __get_pydantic_json_schema__(
        self, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {**handler(core_schema), MARK: True}


Untrusted: TypeAlias = Annotated[T, _Untrusted()]
"""A value that somebody else wrote."""


def divide(document: Json, schema: Schema) -> tuple[list[Leaf], list[Leaf]]:
    """Return the leaves of a document that aren't marked in its schema, and those that are."""
    if not _has_mark(schema):
        return list(leaves_of(document)), []
    plain: list[Leaf] = []
    marked: list[Leaf] = []
    for leaf in leaves_of(document):
        (marked if _is_marked(leaf.path, schema) else plain).append(leaf)
    return plain, marked


def is_marked(schema: Schema) -> bool:
    """Tell whether a schema marks any part of its documents."""
    return _has_mark(schema)


def veil(document: Json, schema: Schema, hide: Callable[[Json], Json], *, trusted: bool) -> Json:
    """Return a document in which what nobody vouches for stands as ``hide`` shows it.

    Of a document that isn't trusted the declared form remains: the fields that its schema names
    and the lengths of lists. An object with a field that isn't declared is hidden whole.
    """

    def shown(value: object, here: Sequence[Schema], depth: int) -> Json:
        expanded = list(_expanded(here, schema))
        if depth == DEEPEST or any(MARK in each for each in expanded):
            return hide(cast("Json", value))
        if isinstance(value, Mapping):
            fields = cast("Mapping[str, Any]", value)
            if not trusted and not all(_is_declared(key, expanded) for key in fields):
                return hide(fields)
            return {key: shown(v, _next(expanded, key), depth + 1) for key, v in fields.items()}
        if isinstance(value, list):
            items = enumerate(cast("list[Any]", value))
            return [shown(each, _next(expanded, index), depth + 1) for index, each in items]
        scalar = cast("Json", value)
        return scalar if trusted or scalar is None else hide(scalar)

    if trusted and not _has_mark(schema):
        return document
    return shown(document, [schema], 0)


def _next(schemas: Sequence[Schema], part: str | int) -> list[Schema]:
    return [below for each in schemas for below in _below(each, part)]


def _is_declared(key: str, schemas: Sequence[Schema]) -> bool:
    return any(key in schema.get("properties", {}) for schema in schemas)


def _has_mark(schema: Any) -> bool:
    if isinstance(schema, Mapping):
        known = cast("Schema", schema)
        return MARK in known or any(map(_has_mark, known.values()))
    return isinstance(schema, list) and any(map(_has_mark, cast("list[Any]", schema)))


def _is_marked(path: Sequence[str | int], root: Schema) -> bool:
    """Follow a path through every branch of a schema; a mark on any of them counts."""
    here = list(_expanded([root], root))
    for part in path:
        if any(MARK in schema for schema in here):
            return True
        here = list(_expanded([s for each in here for s in _below(each, part)], root))
    return any(MARK in schema for schema in here)


def _expanded(schemas: Sequence[Schema], root: Schema) -> Iterator[Schema]:
    """Yield schemas with what they refer to and what they are alternatives of."""
    pending, seen = list(schemas), set[int]()
    while pending:
        schema = pending.pop()
        if id(schema) in seen:
            continue
        seen.add(id(schema))
        yield schema
        if name := str(schema.get("$ref", "")).rpartition("/")[2]:
            pending.append(root.get("$defs", {}).get(name, {}))
        for several in ("anyOf", "oneOf", "allOf"):
            pending += schema.get(several, ())


def _below(schema: Schema, part: str | int) -> Iterator[Schema]:
    named = schema.get("properties", {}).get(part)
    if named is not None:
        yield named
    elif isinstance(part, str) and isinstance(schema.get("additionalProperties"), Mapping):
        yield schema["additionalProperties"]
    elif isinstance(part, int):
        prefix: Sequence[Schema] = schema.get("prefixItems", ())
        if part < len(prefix):
            yield prefix[part]
        elif isinstance(schema.get("items"), Mapping):
            yield schema["items"]
