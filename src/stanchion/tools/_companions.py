"""The functions beside a tool's body: its reconciler and its compensation.

Both are async and take the tool's own arguments by name, any part of them, after an optional
CallContext.
Checked at registration, because they are first called when something has already gone wrong.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Collection, Mapping
from inspect import Parameter
from typing import Any, Union, get_args, get_origin

from stanchion.tools._compensation import Compensation
from stanchion.tools._context import CallContext
from stanchion.tools._outcomes import CantTell, DidNotHappen, Happened
from stanchion.tools._signature import Signature, refuse, signature_of

__all__ = ["call_companion", "check_compensation", "check_reconciler"]

_ANSWERS = {Happened, DidNotHappen, CantTell}


def check_reconciler(fn: Callable[..., Any] | None, names: Collection[str], where: str) -> None:
    """Raise ContractError unless ``fn`` can be asked what became of a call."""
    if fn is None:
        return
    where = f"{where}, reconcile"
    signature = _fitting(fn, names, where)
    if not _members(signature.returns) <= _ANSWERS:
        raise refuse(
            where,
            "it must return Happened(result), DidNotHappen() or CantTell(reason)",
            "annotate it `-> Happened[...] | DidNotHappen | CantTell` and return one of them",
        )


def check_compensation(
    compensation: Compensation | None, names: Collection[str], where: str
) -> None:
    """Raise ContractError unless a call can be undone so, and its reconciler be asked."""
    if compensation is None:
        return
    where = f"{where}, compensate"
    if "result" in names:
        raise refuse(
            where,
            "the tool has a parameter `result`, the name under which compensate gets the result",
            "rename the tool's parameter",
        )
    known = {*names, "result"}
    _fitting(compensation.undo, known, where)
    check_reconciler(compensation.reconcile, known, where)


async def call_companion(
    fn: Callable[..., Any], context: CallContext[Any], known: Mapping[str, Any]
) -> Any:
    """Call an async companion with what it declares of the ``known`` values."""
    signature = signature_of(fn, getattr(fn, "__name__", "companion"))
    wanted = {p.name: known[p.name] for p in signature.parameters if p.name in known}
    leading = (context,) if signature.takes_context else ()
    return await fn(*leading, **wanted)


def _fitting(fn: Callable[..., Any], names: Collection[str], where: str) -> Signature:
    signature = signature_of(fn, where)
    if not signature.is_async:
        raise refuse(where, "it isn't async", "write it as `async def`")
    for parameter in signature.parameters:
        if parameter.name not in names and parameter.default is Parameter.empty:
            raise refuse(
                where,
                f"it needs {parameter.name!r}, which the tool's call doesn't have",
                f"take CallContext first, then any of: {', '.join(sorted(names))}",
            )
    return signature


def _members(annotation: Any) -> set[Any]:
    if get_origin(annotation) in {Union, types.UnionType}:
        return {get_origin(member) or member for member in get_args(annotation)}
    return {get_origin(annotation) or annotation}
