"""Arguments that a JSON schema declares: those of a tool from elsewhere.

The second form of ``Arguments``. Values stay as JSON; unknown arguments are refused, defaults are
left to the target. The same values always give the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from stanchion.ledger import canonical
from stanchion.tools._foreign_schema import ForeignSchema, Misfit
from stanchion.tools._schema import mentions_secret
from stanchion.tools._signature import refuse

__all__ = ["SchemaArguments"]

_TYPES = {
    "array": list,
    "boolean": bool,
    "integer": int,
    "number": float,
    "object": dict,
    "string": str,
}
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


class SchemaArguments:
    """A tool's arguments by their JSON schema, an object."""

    def __init__(self, schema: Mapping[str, Any], *, where: str, max_bytes: int) -> None:
        properties: Mapping[str, Any] = schema.get("properties", {})
        self.max_bytes = max_bytes
        self.names = tuple(properties)
        self.schema: Mapping[str, Any] = {
            **schema,
            "type": "object",
            "properties": properties,
            "additionalProperties": False,
        }
        self.types: Mapping[str, Any] = {
            name: _TYPES.get(str(each.get("type")), object) for name, each in properties.items()
        }
        self._check = ForeignSchema(self.schema, where)
        for name in self.names:
            _check_argument(name, properties[name], where)

    def bind(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Return a call's arguments, which go by name only."""
        if args:
            raise TypeError("takes its arguments by name only")
        return dict(kwargs)

    def validate(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments as JSON values.

        Raises pydantic.ValidationError, or EncodingError for what is too large or no JSON.
        """
        if isinstance(cast("Any", arguments), Mapping):
            canonical(dict(arguments), what="the call's arguments", limit=self.max_bytes)
        misfits = self._check.misfits(arguments)
        if misfits:
            raise ValidationError.from_exception_data("Arguments", list(map(_detail, misfits)))
        return dict(arguments)

    def encode(self, arguments: Mapping[str, Any]) -> bytes:
        """Return the canonical bytes of arguments."""
        return canonical(self.validate(arguments), what="the call's arguments")


def _check_argument(name: str, schema: Mapping[str, Any], where: str) -> None:
    if not _NAME.fullmatch(name):
        raise refuse(
            where,
            "an argument's name can't be used by a model",
            "only letters, digits, _ and -, at most 64; leave this tool out",
        )
    if mentions_secret(schema):
        raise refuse(
            where,
            f"{name} is a secret",
            "arguments are recorded and shown: leave this tool out, or let the server's "
            "credentials carry it",
        )


def _detail(misfit: Misfit) -> InitErrorDetails:
    kind = "missing" if misfit.rule == "missing" else PydanticCustomError("schema", "does not fit")
    return InitErrorDetails(type=kind, loc=misfit.path, input=misfit.given)
