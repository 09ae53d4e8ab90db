"""What people type made into values: JSON from an argument, a file or stdin, and key=value pairs.

Anything that can't be read is wrong usage: Typer prints it with the option's name, exit code 2.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import typer
from pydantic import ValidationError

from stanchion.errors import EncodingError
from stanchion.ledger import Codec

__all__ = ["read_input", "read_json", "read_pairs"]

_LARGEST = 64 * 1024 * 1024


def read_input(given: str | None, codec: Codec[Any]) -> Any:
    """Return a workflow's input; where it is a text, what isn't a JSON text is taken as it is."""
    text = "null" if given is None else _text(given)
    try:
        value = json.loads(text)
    except ValueError as error:
        if codec.type is not str:
            raise typer.BadParameter(_not_json(error), param_hint="--input") from error
        value = text
    if codec.type is str and not isinstance(value, str):
        value = text
    try:
        return codec.decode(json.dumps(value).encode(), what="input")
    except EncodingError as error:
        raise typer.BadParameter(_misfit(error), param_hint="--input") from error


def _misfit(error: EncodingError) -> str:
    cause = error.__cause__
    if not isinstance(cause, ValidationError):
        return error.message
    problems = cause.errors(include_url=False, include_input=False)
    return "it doesn't fit: " + "; ".join(
        f"{'.'.join(map(str, problem['loc'])) or 'value'}: {problem['msg']}" for problem in problems
    )


def _not_json(error: ValueError) -> str:
    return f"it isn't JSON ({error}); a text needs quotes of its own: '\"like this\"'"


def read_json(given: str, option: str) -> Any:
    """Return the JSON that an option holds, or the file or stdin it names."""
    try:
        return json.loads(_text(given))
    except ValueError as error:
        raise typer.BadParameter(_not_json(error), param_hint=option) from error


def read_pairs(given: Iterable[str] | None, option: str) -> dict[str, str]:
    """Return key=value pairs as a mapping."""
    pairs: dict[str, str] = {}
    for pair in given or ():
        key, equals, value = pair.partition("=")
        if not key or not equals:
            raise typer.BadParameter(f"{pair!r} isn't of the form key=value", param_hint=option)
        pairs[key] = value
    return pairs


def _text(given: str) -> str:
    """Return the text itself, that of the file after @, or of stdin for -."""
    try:
        if given == "-":
            return sys.stdin.read(_LARGEST)
        if given.startswith("@"):
            return Path(given[1:]).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"{given} can't be read: {error}") from error
    return given
