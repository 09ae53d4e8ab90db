"""A JSON schema from elsewhere, taken over: known keywords, local references, bounded size.

What is left out is what a stranger's schema could do harm with or what checking it would need the
network for. A schema taken over may allow more than the original, since its owner checks too; it
never allows less. The dialect of OpenAPI 3.0 (``nullable``, boolean exclusive bounds) becomes JSON
schema's own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from pydantic_core import SchemaError, SchemaValidator, core_schema

from stanchion.tools._signature import refuse

__all__ = ["Adopter"]

Schema = Mapping[str, Any]

MAX_NODES = 20_000
MAX_DEPTH = 48
MAX_TEXT = 4_000
MAX_PATTERN = 500

_KEPT = {
    "type",
    "enum",
    "const",
    "format",
    "default",
    "description",
    "required",
    "dependentRequired",
    "uniqueItems",
    "multipleOf",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "minContains",
    "maxContains",
    "minProperties",
    "maxProperties",
    "readOnly",
    "writeOnly",
}
_NAMED = {"properties", "dependentSchemas"}
_LISTED = {"anyOf", "oneOf", "allOf", "prefixItems"}
_SINGLE = {
    "items",
    "additionalProperties",
    "contains",
    "not",
    "propertyNames",
    "if",
    "then",
    "else",
}


class Adopter:
    """Takes over schemas that refer to parts of one document."""

    def __init__(self, document: Mapping[str, Any], where: str) -> None:
        self._document = document
        self._where = where
        self._names: dict[str, str] = {}
        self._definitions: dict[str, Any] = {}
        self._pending: dict[str, Any] = {}
        self._nodes = 0

    def whole(self, schema: Any) -> dict[str, Any]:
        """Return a schema with all the definitions that it refers to."""
        return self.with_definitions(self.part(schema))

    def with_definitions(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """Add the definitions that any part so far refers to, and those that they refer to."""
        while self._pending:
            name, target = self._pending.popitem()
            self._definitions[name] = self.part(target)
        return {**schema, "$defs": self._definitions} if self._definitions else dict(schema)

    def part(self, schema: Any, depth: int = 0) -> dict[str, Any]:
        """Return one schema, its references pointing into ``$defs``."""
        self._nodes += 1
        if self._nodes > MAX_NODES or depth > MAX_DEPTH:
            raise refuse(
                self._where,
                "its schema is too large or too deep",
                "leave this tool out, or give it a smaller schema",
            )
        if isinstance(schema, bool):
            return {} if schema else {"not": {}}
        if not isinstance(schema, Mapping):
            raise refuse(self._where, "a part of its schema isn't a schema", "mend the document")
        found = cast("Schema", schema)
        if isinstance(ref := found.get("$ref"), str):
            return self._reference(ref, found)
        return self._adopt(_modern(found), depth)

    def resolve(self, value: Any) -> Any:
        """Follow references to the object that they stand for."""
        for _ in range(MAX_DEPTH):
            if not (isinstance(value, Mapping) and isinstance(value.get("$ref"), str)):  # pyright: ignore[reportUnknownMemberType]
                return cast("Any", value)
            value = self._at(cast("str", value["$ref"]))
        raise refuse(self._where, "its references lead in a circle", "mend the document")

    def _adopt(self, schema: Schema, depth: int) -> dict[str, Any]:
        adopted: dict[str, Any] = {}
        for key, value in schema.items():
            if key in _KEPT:
                adopted[key] = _cut(value) if key == "description" else value
            elif key == "pattern" and _is_safe(value):
                adopted[key] = value
            elif key in _NAMED and isinstance(value, Mapping):
                named = cast("Mapping[str, Any]", value)
                adopted[key] = {
                    str(name): self.part(each, depth + 1) for name, each in named.items()
                }
            elif key in _LISTED and isinstance(value, Sequence) and not isinstance(value, str):
                adopted[key] = [self.part(each, depth + 1) for each in cast("Sequence[Any]", value)]
            elif key in _SINGLE:
                adopted[key] = value if isinstance(value, bool) else self.part(value, depth + 1)
        if "patternProperties" in schema:  # its patterns aren't taken over, so anything may come
            adopted.pop("additionalProperties", None)
        if adopted.get("format") == "password":
            adopted["writeOnly"] = True
        return adopted

    def _reference(self, ref: str, schema: Schema) -> dict[str, Any]:
        if ref not in self._names:
            target = self._at(ref)
            self._names[ref] = self._new_name(ref)
            self._pending[self._names[ref]] = target
        said = schema.get("description")
        described = {"description": _cut(said)} if said else {}
        return {"$ref": f"#/$defs/{self._names[ref]}", **described}

    def _new_name(self, ref: str) -> str:
        plain = re.sub(r"[^A-Za-z0-9_]", "_", ref.rsplit("/", 1)[-1])[:60] or "schema"
        taken = set(self._names.values())
        return next(n for i in range(MAX_NODES) if (n := f"{plain}{i or ''}") not in taken)

    def _at(self, ref: str) -> Any:
        """Return what a local JSON pointer leads to."""
        if ref != "#" and not ref.startswith("#/"):
            raise refuse(
                self._where,
                "it refers to another document",
                "bundle the document into one file first; nothing is fetched",
            )
        value: Any = self._document
        for part in ref.split("/")[1:]:
            key = part.replace("~1", "/").replace("~0", "~")
            if isinstance(value, Mapping) and key in value:
                value = cast("Mapping[str, Any]", value)[key]
            else:
                raise refuse(self._where, "a reference in it leads nowhere", "mend the document")
        return value


def _modern(schema: Schema) -> dict[str, Any]:
    """Turn OpenAPI 3.0's own keywords into JSON schema's."""
    modern = dict(schema)
    if modern.pop("nullable", None) is True:
        kind, choices = modern.get("type"), modern.get("enum")
        if isinstance(kind, str):
            modern["type"] = [kind, "null"]
        if isinstance(choices, list) and None not in choices:
            modern["enum"] = [*cast("list[Any]", choices), None]
    for exclusive, plain in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        given = modern.get(exclusive)
        if isinstance(given, bool):
            del modern[exclusive]
        if given is True and plain in modern:
            modern[exclusive] = modern.pop(plain)
    return modern


def _is_safe(pattern: Any) -> bool:
    """Tell whether the engine that never backtracks can read it."""
    if not isinstance(pattern, str) or len(pattern) > MAX_PATTERN:
        return False
    try:
        SchemaValidator(core_schema.str_schema(pattern=pattern))
    except SchemaError:
        return False
    return True


def _cut(text: Any) -> str:
    said = str(text)
    return said if len(said) <= MAX_TEXT else f"{said[: MAX_TEXT - 1]}…"
