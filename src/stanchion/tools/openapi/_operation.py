"""One operation of a document: where each argument goes, and what comes back.

Parameters and the properties of a JSON body become named arguments. What can't be sent exactly as
the document says is refused, never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from stanchion.tools._adopt import Adopter
from stanchion.tools._signature import refuse

__all__ = ["Operation", "Place", "read_operation"]

_PLACES = ("path", "query", "header")
_STYLES = {
    "path": {"simple"},
    "query": {"form", "deepObject", "pipeDelimited", "spaceDelimited"},
    "header": {"simple"},
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where an argument goes."""

    argument: str
    where: str
    """``path``, ``query``, ``header``, ``property`` of the body, or ``body``."""
    wire: str
    """Its name there."""
    style: str = "simple"
    explode: bool = False
    as_json: bool = False


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


@dataclass(frozen=True, slots=True)
class _Argument:
    place: Place
    schema: Any
    required: bool


def read_operation(
    document: Mapping[str, Any],
    path: str,
    method: str,
    secrets: set[tuple[str, str]],
    where: str,
) -> Operation:
    """Read one operation, or raise ContractError."""
    adopter = Adopter(document, where)
    item = _object(adopter.resolve(document["paths"][path]))
    said = _object(item[method])
    arguments = list(_parameters(adopter, item, said, secrets, where))
    body_type, in_body = _body(adopter, said, {a.place.argument for a in arguments}, where)
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
) -> Iterator[_Argument]:
    found: dict[tuple[str, str], Mapping[str, Any]] = {}
    for each in (*_list(item.get("parameters")), *_list(said.get("parameters"))):
        parameter = _object(adopter.resolve(each))
        found[str(parameter.get("in")), str(parameter.get("name"))] = parameter
    taken: set[str] = set()
    for (place, wire), parameter in found.items():
        if (place, wire.lower() if place == "header" else wire) in secrets:
            continue
        if place not in _PLACES:
            if parameter.get("required"):
                raise refuse(where, f"it needs a parameter in {place[:20]}", "leave it out")
            continue
        argument = _name(wire, place, taken)
        taken.add(argument)
        yield _parameter(adopter, parameter, Place(argument, place, wire), where)


def _parameter(
    adopter: Adopter, parameter: Mapping[str, Any], place: Place, where: str
) -> _Argument:
    default_style = "form" if place.where == "query" else "simple"
    style = str(parameter.get("style", default_style))
    explode = parameter.get("explode", style in {"form", "deepObject"}) is True
    content = _object(parameter.get("content", {}))
    raw: Any = _schema_of(content) if content else parameter.get("schema", {})
    if style not in _STYLES[place.where]:
        raise refuse(where, f"the style of {place.argument} isn't known", "leave it out")
    if "description" in parameter:
        raw = {**_object(raw), "description": parameter["description"]}
    placed = Place(place.argument, place.where, place.wire, style, explode, bool(content))
    return _Argument(
        placed, adopter.part(raw), parameter.get("required") is True or place.where == "path"
    )


def _name(wire: str, place: str, taken: set[str]) -> str:
    """Return a name that models can use, the wire's own where that is possible."""
    plain = re.sub(r"[^A-Za-z0-9_-]+", "_", wire).strip("_")[:50] or place
    if plain in taken:
        plain = f"{place}_{plain}"
    return next(n for i in range(1000) if (n := f"{plain}{i or ''}") not in taken)


def _check_path(path: str, arguments: Sequence[_Argument], where: str) -> None:
    wanted = set(re.findall(r"\{([^{}]+)\}", path))
    given = {a.place.wire for a in arguments if a.place.where == "path"}
    if wanted != given or not path.startswith("/"):
        raise refuse(where, "its path and its path parameters differ", "mend the document")


# Bodies and answers ------------------------------------------------------------------------------


def _body(
    adopter: Adopter, said: Mapping[str, Any], taken: set[str], where: str
) -> tuple[str, list[_Argument]]:
    body = _object(adopter.resolve(said.get("requestBody", {})))
    if not body:
        return "", []
    content = _object(body.get("content", {}))
    media = next((each for each in content if _is_json(each)), None)
    if media is None:
        if body.get("required") is True:
            raise refuse(where, "its body isn't JSON", "leave it out, or write a tool by hand")
        return "", []
    schema, required = _object(content[media]).get("schema", {}), body.get("required") is True
    plain = _object(adopter.resolve(schema))
    properties = _object(plain.get("properties", {}))
    if _is_flat(plain, properties, taken) and required:
        return media, list(_properties(adopter, plain, properties))
    argument = next(n for n in ("body", "request_body", "json_body") if n not in taken)
    return media, [_Argument(Place(argument, "body", ""), adopter.part(schema), required)]


def _is_flat(schema: Mapping[str, Any], properties: Mapping[str, Any], taken: set[str]) -> bool:
    """Tell whether a body's properties can stand as arguments of their own."""
    combined = {"anyOf", "oneOf", "allOf", "not", "if", "patternProperties"} & schema.keys()
    closed = schema.get("additionalProperties", False) is False
    names = [re.sub(r"[^A-Za-z0-9_-]", "", name) for name in properties]
    fits = names == list(properties) and not taken & set(names)
    return bool(properties) and not combined and closed and fits


def _properties(
    adopter: Adopter, schema: Mapping[str, Any], properties: Mapping[str, Any]
) -> Iterator[_Argument]:
    required = set(_list(schema.get("required")))
    for name, each in properties.items():
        adopted = adopter.part(each)
        if adopted.get("readOnly") is not True:
            yield _Argument(Place(name, "property", name), adopted, name in required)


def _answer(document: Mapping[str, Any], said: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    """Return the schema of success answers: any of them, if there are several."""
    adopter = Adopter(document, where)
    found: list[dict[str, Any]] = []
    for status, each in _object(said.get("responses", {})).items():
        if str(status).startswith("2"):
            content = _object(_object(adopter.resolve(each)).get("content", {}))
            media = next((name for name in content if _is_json(name)), None)
            if media is None and content and not any(name.startswith("text/") for name in content):
                raise refuse(where, "it answers neither JSON nor text", "leave it out")
            if media is not None:
                found.append(adopter.part(_object(content[media]).get("schema", {})))
    if len(found) == 1:
        return adopter.with_definitions(found[0])
    return adopter.with_definitions({"anyOf": found}) if found else {}


def _schema_of(content: Mapping[str, Any]) -> Any:
    return _object(next(iter(content.values()), None)).get("schema", {})


def _is_json(media: str) -> bool:
    plain = media.split(";", 1)[0].strip().lower()
    return plain == "application/json" or plain.endswith("+json")


def _object(value: Any) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def _list(value: Any) -> Sequence[Any]:
    listed = isinstance(value, Sequence) and not isinstance(value, str)
    return cast("Sequence[Any]", value) if listed else ()
