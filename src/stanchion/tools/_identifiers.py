"""Which arguments say who or what is meant, so that a made-up value would hit somebody else.

A declared target is one. So is an argument that is named or formed like an identifier: told that
ten digits are expected, a model without a number makes ten digits up. Errors about such an argument
name no form and send the model to the user.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

__all__ = ["do_not_guess", "is_identifier", "spelled"]

Schema = Mapping[str, Any]

_NAMES = {
    "account", "bic", "email", "iban", "id", "ids", "isbn", "number", "phone", "reference", "ssn",
    "uuid", "vin",
}  # fmt: skip
_FORMATS = {"email", "uuid", "uri", "ipv4", "ipv6"}
_DIGITS = re.compile(r"\\d|\[0-9|0-9\]")


def is_identifier(field: str, schema: Schema, targets: Collection[str]) -> bool:
    """Tell whether an argument, or a dotted field in it, says who or what is meant."""
    names = [name for name in field.split(".") if not name.isdigit()]
    if not names:
        return False
    return names[0] in targets or _is_named(names[-1], schema) or _is_formed(schema)


def spelled(field: str) -> str:
    """Return the field's last name in words: ``order.account_id`` is an account id."""
    names = [name for name in field.split(".") if not name.isdigit()]
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|_+", " ", names[-1]).strip().lower() if names else field


def do_not_guess(field: str) -> str:
    """Return what a model must not do about an identifier that it doesn't have."""
    return f"do not guess, complete or change the {spelled(field)}; ask for it"


def _is_named(name: str, schema: Schema) -> bool:
    """Tell it from the last word; a bare ``number`` may be a count, unless it is a text."""
    words = spelled(name).split()
    if not words or words[-1] not in _NAMES:
        return False
    return words[-1] in {"id", "ids"} or schema.get("type") not in {"integer", "number", "boolean"}


def _is_formed(schema: Schema) -> bool:
    if schema.get("type") != "string" or "enum" in schema:
        return False
    has_digits = bool(_DIGITS.search(schema.get("pattern", "")))
    length = schema.get("minLength")
    is_fixed = length is not None and length > 1 and length == schema.get("maxLength")
    return has_digits or is_fixed or schema.get("format") in _FORMATS
