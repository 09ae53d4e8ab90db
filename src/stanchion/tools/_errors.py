"""Failures translated into the one form that a model can act on.

Pure: an exception and a contract in, a ``ToolError`` out. What it must never do: echo text that
came from outside (an exception's message, a server's answer, the rejected value), or invite a
guess: for an argument that says who or what is meant it names no form to satisfy and sends the
model to the user.
"""

from __future__ import annotations

from collections.abc import Sequence, Sized
from dataclasses import replace
from decimal import Decimal
from socket import gaierror
from types import NoneType
from typing import Any

from pydantic import ValidationError

from stanchion.errors import EncodingError, Refused
from stanchion.tools._caller import CIRCLES
from stanchion.tools._contract import Contract
from stanchion.tools._http_errors import http_failure, translate_status
from stanchion.tools._identifiers import do_not_guess, is_identifier, spelled
from stanchion.tools._mcp_errors import mcp_failure
from stanchion.tools._outcomes import BadResult, NotPerformed
from stanchion.tools._pulse import Silence
from stanchion.tools._schema import at_path, describe
from stanchion.values import Action, Json, ToolError

__all__ = ["ask_for_target", "render_error", "translate", "unknown_outcome", "unreachable"]

_ENOUGH_FIELDS = 5


def translate(exception: BaseException, contract: Contract) -> ToolError:
    """Say what a model should know and do about an exception from this tool's call."""
    match exception:
        case NotPerformed():
            return exception.error
        case ValidationError():
            return _invalid(exception, contract)
        case EncodingError():
            return _unfit_arguments(contract)
        case BadResult():
            return _bad_result(exception)
        case Refused() if exception.facts.get("rule") in CIRCLES:
            return _in_a_circle()
        case _:
            return _settle(_foreign(exception, contract), contract)


def unknown_outcome() -> ToolError:
    """Say that a write may or may not have happened."""
    return ToolError(
        code="unknown_outcome",
        problem="the call was sent or may have been, and what came of it is not known",
        action=Action.ESCALATE,
        do_not="do not call it again: whether it happened is not known",
    )


def _in_a_circle() -> ToolError:
    return ToolError(
        code="stuck",
        problem="agents call each other in circles, and this call would go on with it",
        action=Action.STOP,
        do_not="do not make this call again, in this or another form",
    )


def unreachable() -> ToolError:
    """Say that nothing was sent, since there was nobody to send it to."""
    return ToolError(
        code="unreachable",
        problem="what the tool needs could not be reached",
        action=Action.WAIT,
        retryable=True,
    )


def render_error(error: ToolError) -> dict[str, Json]:
    """Return the error as problem details (RFC 9457) with our members, absent ones left out."""
    members: dict[str, Json] = {
        "type": f"urn:stanchion:tool-error:{error.code}",
        "code": error.code,
        "detail": error.problem,
        "action": error.action.value,
        "retryable": error.retryable,
        "field": error.field,
        "expected": error.expected,
        "received": error.received,
        "retry_after": error.retry_after,
        "do_not": error.do_not,
    }
    return {name: value for name, value in members.items() if value is not None}


# Arguments ---------------------------------------------------------------------------------------


def _invalid(exception: ValidationError, contract: Contract) -> ToolError:
    """Describe the first argument that doesn't fit; a target before all others."""
    problems = exception.errors(include_url=False, include_context=False)
    problems.sort(key=lambda each: str(next(iter(each["loc"]), "")) not in contract.targets)
    first = problems[0]
    if not first["loc"]:
        return _not_an_object(contract)
    field, schema = at_path(contract.parameters, first["loc"])
    if not field:
        return _undeclared(contract)
    missing = first["type"] == "missing" and len(first["loc"]) == field.count(".") + 1
    received = None if missing else _shape(first["input"])
    top = field.split(".", 1)[0]
    others = _others(problems[1:], contract, top)
    if is_identifier(field, schema, contract.targets):
        code = "missing_argument" if missing else "invalid_argument"
        problem = f"{field} {'is missing' if missing else 'is not a valid value'}{others}"
        return ask_for_target(code, field, problem, received)
    return ToolError(
        code="missing_argument" if missing else "invalid_argument",
        problem=f"{field} {'is missing' if missing else 'does not fit its declared form'}{others}",
        action=Action.FIX_ARGUMENTS,
        field=field,
        expected=describe(schema, contract.parameters),
        received=received,
        do_not=f"do not make up a value for {field}: ask the user if it was not given",
    )


def ask_for_target(code: str, field: str, problem: str, received: Json = None) -> ToolError:
    """Send the model to the user for an argument that says who or what is meant."""
    return ToolError(
        code=code,
        problem=problem,
        action=Action.ASK_USER,
        field=field,
        expected=f"the {spelled(field)} exactly as the user gives it",
        received=received,
        do_not=do_not_guess(field),
    )


