"""Arguments written into a request, exactly where the operation says.

A path parameter is percent-encoded as a whole and can't be a dot segment, so that no value leads to
another resource; a header's value can't end its line. What can't be written is ``NotPerformed``:
nothing was sent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import quote, urlencode

from stanchion.tools._outcomes import NotPerformed
from stanchion.tools.openapi._operation import Operation, Place
from stanchion.values import Action, ToolError

__all__ = ["Written", "write_request"]

_SEPARATORS = {"form": ",", "spaceDelimited": " ", "pipeDelimited": "|"}
_HEADER_VALUE = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")


@dataclass(frozen=True, slots=True)
class Written:
    """A request without its host and its credentials."""

    method: str
    target: str
    """Path and query, encoded."""
    headers: Mapping[str, str]
    content: bytes | None


def write_request(operation: Operation, arguments: Mapping[str, Any]) -> Written:
    """Write a call's arguments into a request; raise NotPerformed for what can't be written."""
    path, query, headers = operation.path, list[tuple[str, str]](), dict[str, str]()
    properties: dict[str, Any] = {}
    body: Any = None
    has_body = bool(operation.body_type) and any(p.where == "property" for p in operation.places)
    for place in operation.places:
        value = arguments.get(place.argument)
        if place.argument not in arguments or (value is None and place.where in _SKIP_NULL):
            continue
        match place.where:
            case "path":
                path = path.replace(f"{{{place.wire}}}", _in_path(place, value))
            case "query":
                query += _in_query(place, value)
            case "header":
                headers[place.wire] = _in_header(place, value)
            case "property":
                properties[place.wire] = value
            case _:
                body, has_body = value, True
    if properties or (has_body and body is None):
        body = properties
    content = json.dumps(body, ensure_ascii=False).encode() if has_body else None
    if content is not None:
        headers["content-type"] = operation.body_type
    target = f"{path}?{urlencode(query, quote_via=quote)}" if query else path
    return Written(operation.method, target, headers, content)


_SKIP_NULL = {"path", "query", "header"}


def _in_path(place: Place, value: Any) -> str:
    texts = [_text(place, each) for each in _items(value)]
    encoded = ",".join(quote(text, safe="") for text in texts)
    if not encoded or re.fullmatch(r"\.+", encoded):
        raise _unwritable(place, "text that is not empty and not only dots")
    return encoded


def _in_query(place: Place, value: Any) -> Iterator[tuple[str, str]]:
    if place.as_json:
        yield place.wire, json.dumps(value, ensure_ascii=False)
    elif isinstance(value, Mapping):
        if place.style != "deepObject":
            raise _unwritable(place, "a simple value")
        for name, each in cast("Mapping[str, Any]", value).items():
            yield f"{place.wire}[{name}]", _text(place, each)
    elif isinstance(value, list) and not place.explode:
        separator = _SEPARATORS.get(place.style, ",")
        yield place.wire, separator.join(_text(place, each) for each in _items(value))
    else:
        for each in _items(value):
            yield place.wire, _text(place, each)


def _in_header(place: Place, value: Any) -> str:
    text = ",".join(_text(place, each) for each in _items(value))
    if not _HEADER_VALUE.fullmatch(text):
        raise _unwritable(place, "plain ASCII text on one line")
    return text


def _items(value: Any) -> Sequence[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else [value]


def _text(place: Place, value: Any) -> str:
    if place.as_json:
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise _unwritable(place, "a simple value")


def _unwritable(place: Place, expected: str) -> NotPerformed:
    return NotPerformed(
        ToolError(
            code="invalid_argument",
            problem=f"{place.argument} can not be sent as it is",
            action=Action.FIX_ARGUMENTS,
            field=place.argument,
            expected=expected,
            do_not=f"do not make up a value for {place.argument}",
        )
    )
