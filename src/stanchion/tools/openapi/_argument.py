"""An argument and where it goes, with what it takes to read one off a document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from stanchion.tools._adopt import Adopter

__all__ = ["Argument", "Place", "as_list", "as_object", "is_json", "parts_of", "plain_media"]

_DEEPEST = 5


@dataclass(frozen=True, slots=True)
class Place:
    """Where an argument goes."""

    argument: str
    where: str
    """``path``, ``query``, ``header``, ``cookie``, ``property`` of the body, or ``body``."""
    wire: str
    """Its name there."""
    style: str = "simple"
    explode: bool = False
    as_json: bool = False


@dataclass(frozen=True, slots=True)
class Argument:
    """What a model fills in."""

    place: Place
    schema: Any
    required: bool


def parts_of(adopter: Adopter, schema: Any, depth: int = 0) -> Iterator[Mapping[str, Any]]:
    """Yield a schema and what it is made of: its alternatives, and the items of a list."""
    plain = as_object(adopter.resolve(schema))
    yield plain
    if depth < _DEEPEST:
        below = [each for key in ("anyOf", "oneOf", "allOf") for each in as_list(plain.get(key))]
        for each in (*below, *([plain["items"]] if "items" in plain else [])):
            yield from parts_of(adopter, each, depth + 1)


def plain_media(media: str) -> str:
    """Return a media type without its parameters."""
    return media.split(";", 1)[0].strip().lower()


def is_json(media: str) -> bool:
    """Tell whether a media type is JSON."""
    plain = plain_media(media)
    return plain == "application/json" or plain.endswith("+json")


def as_object(value: Any) -> Mapping[str, Any]:
    """Return an object, an empty one in place of anything else."""
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def as_list(value: Any) -> Sequence[Any]:
    """Return a list, an empty one in place of anything else."""
    listed = isinstance(value, Sequence) and not isinstance(value, str)
    return cast("Sequence[Any]", value) if listed else ()
