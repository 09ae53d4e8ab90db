"""Values held against a JSON schema from elsewhere, in bounded time.

Patterns run in an engine that never backtracks, references are followed a limited number of times,
and nothing is fetched. Findings are where and what kind, never the value's own text.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any, cast

from pydantic_core import SchemaValidator, ValidationError, core_schema

from stanchion.errors import EncodingError
from stanchion.tools._outcomes import BadResult
from stanchion.tools._signature import refuse

__all__ = ["ForeignSchema", "Misfit", "held_to"]

MAX_REFERENCES = 20_000
"""Followed while one value is checked."""
MAX_FOUND = 20


@dataclass(frozen=True, slots=True)
class Misfit:
    """A place of a value that doesn't fit."""

    path: tuple[str | int, ...]
    rule: str
    """The schema's keyword; ``missing`` and ``unexpected`` for properties."""
    given: Any = None


class ForeignSchema:
    """A schema, ready to check values."""

    def __init__(self, schema: Mapping[str, Any], where: str) -> None:
        self.schema = schema
        self._left = 0
        # Start-up time: 0.3 s, and only imported tools need it. Its types are half unknown.
        jsonschema: Any = importlib.import_module("jsonschema")
        registry: Any = importlib.import_module("referencing").Registry()
        plain = jsonschema.Draft202012Validator
        try:
            plain.check_schema(schema)
        except (jsonschema.SchemaError, RecursionError) as error:
            raise refuse(where, "its schema isn't a JSON schema", "mend the document") from error
        follow = plain.VALIDATORS["$ref"]

        def bounded(validator: Any, ref: Any, instance: Any, schema: Any) -> Any:
            self._left -= 1
            if self._left < 0:
                raise RecursionError("too many references")
            return follow(validator, ref, instance, schema)

        kind = jsonschema.validators.extend(plain, {"$ref": bounded, "pattern": _pattern})
        self._validator: Any = kind(schema, registry=registry)

    def misfits(self, value: Any) -> list[Misfit]:
        """Return what doesn't fit, a limited number; raise EncodingError if that can't be told."""
        self._left = MAX_REFERENCES
        try:
            errors = islice(self._validator.iter_errors(value), MAX_FOUND)
            return [misfit for error in errors for misfit in _read(error)]
        except (RecursionError, ArithmeticError) as error:
            raise EncodingError(
                "the value is too deep for its schema to be checked", remedy="flatten it"
            ) from error


def held_to(schema: ForeignSchema, value: Any, tool: str) -> Any:
    """Return a tool's result if it fits its schema, else raise BadResult."""
    try:
        fits = not schema.misfits(value)
    except EncodingError as error:
        raise BadResult(f"{tool} answered with what can't be checked") from error
    if not fits:
        raise BadResult(f"{tool} answered with another form than it declares")
    return value


def _pattern(validator: Any, pattern: str, instance: Any, schema: Any) -> Iterator[Any]:
    del validator, schema
    if isinstance(instance, str) and not _matches(pattern, instance):
        error: Any = importlib.import_module("jsonschema").ValidationError
        yield error("does not match")


def _matches(pattern: str, text: str) -> bool:
    try:
        _compiled(pattern).validate_python(text)
    except ValidationError:
        return False
    return True


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> SchemaValidator:
    return SchemaValidator(core_schema.str_schema(pattern=pattern))


def _read(error: Any) -> Iterator[Misfit]:
    path = tuple(cast("Sequence[str | int]", error.absolute_path))
    instance, rule = error.instance, str(error.validator)
    if rule == "required" and isinstance(instance, Mapping):
        for name in cast("Sequence[str]", error.validator_value):
            if name not in instance:
                yield Misfit((*path, name), "missing", cast("Any", instance))
    elif rule == "additionalProperties" and isinstance(instance, Mapping):
        known: Mapping[str, Any] = error.schema.get("properties", {})
        for name in cast("Mapping[str, Any]", instance):
            if name not in known:
                yield Misfit((*path, str(name)), "unexpected", None)
    else:
        yield Misfit(path, rule, instance)
