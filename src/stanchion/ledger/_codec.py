"""Canonical bytes and their digests.

One versioned form for everything that is kept or compared: JSON in UTF-8, keys sorted by code
point, no white space, floats in their shortest round-trip form, no NaN. Values of declared types
go through Pydantic in both directions, so that a live result is the same object that replay will
see: ``decode(encode(x))``.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Generic, TypeVar, cast

from pydantic import PydanticSchemaGenerationError, TypeAdapter, ValidationError
from pydantic_core import from_json

from stanchion.errors import EncodingError
from stanchion.ledger._records import Payload

__all__ = ["MAX_DEPTH", "MAX_PAYLOAD_BYTES", "Codec", "canonical", "codec_for", "digest", "payload"]

T = TypeVar("T")

_ATOMS = (str, int, float, bool)
"""Types whose exact instances a round trip doesn't change."""

MAX_PAYLOAD_BYTES = 16 * 1024 * 1024
"""A larger value belongs into a file or an object store, with its address in the ledger."""

MAX_DEPTH = 64
"""Nesting that a value may have."""

_encoder = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"), check_circular=False
)
_encode = _encoder.encode
_TEXTS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"')


def canonical(value: object, *, what: str = "value", limit: int = MAX_PAYLOAD_BYTES) -> bytes:
    """Encode JSON-native data (dicts with string keys, lists, text, numbers) canonically.

    Raises EncodingError, which names ``what``, for anything else, for NaN, for lone surrogates,
    for nesting over MAX_DEPTH and for more than ``limit`` bytes.
    """
    try:
        data = _encode(value).encode("utf-8")
    except (TypeError, ValueError, RecursionError) as error:
        raise EncodingError(
            f"{what} can't be stored: {error}",
            remedy="return JSON-native data, or annotate the function's return type with a "
            "Pydantic model, a dataclass or a standard type",
        ) from error
    if len(data) > limit:
        raise EncodingError(
            f"{what} has {len(data):,} bytes, over the limit of {limit:,}",
            remedy="store it elsewhere and return its address, or return only what is needed",
        )
    _check_depth(data, what)
    return data


def digest(data: bytes) -> bytes:
    """Return the SHA-256 of canonical bytes."""
    return hashlib.sha256(data).digest()


def payload(value: object, *, what: str = "value") -> Payload:
    """Encode JSON-native data into a payload."""
    data = canonical(value, what=what)
    return Payload(digest(data), data)


class Codec(Generic[T]):
    """Encodes and decodes values of one declared type."""

    def __init__(self, type_: Any) -> None:
        self.type = type_
        self._plain = type_ is Any or type_ is object
        self._atoms = _ATOMS if self._plain else tuple(t for t in _ATOMS if t is type_)
        try:
            self._adapter: TypeAdapter[Any] = TypeAdapter(type_)
        except PydanticSchemaGenerationError as error:
            raise EncodingError(
                f"values of type {type_!r} can't be stored",
                remedy="use a Pydantic model, a dataclass, or standard types",
            ) from error

    def encode(self, value: T, *, what: str = "value") -> Payload:
        """Encode a value; raise EncodingError if it isn't of the type or can't be kept."""
        if self._plain or type(value) in self._atoms:
            return payload(value, what=what)
        try:
            plain = self._adapter.dump_python(value, mode="json", warnings="error", by_alias=False)
        except (ValueError, RecursionError) as error:  # Pydantic's serialisation errors
            raise EncodingError(
                f"{what} can't be stored as {_type_name(self.type)}: {error}",
                remedy="return what the annotation declares",
            ) from error
        return payload(plain, what=what)

    def decode(self, data: bytes, *, what: str = "value") -> T:
        """Decode canonical bytes; raise EncodingError if the type has changed incompatibly."""
        plain = from_json(data)
        if self._plain or type(plain) in self._atoms:
            return cast("T", plain)
        try:
            return self._adapter.validate_python(plain, strict=False, by_name=True, by_alias=False)
        except ValidationError as error:
            raise EncodingError(
                f"the recorded {what} no longer fits {_type_name(self.type)}: "
                f"{error.error_count()} problem(s), first at {_first(error)}",
                remedy="keep the type compatible with what is recorded (defaults for new fields), "
                "or give the workflow a new version",
            ) from error

    def round_trip(self, value: T, *, what: str = "value") -> tuple[Payload, T]:
        """Return a value's payload, and the value as replay will see it."""
        encoded = self.encode(value, what=what)
        same = type(value) in self._atoms
        return encoded, value if same else self.decode(encoded.data, what=what)

    def schema(self) -> Mapping[str, Any]:
        """Return the JSON schema of the type."""
        return self._adapter.json_schema()


@lru_cache(maxsize=1024)
def _cached(type_: Any) -> Codec[Any]:
    return Codec(type_)


def codec_for(type_: Any) -> Codec[Any]:
    """Return the codec of a type, built once."""
    try:
        return _cached(type_)
    except TypeError:  # an unhashable annotation
        return Codec(type_)


def _check_depth(data: bytes, what: str) -> None:
    if len(data) <= MAX_DEPTH or data.count(b"[") + data.count(b"{") <= MAX_DEPTH:
        return
    depth = deepest = 0
    for byte in _TEXTS.sub(b"", data):
        if byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth -= 1
    if deepest > MAX_DEPTH:
        raise EncodingError(
            f"{what} is nested {deepest} levels deep, over the limit of {MAX_DEPTH}",
            remedy="flatten it",
        )


def _first(error: ValidationError) -> str:
    problem = error.errors(include_input=False, include_url=False)[0]
    return f"{'.'.join(str(part) for part in problem['loc']) or 'the top'}: {problem['msg']}"


def _type_name(type_: Any) -> str:
    return getattr(type_, "__name__", None) or str(type_)
