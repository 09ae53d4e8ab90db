"""JSON schemas as a model should read them, and as an error describes them.

Titles that only repeat a name are dropped; descriptions of an expected value are made from the
declared schema alone, never from what was received.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

__all__ = ["at_path", "describe", "mentions_secret", "without_titles"]

Schema = Mapping[str, Any]

_NAMED = {"properties", "$defs", "patternProperties", "dependentSchemas"}
_LISTED = {"anyOf", "oneOf", "allOf", "prefixItems"}
_SINGLE = {"items", "additionalProperties", "contains", "not", "propertyNames"}
_NUMBERS = (
    ("minimum", "at least"),
    ("exclusiveMinimum", "over"),
    ("maximum", "at most"),
    ("exclusiveMaximum", "under"),
)
_MAX_TEXT = 200


def without_titles(schema: Schema) -> dict[str, Any]:
    """Drop ``title`` wherever it is a schema's keyword; a property named title stays."""
    return {key: _child(key, value) for key, value in schema.items() if key != "title"}


def mentions_secret(schema: Schema) -> bool:
    """Tell whether a value of this schema would be hidden when it is written out."""
    return schema.get("writeOnly") is True or any(mentions_secret(s) for s in _children(schema))


def describe(schema: Schema, root: Schema | None = None) -> str:
    """Say in a few words what the schema expects."""
    root = schema if root is None else root
    schema = _resolve(schema, root)
    if "const" in schema:
        return str(schema["const"])
    if "enum" in schema:
        return _short(f"one of {', '.join(map(str, schema['enum']))}")
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return _short(" or ".join(dict.fromkeys(describe(s, root) for s in schema[key])))
    return _short(_simple(schema))


def at_path(schema: Schema, path: Sequence[str | int]) -> tuple[str, Schema]:
    """Follow a validation error's path as far as it is declared.

    Return the dotted field and its schema. A part that isn't a declared name or an index (a key
    that came with the input, a validator's tag) ends the field: it may be text from outside.
    """
    root, field = schema, ""
    for part in path:
        found = _step(_resolve(schema, root), part, root)
        if found is None:
            break
        schema, field = found, f"{field}.{part}" if field else str(part)
    return field, _resolve(schema, root)


def _child(key: str, value: Any) -> Any:
    if key in _NAMED and isinstance(value, Mapping):
        named = cast("Mapping[str, Any]", value)
        return {name: _titleless(schema) for name, schema in named.items()}
    if key in _LISTED and isinstance(value, Sequence):
        return [_titleless(schema) for schema in cast("Sequence[Any]", value)]
    return _titleless(value) if key in _SINGLE else value


def _titleless(value: Any) -> Any:
    return without_titles(cast("Schema", value)) if isinstance(value, Mapping) else value


def _children(schema: Schema) -> Iterator[Schema]:
    for key, value in schema.items():
        if key in _NAMED:
            yield from cast("Mapping[str, Schema]", value).values()
        elif key in _LISTED:
            yield from cast("Sequence[Schema]", value)
        elif key in _SINGLE and isinstance(value, Mapping):
            yield cast("Schema", value)


def _resolve(schema: Schema, root: Schema) -> Schema:
    seen: set[str] = set()
    while (ref := schema.get("$ref")) and ref not in seen:
        seen.add(ref)
        schema = cast("Schema", root.get("$defs", {}).get(str(ref).rsplit("/", 1)[-1], {}))
    return schema


def _step(schema: Schema, part: str | int, root: Schema) -> Schema | None:
    if isinstance(part, int):
        items = schema.get("items")
        if isinstance(items, Mapping):
            return cast("Schema", items)
    elif part in schema.get("properties", {}):
        return cast("Schema", schema["properties"][part])
    for option in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        if (found := _step(_resolve(option, root), part, root)) is not None:
            return found
    return None


def _simple(schema: Schema) -> str:
    kind = schema.get("type")
    if kind == "object":
        names = ", ".join(schema.get("properties", ()))
        return f"an object with {names}" if names else "an object"
    if kind == "array":
        return f"a list of {_bounds(schema, 'Items', 'items')}".rstrip()
    if kind == "string":
        return _text(schema)
    if kind in {"number", "integer"}:
        limits = [f"{words} {schema[key]}" for key, words in _NUMBERS if key in schema]
        name = "a whole number" if kind == "integer" else "a number"
        return ", ".join([name, *limits])
    return {"boolean": "true or false", "null": "null"}.get(str(kind), "a value of another form")


def _text(schema: Schema) -> str:
    text = f"a {schema['format']} text" if "format" in schema else "text"
    if length := _bounds(schema, "Length", "characters"):
        text += f" of {length}"
    return f"{text} matching {schema['pattern']}" if "pattern" in schema else text


def _bounds(schema: Schema, suffix: str, unit: str) -> str:
    least, most = schema.get(f"min{suffix}"), schema.get(f"max{suffix}")
    if least is not None and least == most:
        return f"{least} {unit}"
    ends = [f"at least {least}"] if least is not None else []
    ends += [f"at most {most}"] if most is not None else []
    return f"{' and '.join(ends)} {unit}" if ends else (unit if suffix == "Items" else "")


def _short(text: str) -> str:
    return text if len(text) <= _MAX_TEXT else f"{text[: _MAX_TEXT - 1]}…"
