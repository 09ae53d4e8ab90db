"""An answer's text held against the JSON schema it was asked for.

Findings name places and rules, never what the model wrote, so that they can be shown and recorded.
References to other documents are refused: checking an answer fetches nothing.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from typing import Any, NoReturn

from stanchion.errors import ConfigurationError

__all__ = ["schema_misfits"]


def schema_misfits(text: str, schema: Mapping[str, Any]) -> str | None:
    """Return what is wrong with the text in one sentence, or None if it fits the schema."""
    try:
        value = json.loads(text, parse_constant=_not_json)
    except (ValueError, RecursionError):
        return "the answer isn't JSON, and nothing but JSON was asked for"
    # Start-up time: 0.3 s, and only answers with a schema need them. Their types are half unknown.
    jsonschema: Any = importlib.import_module("jsonschema")
    referencing: Any = importlib.import_module("referencing.exceptions")
    registry: Any = importlib.import_module("referencing").Registry()
    try:
        jsonschema.Draft202012Validator.check_schema(schema)
        validator = jsonschema.Draft202012Validator(dict(schema), registry=registry)
        worst = jsonschema.exceptions.best_match(validator.iter_errors(value))
    except (jsonschema.SchemaError, referencing.Unresolvable) as error:
        raise ConfigurationError(
            "the schema of an answer isn't a JSON schema that can be checked",
            remedy="use the schema of a Pydantic model; references must stay inside it",
        ) from error
    except RecursionError:
        return "the answer is nested too deeply"
    if worst is None:
        return None
    return f"{_place(worst.absolute_path)} doesn't fit {_rule(worst.validator, worst)}"


def _not_json(constant: str) -> NoReturn:
    raise ValueError(constant)


def _place(path: Any) -> str:
    """Return where it is; only the schema's own names would be safe, so odd keys are left out."""
    steps = [str(step) for step in path]
    plain = all(step.isidentifier() or step.isdigit() for step in steps)
    return ".".join(steps) if steps and plain else "the answer" if not steps else "a part of it"


def _rule(validator: Any, error: Any) -> str:
    return f"the schema's {json.dumps({validator: error.validator_value}, default=str)[:300]}"