def _undeclared(contract: Contract) -> ToolError:
    return ToolError(
        code="unknown_argument",
        problem="an argument is not one that this tool takes",
        action=Action.FIX_ARGUMENTS,
        expected=f"only {', '.join(contract.arguments.names) or 'no arguments'}",
        do_not="do not add arguments",
    )


def _not_an_object(contract: Contract) -> ToolError:
    return ToolError(
        code="invalid_arguments",
        problem="the arguments are not a JSON object",
        action=Action.FIX_ARGUMENTS,
        expected=describe(contract.parameters),
    )


def _unfit_arguments(contract: Contract) -> ToolError:
    return ToolError(
        code="arguments_too_large",
        problem="the arguments are too large or not JSON",
        action=Action.FIX_ARGUMENTS,
        expected=f"at most {contract.arguments.max_bytes} bytes of JSON",
    )


def _others(problems: Sequence[Any], contract: Contract, field: str) -> str:
    tops = (at_path(contract.parameters, each["loc"][:1])[0] for each in problems)
    named = [name for name in dict.fromkeys(tops) if name and name != field]
    return f"; also wrong: {', '.join(named[:_ENOUGH_FIELDS])}" if named else ""


def _shape(value: object) -> Json:
    """Describe a received value by its type and size only."""
    kind = next((name for types, name in _KINDS if isinstance(value, types)), "object")
    return {"type": kind, "size": len(value)} if isinstance(value, Sized) else {"type": kind}


_KINDS: tuple[tuple[tuple[type, ...], str], ...] = (
    ((str,), "string"),
    ((bool,), "boolean"),
    ((int,), "integer"),
    ((float, Decimal), "number"),
    ((list, tuple, set, frozenset), "array"),
    ((NoneType,), "null"),
)


# Execution ---------------------------------------------------------------------------------------


def _bad_result(exception: BadResult) -> ToolError:
    if exception.facts.get("too_large"):
        return ToolError(
            code="result_too_large",
            problem="the tool found more than it may return",
            action=Action.FIX_ARGUMENTS,
            expected="narrower arguments, or the tool's own paging",
            do_not="do not repeat the same call",
        )
    return ToolError(
        code=BadResult.code,
        problem="the tool answered with something that its contract rules out",
        action=Action.ESCALATE,
        do_not="do not make up what it would have answered",
    )


def _foreign(exception: BaseException, contract: Contract) -> ToolError:
    if (failure := http_failure(exception)) is not None:
        return translate_status(failure, contract)
    if (said := mcp_failure(exception)) is not None:
        return said
    if isinstance(exception, Silence):
        return ToolError(code="timeout", problem=str(exception), action=Action.WAIT, retryable=True)
    if _is_timeout(exception):
        return ToolError(
            code="timeout",
            problem=f"no answer within {contract.timeout.total_seconds():g} seconds",
            action=Action.WAIT,
            retryable=True,
        )
    if _is_unreachable(exception):
        return unreachable()
    if isinstance(exception, OSError):
        return ToolError(
            code="unavailable",
            problem="a resource that the tool needs is not available",
            action=Action.ESCALATE,
        )
    return ToolError(
        code="tool_crashed",
        problem="the tool failed by an error of its own; other arguments would not help",
        action=Action.ESCALATE,
        do_not="do not call it again and do not make up a result",
    )


def _is_timeout(exception: BaseException) -> bool:
    return isinstance(exception, TimeoutError) or bool(
        _client_classes(exception) & {"TimeoutException", "Timeout", "TimeoutError"}
    )


def _is_unreachable(exception: BaseException) -> bool:
    return isinstance(exception, ConnectionError | gaierror) or bool(
        _client_classes(exception)
        & {"TransportError", "ConnectionError", "ClientConnectionError", "MaxRetryError"}
    )


def _client_classes(exception: BaseException) -> set[str]:
    """Return the names of those of an exception's classes that an HTTP client defines."""
    clients = {"httpx", "httpx2", "httpcore", "requests", "urllib3", "aiohttp"}
    classes = type(exception).__mro__
    return {each.__name__ for each in classes if each.__module__.split(".", 1)[0] in clients}


def _settle(error: ToolError, contract: Contract) -> ToolError:
    """Never offer to repeat a write that may have happened."""
    if contract.effect == "read" or contract.accepts_key or not error.retryable:
        return error
    unknown = unknown_outcome()
    return replace(
        error, action=unknown.action, retryable=False, retry_after=None, do_not=unknown.do_not
    )
