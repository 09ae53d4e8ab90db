"""An answer's value held against the JSON schema that the question carries.

Whoever answers needn't have the tools' code, so the schema has to do. The keywords that Pydantic
writes are checked; an unknown one is passed over, since the run validates the value once more with
the tool's own types. Messages name declared fields and limits, never what was given.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, cast

from stanchion.values import Json

__all__ = ["misfits"]

Schema = Mapping[str, Any]

_MAX_FOUND = 10
_MAX_DEPTH = 300
"""Steps down a schema: more than the deepest value that can be recorded takes."""
_TYPES: Mapping[str, Callable[[Any], bool]] = {
    "null": lambda value: value is None,
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: _is_number(value) and value == int(value),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "string": lambda value: isinstance(value, str),
    "array": lambda value: isinstance(value, Sequence) and not isinstance(value, str),
    "object": lambda value: isinstance(value, Mapping),
}


def misfits(value: Json, schema: Schema) -> tuple[str, ...]:
    """Return what is wrong with the value, a few findings at most; empty if it fits."""
    found: list[str] = []
    for finding in _Check(schema).value(value, schema, "", 0):
        found.append(finding)
        if len(found) == _MAX_FOUND:
            break
    return tuple(found)


class _Check:
    def __init__(self, root: Schema) -> None:
        self._definitions: Mapping[str, Any] = root.get("$defs", {})

    def value(self, value: Any, schema: Any, at: str, depth: int) -> Iterator[str]:
        if schema is True or schema == {}:
            return
        if schema is False or depth > _MAX_DEPTH:
            yield _said(at, "isn't expected")
            return
        schema = cast("Schema", schema)
        if "$ref" in schema:
            name = str(schema["$ref"]).rsplit("/", 1)[-1]
            yield from self.value(value, self._definitions.get(name, {}), at, depth + 1)
        yield from self._combined(value, schema, at, depth)
        if (wrong := _wrong_type(value, schema)) is not None:
            yield _said(at, wrong)
        elif isinstance(value, Mapping):
            yield from self._object(cast("Mapping[str, Any]", value), schema, at, depth)
        elif isinstance(value, Sequence) and not isinstance(value, str):
            yield from self._array(cast("Sequence[Any]", value), schema, at, depth)
        else:
            yield from (_said(at, wrong) for wrong in _scalar(value, schema))

    def _combined(self, value: Any, schema: Schema, at: str, depth: int) -> Iterator[str]:
        for part in schema.get("allOf", ()):
            yield from self.value(value, part, at, depth + 1)
        for key in ("anyOf", "oneOf"):
            options = schema.get(key, ())
            tried = [next(self.value(value, each, at, depth + 1), "") for each in options]
            if tried and all(tried):
                yield tried[0] if len(tried) == 1 else _said(at, "fits none of the forms allowed")

    def _object(
        self, value: Mapping[str, Any], schema: Schema, at: str, depth: int
    ) -> Iterator[str]:
        properties: Mapping[str, Any] = schema.get("properties", {})
        for name in schema.get("required", ()):
            if name not in value:
                yield _said(_below(at, name), "is missing")
        for name, part in properties.items():
            if name in value:
                yield from self.value(value[name], part, _below(at, name), depth + 1)
        others = [name for name in value if name not in properties]
        rest = schema.get("additionalProperties", True)
        if others and rest is False:
            names = ", ".join(properties) or "nothing"
            yield _said(at, f"has a field that isn't declared; expected only {names}")
        elif isinstance(rest, Mapping):
            for name in others:
                yield from self.value(value[name], rest, _below(at, "*"), depth + 1)
        yield from (_said(at, wrong) for wrong in _size(len(value), schema, "Properties", "fields"))

    def _array(self, value: Sequence[Any], schema: Schema, at: str, depth: int) -> Iterator[str]:
        prefix: Sequence[Any] = schema.get("prefixItems", ())
        for index, item in enumerate(value):
            part: Any = prefix[index] if index < len(prefix) else schema.get("items", True)
            yield from self.value(item, part, _below(at, str(index)), depth + 1)
        yield from (_said(at, wrong) for wrong in _size(len(value), schema, "Items", "items"))
        if schema.get("uniqueItems") and any(item in value[:i] for i, item in enumerate(value)):
            yield _said(at, "has the same item twice")


def _wrong_type(value: Any, schema: Schema) -> str | None:
    if "const" in schema and not _same(value, schema["const"]):
        return f"must be {schema['const']!r}"
    if "enum" in schema and not any(_same(value, each) for each in schema["enum"]):
        return f"must be one of {', '.join(map(str, schema['enum']))}"
    kinds: Any = schema.get("type", ())
    names = (kinds,) if isinstance(kinds, str) else tuple(kinds)
    if names and not any(_TYPES.get(name, lambda _: True)(value) for name in names):
        return f"must be of type {' or '.join(names)}"
    return None


def _scalar(value: Any, schema: Schema) -> Iterator[str]:
    if isinstance(value, str):
        yield from _size(len(value), schema, "Length", "characters")
        pattern = schema.get("pattern")
        if pattern is not None and not _matches(pattern, value):
            yield f"must match {pattern}"
    elif _is_number(value):
        yield from _limits(value, schema)


def _matches(pattern: str, text: str) -> bool:
    try:
        return re.search(pattern, text) is not None
    except re.error:  # a dialect that Python can't read: left to the run's own check
        return True


def _limits(value: float, schema: Schema) -> Iterator[str]:
    for key, words, fits in _LIMITS:
        if key in schema and not fits(value, schema[key]):
            yield f"must be {words} {schema[key]}"


_LIMITS: tuple[tuple[str, str, Callable[[Any, Any], bool]], ...] = (
    ("minimum", "at least", lambda value, limit: value >= limit),
    ("maximum", "at most", lambda value, limit: value <= limit),
    ("exclusiveMinimum", "over", lambda value, limit: value > limit),
    ("exclusiveMaximum", "under", lambda value, limit: value < limit),
    (
        "multipleOf",
        "a multiple of",
        lambda value, step: Decimal(str(value)) % Decimal(str(step)) == 0,
    ),
)


def _size(size: int, schema: Schema, suffix: str, unit: str) -> Iterator[str]:
    least, most = schema.get(f"min{suffix}"), schema.get(f"max{suffix}")
    if least is not None and size < least:
        yield f"must have at least {least} {unit}"
    if most is not None and size > most:
        yield f"must have at most {most} {unit}"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _same(left: Any, right: Any) -> bool:
    return isinstance(left, bool) is isinstance(right, bool) and bool(left == right)


def _below(at: str, name: str) -> str:
    return f"{at}.{name}" if at else name


def _said(at: str, problem: str) -> str:
    return f"{at or 'the value'} {problem}"
