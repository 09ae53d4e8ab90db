"""One operation of a document: where each argument goes, and what comes back.

Parameters and the properties of a body become named arguments. What can't be sent exactly as the
document says is refused, never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
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
)
from stanchion.tools.openapi._body import read_body

__all__ = ["Operation", "read_operation"]

_STYLES = {
    "path": {"simple"},
    "query": {"form", "deepObject", "pipeDelimited", "spaceDelimited"},
    "header": {"simple"},
    "cookie": {"form"},
}
_CREDENTIAL = re.compile(
    r"(?i)api[-_]?key|auth(?!or)|token|secret|passw|credential|session|\bsid\b|jwt|[cx]srf"
)
"""In the name of a header or a cookie: it is nothing that a model should fill in."""
_COOKIE_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


@dataclass(frozen=True, slots=True)
class Operation:
    """What may be sent, and what is answered."""

    id: str
    method: str
    path: str
    description: str
    places: tuple[Place, ...]
    arguments: Mapping[str, Any]
    """JSON schema, an object."""
    answer: Mapping[str, Any]
    """JSON schema of what a success answers; empty if it says nothing."""
    body_type: str = ""


def read_operation(
    document: Mapping[str, Any],
    path: str,
    method: str,
    secrets: set[tuple[str, str]],
    where: str,
) -> Operation:
    """Read one operation, or raise ContractError."""
    adopter = Adopter(document, where)
    item = as_object(adopter.resolve(document["paths"][path]))
    said = as_object(item[method])
    arguments = list(_parameters(adopter, item, said, secrets, where))
    body_type, in_body = read_body(adopter, said, {a.place.argument for a in arguments}, where)
    arguments += in_body
    _check_path(path, arguments, where)
    text = "\n\n".join(
        str(said[key]).strip() for key in ("summary", "description") if said.get(key)
    )
    return Operation(
        id=operation_id(said, path, method),
        method=method.upper(),
        path=path,
        description=text,
        places=tuple(a.place for a in arguments),
        arguments=adopter.with_definitions(
            {
                "properties": {a.place.argument: a.schema for a in arguments},
                "required": [a.place.argument for a in arguments if a.required],
            }
        ),
        answer=_answer(document, said, where),
        body_type=body_type,
    )


def operation_id(said: Mapping[str, Any], path: str, method: str) -> str:
    """Return the operation's id; one made from method and path if it has none."""
    return str(said.get("operationId") or f"{method}_{path.strip('/')}")


# Parameters --------------------------------------------------------------------------------------


def _parameters(
    adopter: Adopter,
    item: Mapping[str, Any],
    said: Mapping[str, Any],
    secrets: set[tuple[str, str]],
    where: str,
) -> Iterator[Argument]:
    found: dict[tuple[str, str], Mapping[str, Any]] = {}
    for each in (*as_list(item.get("parameters")), *as_list(said.get("parameters"))):
        parameter = as_object(adopter.resolve(each))
        found[str(parameter.get("in")), str(parameter.get("name"))] = parameter
    taken: set[str] = set()
    for (place, wire), parameter in found.items():
        if (place, wire.lower() if place == "header" else wire) in secrets:
            continue
        if unfit := _unfit(adopter, place, wire, parameter):
            problem, remedy = unfit
            if parameter.get("required"):
                raise refuse(where, f"it needs {wire[:50]!r} in {place[:20]}, {problem}", remedy)
            continue
        argument = _name(wire, place, taken)
        taken.add(argument)
        yield _parameter(adopter, parameter, Place(argument, place, wire), where)


def _unfit(
    adopter: Adopter, place: str, wire: str, parameter: Mapping[str, Any]
) -> tuple[str, str] | None:
    """Return why a parameter can't be an argument, and what to do about it."""
    if place not in _STYLES:
        return "which isn't known", "leave it out"
    if place in {"header", "cookie"} and _CREDENTIAL.search(wire):
        remedy = "name it in a security scheme of the document and send it by `auth`"
        return "which looks like a credential", f"{remedy}, or leave the operation out"
    if place == "cookie":
        parts = islice(parts_of(adopter, parameter.get("schema", {})), 100)
        structured = any(p.get("type") in ("array", "object") or "properties" in p for p in parts)
        if structured or "content" in parameter or not _COOKIE_NAME.fullmatch(wire):
            return "which isn't one plain value under a plain name", "leave it out"
    return None


def _parameter(
    adopter: Adopter, parameter: Mapping[str, Any], place: Place, where: str
) -> Argument:
    default_style = "form" if place.where in {"query", "cookie"} else "simple"
    style = str(parameter.get("style", default_style))
    explode = parameter.get("explode", style in {"form", "deepObject"}) is True
    content = as_object(parameter.get("content", {}))
    raw: Any = _schema_of(content) if content else parameter.get("schema", {})
    if style not in _STYLES[place.where]:
        raise refuse(where, f"the style of {place.argument} isn't known", "leave it out")
    if "description" in parameter:
        raw = {**as_object(raw), "description": parameter["description"]}
    placed = Place(place.argument, place.where, place.wire, style, explode, bool(content))
    return Argument(
        placed, adopter.part(raw), parameter.get("required") is True or place.where == "path"
    )


def _name(wire: str, place: str, taken: set[str]) -> str:
    """Return a name that models can use, the wire's own where that is possible."""
    plain = re.sub(r"[^A-Za-z0-9_-]+", "_", wire).strip("_")[:50] or place
    if plain in taken:
        plain = f"{place}_{plain}"
    return next(n for i in range(1000) if (n := f"{plain}{i or ''}") not in taken)


def _check_path(path: str, arguments: Sequence[Argument], where: str) -> None:
    wanted = set(re.findall(r"\{([^{}]+)\}", path))
    given = {a.place.wire for a in arguments if a.place.where == "path"}
    if wanted != given or not path.startswith("/"):
        raise refuse(where, "its path and its path parameters differ", "mend the document")


# Answers ----------------------------------------------------------------------------------------


def _answer(document: Mapping[str, Any], said: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    """Return the schema of success answers: any of them, if there are several."""
    adopter = Adopter(document, where)
    found: list[dict[str, Any]] = []
    for status, each in as_object(said.get("responses", {})).items():
        if str(status).startswith("2"):
            content = as_object(as_object(adopter.resolve(each)).get("content", {}))
            media = next((name for name in content if is_json(name)), None)
            if media is None and content and not any(name.startswith("text/") for name in content):
                raise refuse(where, "it answers neither JSON nor text", "leave it out")
            if media is not None:
                found.append(adopter.part(as_object(content[media]).get("schema", {})))
    if len(found) == 1:
        return adopter.with_definitions(found[0])
    return adopter.with_definitions({"anyOf": found}) if found else {}


def _schema_of(content: Mapping[str, Any]) -> Any:
    return as_object(next(iter(content.values()), None)).get("schema", {})
