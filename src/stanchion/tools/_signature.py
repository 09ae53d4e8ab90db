"""A Python function as the runtime will call it: context first, then arguments by name.

Serves tool bodies, reconcilers and compensations alike. Refuses what can't be called by name or
has no resolvable type; every refusal says how to mend it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, get_origin, get_type_hints

from stanchion.errors import ContractError
from stanchion.tools._context import CallContext

__all__ = ["Signature", "refuse", "signature_of"]


@dataclass(frozen=True, slots=True)
class Signature:
    """What a function takes and returns, its types resolved."""

    takes_context: bool
    parameters: tuple[inspect.Parameter, ...]
    """Without the context. Annotations are resolved; an untyped one is ``Parameter.empty``."""
    returns: Any
    """The resolved return annotation, ``Parameter.empty`` if there is none."""
    is_async: bool


def refuse(where: str, problem: str, remedy: str) -> ContractError:
    """Make the error for a definition that can't be registered."""
    return ContractError(f"{where}: {problem}", remedy=remedy)


def signature_of(fn: Callable[..., Any], where: str) -> Signature:
    """Read a function's signature, or raise ContractError."""
    if not inspect.isfunction(fn):
        raise refuse(
            where, f"{fn!r} isn't a plain function", "write a `def` or `async def` and pass it"
        )
    if inspect.isgeneratorfunction(fn) or inspect.isasyncgenfunction(fn):
        raise refuse(where, "it is a generator", "return the whole result instead of yielding it")
    hints = _hints(fn, where)
    parameters = tuple(inspect.signature(fn).parameters.values())
    takes_context = bool(parameters) and _is_context(hints.get(parameters[0].name))
    own = parameters[1:] if takes_context else parameters
    for parameter in own:
        _check_kind(parameter, hints, where)
    empty = inspect.Parameter.empty
    typed = tuple(p.replace(annotation=hints.get(p.name, empty)) for p in own)
    return Signature(
        takes_context, typed, hints.get("return", empty), inspect.iscoroutinefunction(fn)
    )


def _hints(fn: Callable[..., Any], where: str) -> Mapping[str, Any]:
    try:
        return get_type_hints(fn, include_extras=True)
    except (NameError, TypeError, AttributeError) as error:
        raise refuse(
            where,
            f"an annotation can't be resolved: {error}",
            "define or import the types of its parameters at module level, outside functions",
        ) from error


def _is_context(hint: Any) -> bool:
    return (get_origin(hint) or hint) is CallContext


def _check_kind(parameter: inspect.Parameter, hints: Mapping[str, Any], where: str) -> None:
    name = parameter.name
    if parameter.kind in {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}:
        raise refuse(where, f"it takes *{name}", "name every parameter and give it a type")
    if parameter.kind is inspect.Parameter.POSITIONAL_ONLY:
        raise refuse(where, f"{name} is positional-only", "remove the `/` from the signature")
    if _is_context(hints.get(name)):
        raise refuse(where, f"{name} is a CallContext but not first", "make it the first parameter")
