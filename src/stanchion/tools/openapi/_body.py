"""The body of an operation as arguments: JSON, or a form whose fields are simple.

The properties of a plain object are arguments of their own; any other body is one. A form is sent
only where the document leaves no doubt how: no files, no encodings of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from stanchion.tools._adopt import Adopter
from stanchion.tools._signature import refuse
from stanchion.tools.openapi._argument import (
    Argument,
    Place,
    as_list,
    as_object,
    is_json,
    parts_of,
    plain_media,
)

__all__ = ["FORM", "MULTIPART", "read_body"]

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"

_MOST_PARTS = 200
_BY_HAND = "leave it out, or write a tool by hand"


def read_body(
    adopter: Adopter, said: Mapping[str, Any], taken: set[str], where: str
) -> tuple[str, list[Argument]]:
    """Return the body's media type, empty without a body, and its arguments."""
    body = as_object(adopter.resolve(said.get("requestBody", {})))
    content, required = as_object(body.get("content", {})), body.get("required") is True
    media = _preferred(content)
    if media is None:
        if required:
            raise refuse(where, "its body is neither JSON nor a form", _BY_HAND)
        return "", []
    told = as_object(content[media])
    schema = told.get("schema", {})
    if not is_json(media):
        schema = _form(adopter, told, plain_media(media), where)
    plain = as_object(adopter.resolve(schema))
    properties = as_object(plain.get("properties", {}))
    always = required or not (is_json(media) or _required(plain))  # an empty form is none
    if always and _is_flat(plain, properties, taken):
        return media, list(_properties(adopter, plain, properties))
    argument = next(n for n in ("body", "request_body", "json_body") if n not in taken)
    return media, [Argument(Place(argument, "body", ""), adopter.part(schema), required)]


def _preferred(content: Mapping[str, Any]) -> str | None:
    """Return the media type to send: JSON if it is taken, else a form."""
    forms = [m for kind in (FORM, MULTIPART) for m in content if plain_media(m) == kind]
    return next(iter([*filter(is_json, content), *forms]), None)


def _required(schema: Mapping[str, Any]) -> set[Any]:
    return set(as_list(schema.get("required")))


def _is_flat(schema: Mapping[str, Any], properties: Mapping[str, Any], taken: set[str]) -> bool:
    """Tell whether a body's properties can stand as arguments of their own."""
    names = [re.sub(r"[^A-Za-z0-9_-]", "", name) for name in properties]
    fits = names == list(properties) and not taken & set(names)
    return bool(properties) and _is_plain(schema) and fits


def _is_plain(schema: Mapping[str, Any]) -> bool:
    combined = {"anyOf", "oneOf", "allOf", "not", "if", "patternProperties"} & schema.keys()
    return not combined and schema.get("additionalProperties", False) is False


def _properties(
    adopter: Adopter, schema: Mapping[str, Any], properties: Mapping[str, Any]
) -> Iterator[Argument]:
    required = _required(schema)
    for name, each in properties.items():
        adopted = adopter.part(each)
        if adopted.get("readOnly") is not True:
            yield Argument(Place(name, "property", name), adopted, name in required)


# Forms -------------------------------------------------------------------------------------------


def _form(adopter: Adopter, told: Mapping[str, Any], media: str, where: str) -> Mapping[str, Any]:
    """Return a form's schema without the optional fields that can't be sent."""
    schema = as_object(adopter.resolve(told.get("schema", {})))
    if not _is_plain(schema) or not schema.get("properties"):
        raise refuse(where, "its form doesn't list its fields", "list them in the document")
    kept, encoding = dict[str, Any](), as_object(told.get("encoding"))
    for name, field in as_object(schema["properties"]).items():
        parts = list(islice(parts_of(adopter, field), _MOST_PARTS))
        problem = _unsendable(parts, media) or _encoded(encoding, name, parts)
        if problem and name in _required(schema):
            raise refuse(where, f"its form needs {name[:50]!r}, {problem}", _BY_HAND)
        if not problem:
            kept[name] = field
    return {**schema, "properties": kept}


def _unsendable(parts: Sequence[Mapping[str, Any]], media: str) -> str:
    """Say what no text can stand for; an object has its place in a multipart form, as JSON."""
    if any(p.get("format") == "binary" or "contentMediaType" in p for p in parts):
        return "a file"
    if media == FORM and any(_is(p, "object") for p in parts):
        return "an object"
    if sum(_is(p, "array") for p in parts) > 1 or len(parts) == _MOST_PARTS:
        return "nested lists or very many alternatives"
    return ""


def _encoded(encoding: Mapping[str, Any], name: str, parts: Sequence[Mapping[str, Any]]) -> str:
    said = as_object(encoding.get(name))
    usual = "application/json" if any(_is(p, "object") for p in parts) else "text/plain"
    default = {"style": "form", "explode": True, "contentType": usual, "allowReserved": False}
    same = all(key in default and default[key] == value for key, value in said.items())
    return "" if same else "in an encoding of its own"


def _is(schema: Mapping[str, Any], kind: str) -> bool:
    said = schema.get("type")
    return said == kind or kind in as_list(said) or (kind == "object" and "properties" in schema)
