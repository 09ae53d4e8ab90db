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

import httpx

from stanchion.tools._outcomes import NotPerformed
from stanchion.tools.openapi._argument import Place, is_json, plain_media
from stanchion.tools.openapi._body import FORM
from stanchion.tools.openapi._operation import Operation
from stanchion.values import Action, ToolError

__all__ = ["Written", "write_request"]

_SEPARATORS = {"form": ",", "spaceDelimited": " ", "pipeDelimited": "|"}
_HEADER_VALUE = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")


_COOKIE_VALUE = re.compile(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*")


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
    cookies: list[str] = []
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
            case "cookie":
                cookies.append(f"{place.wire}={_in_cookie(place, value)}")
            case "property":
                properties[place.wire] = value
            case _:
                body, has_body = value, True
    if properties or (has_body and body is None):
        body = properties
    if cookies:
        headers["cookie"] = "; ".join(cookies)
    content = None
    if has_body:
        content, headers["content-type"] = _body(operation.body_type, body)
    target = f"{path}?{urlencode(query, quote_via=quote)}" if query else path
    return Written(operation.method, target, headers, content)


_SKIP_NULL = {"path", "query", "header", "cookie"}


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


def _in_cookie(place: Place, value: Any) -> str:
    text = _text(place, value)
    if not _COOKIE_VALUE.fullmatch(text):
        raise _unwritable(place, "plain ASCII text without spaces, quotes, commas and semicolons")
    return text


# Bodies ------------------------------------------------------------------------------------------


def _body(media: str, body: Any) -> tuple[bytes, str]:
    """Return a body's bytes and the content type to send with them."""
    if is_json(media):
        return json.dumps(body, ensure_ascii=False).encode(), media
    fields = list(_fields(body))
    if plain_media(media) == FORM:
        pairs = [(place.wire, _text(place, value)) for place, value in fields]
        return urlencode(pairs).encode(), FORM
    return _multipart(fields)


def _fields(body: Mapping[str, Any]) -> Iterator[tuple[Place, Any]]:
    """Yield the fields of a form: of a list each item, of what is null none."""
    for name, value in body.items():
        for each in _items(value):
            if each is not None:
                yield Place(name, "property", name), each


def _multipart(fields: Sequence[tuple[Place, Any]]) -> tuple[bytes, str]:
    parts: list[tuple[str, Any]] = []
    for place, value in fields:
        if isinstance(value, Mapping):
            part = (None, json.dumps(value, ensure_ascii=False), "application/json")
        else:
            part = (None, _text(place, value))
        parts.append((place.wire, part))
    # A form without a field is no multipart at all; servers take the other kind for the same.
    if not parts:
        return b"", FORM
    request = httpx.Request("POST", "http://form", files=parts)
    return request.read(), request.headers["content-type"]


# Values ------------------------------------------------------------------------------------------


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
