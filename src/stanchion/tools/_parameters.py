"""The arguments that a tool takes: their schema, their validation, their canonical bytes.

One Pydantic model a tool, whose fields are numbered and aliased, so that any parameter name goes.
Unknown arguments are refused, defaults are filled in, and the same values always give the same
bytes: the digest of a call and its idempotency key rest on that.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, cast

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, create_model
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticUserError

from stanchion.errors import EncodingError
from stanchion.ledger import canonical
from stanchion.tools._schema import mentions_secret, without_titles
from stanchion.tools._signature import refuse

__all__ = ["Parameters"]

_EMPTY = inspect.Parameter.empty


class Parameters:
    """A tool's parameters, in order."""

    def __init__(
        self,
        parameters: Sequence[inspect.Parameter],
        descriptions: Mapping[str, str],
        *,
        where: str,
        max_bytes: int,
    ) -> None:
        self.max_bytes = max_bytes
        self.names = tuple(p.name for p in parameters)
        self.types: Mapping[str, Any] = {p.name: p.annotation for p in parameters}
        self._positional = tuple(p.name for p in parameters if p.kind is not p.KEYWORD_ONLY)
        for parameter in parameters:
            _check_type(parameter, where)
        self._fields = tuple(f"a{index}" for index in range(len(parameters)))
        fields = {
            field: _field(parameter, descriptions.get(parameter.name))
            for field, parameter in zip(self._fields, parameters, strict=True)
        }
        self._model = create_model(
            "Arguments", __config__=ConfigDict(extra="forbid"), **cast("Any", fields)
        )
        self.schema: Mapping[str, Any] = without_titles(self._model.model_json_schema())

    def bind(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Name positional arguments, as a call would; raise TypeError where a call would."""
        if len(args) > len(self._positional):
            raise TypeError(f"takes {len(self._positional)} positional arguments, got {len(args)}")
        named = dict(zip(self._positional, args, strict=False))
        if twice := named.keys() & kwargs.keys():
            raise TypeError(f"got multiple values for argument {sorted(twice)[0]!r}")
        return named | dict(kwargs)

    def validate(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return typed values by name, defaults filled in.

        Raises pydantic.ValidationError, or EncodingError for arguments over the size limit.
        """
        model = self._model.model_validate(arguments)
        self._encode(model)
        return self._values(model)

    def encode(self, arguments: Mapping[str, Any]) -> bytes:
        """Return the canonical bytes of arguments, typed values or JSON alike."""
        return self._encode(self._model.model_validate(arguments))

    def _values(self, model: BaseModel) -> dict[str, Any]:
        values = model.__dict__
        return {name: values[field] for name, field in zip(self.names, self._fields, strict=True)}

    def _encode(self, model: BaseModel) -> bytes:
        try:
            plain = model.model_dump(mode="json", by_alias=True, warnings="error")
        except (ValueError, RecursionError) as error:
            raise EncodingError(
                f"the arguments can't be recorded: {error}",
                remedy="use types whose values survive a round trip through JSON",
            ) from error
        return canonical(plain, what="the call's arguments", limit=self.max_bytes)


def _field(parameter: inspect.Parameter, description: str | None) -> tuple[Any, Any]:
    default: Any = ... if parameter.default is _EMPTY else parameter.default
    given = {"description": description} if description else {}
    return parameter.annotation, Field(default, alias=parameter.name, **cast("Any", given))


def _check_type(parameter: inspect.Parameter, where: str) -> None:
    """Refuse a parameter that a model couldn't fill in or the ledger couldn't keep."""
    name, annotation = parameter.name, parameter.annotation
    if annotation is _EMPTY:
        raise refuse(where, f"{name} has no type", f"annotate it, for example `{name}: str`")
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(annotation)
        schema = without_titles(adapter.json_schema())
    except (PydanticUserError, PydanticInvalidForJsonSchema) as error:
        raise refuse(
            where,
            f"the type of {name} has no JSON schema",
            "use standard types, an enum, a dataclass or a Pydantic model; resources such as "
            "clients come in through CallContext.deps",
        ) from error
    if not schema.keys() - {"description", "default"}:
        raise refuse(
            where, f"{name} may be anything", "give it the narrowest type that its values fit"
        )
    if mentions_secret(schema):
        raise refuse(
            where,
            f"{name} is a secret",
            "arguments are recorded and shown: get secrets inside the body, from CallContext.deps",
        )
    if parameter.default is not _EMPTY:
        _check_default(parameter, adapter, where)


def _check_default(parameter: inspect.Parameter, adapter: TypeAdapter[Any], where: str) -> None:
    try:
        adapter.validate_python(parameter.default)
    except ValidationError as error:
        raise refuse(
            where,
            f"the default of {parameter.name} doesn't fit its type",
            f"change the default, or allow it in the type (`{parameter.name}: ... | None`)",
        ) from error
