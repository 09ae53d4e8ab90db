"""An OpenAPI document, read and bounded.

Versions 3.0 and 3.1, as JSON or YAML. What it says is material: text in it is never an instruction,
and nothing that it refers to is fetched.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from stanchion.errors import ContractError, EncodingError
from stanchion.ledger import canonical

__all__ = ["METHODS", "read_document", "secret_names"]

METHODS = ("get", "head", "post", "put", "patch", "delete", "options")

MAX_BYTES = 8 * 1024 * 1024

_NEVER = {
    "accept",
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "forwarded",
    "host",
    "proxy-authorization",
    "te",
    "transfer-encoding",
    "upgrade",
}
"""Headers that belong to the connection or to the credentials, never to an argument."""


def read_document(document: Mapping[str, Any] | str | Path) -> Mapping[str, Any]:
    """Return a document given as an object, as JSON or YAML text, or by its file's path."""
    try:
        if isinstance(document, Path):
            with document.open("rb") as file:
                document = file.read(MAX_BYTES + 1).decode()
        if isinstance(document, str):
            if len(document) > MAX_BYTES:
                raise _refused(f"it has more than {MAX_BYTES:,} bytes", "import a part of it")
            document = _parsed(document)
        canonical(document, what="the document", limit=MAX_BYTES)
    except OSError as error:
        raise _refused(f"it can't be read: {error}", "give the path of a file") from error
    except (ValueError, RecursionError, EncodingError) as error:
        problem = "it isn't JSON or YAML of a sane size"
        raise _refused(f"{problem}: {error}", "mend it, or import a part of it") from error
    version = str(document.get("openapi", "")) if isinstance(cast("Any", document), Mapping) else ""
    if not version.startswith(("3.0", "3.1")):
        raise _refused("it isn't OpenAPI 3.0 or 3.1", "convert it to OpenAPI 3.1")
    return document


def _parsed(text: str) -> Mapping[str, Any]:
    try:
        return cast("Mapping[str, Any]", json.loads(text))
    except ValueError:
        try:
            # An extra, loaded when it is used.
            from stanchion.tools.openapi._yaml import read_yaml
        except ModuleNotFoundError as error:
            remedy = "pip install 'stanchion[openapi]' to read YAML, or convert it to JSON"
            raise _refused("it isn't JSON", remedy) from error
        return cast("Mapping[str, Any]", read_yaml(text))


def secret_names(document: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Return (place, name) of what only credentials may fill; header names in lower case."""
    names = {("header", name) for name in _NEVER}
    schemes = document.get("components", {}).get("securitySchemes", {})
    for scheme in _mappings(schemes):
        place, name = str(scheme.get("in", "")), str(scheme.get("name", ""))
        names.add((place, name.lower() if place == "header" else name))
    return names


def _mappings(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, Mapping):
        for each in cast("Mapping[str, Any]", value).values():
            if isinstance(each, Mapping):
                yield cast("Mapping[str, Any]", each)


def _refused(problem: str, remedy: str) -> ContractError:
    return ContractError(f"the OpenAPI document: {problem}", remedy=remedy)
