"""What an HTTP status means to a model that called a tool.

Recognises the exceptions of any HTTP client by their shape, so that no client is imported. Reads
the status, the ``Retry-After`` header and, of the body of a 422 or 400 (FastAPI's form or problem
details), only the names of declared parameters.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any, cast

from stanchion.tools._contract import Contract
from stanchion.tools._identifiers import do_not_guess, is_identifier
from stanchion.tools._schema import at_path
from stanchion.values import Action, ToolError

__all__ = ["HttpFailure", "http_failure", "refused_by_status", "translate_status"]

_LONGEST_WAIT = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class HttpFailure:
    """A response that isn't a success."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    """Names in lower case."""
    body: Any = None
    """Decoded JSON, if there was any."""


def http_failure(exception: BaseException) -> HttpFailure | None:
    """Read an HTTP failure off an exception, or None if it isn't one."""
    response = getattr(exception, "response", None)
    for holder in (response, exception):
        for name in ("status_code", "status", "code"):
            status = getattr(holder, name, None)
            if isinstance(status, int) and 400 <= status <= 599:
                return HttpFailure(status, _headers(holder), _body(response))
    return None


def translate_status(failure: HttpFailure, contract: Contract) -> ToolError:
    """Say what a model should do about this status."""
    status = failure.status
    if status == 422 or (status == 400 and _named_fields(failure.body, contract)):
        return _unprocessable(failure, contract)
    if status == 429:
        return _error("rate_limited", "too many calls", Action.WAIT, failure)
    if status == 404:
        return _not_found(contract)
    if status in {408, 504}:
        return _error("timeout", "the service did not answer in time", Action.WAIT, failure)
    if known := _KNOWN.get(status):
        return known
    if status >= 500 and status != 501:
        return _error("service_failed", "the service failed", Action.WAIT, failure)
    return ToolError("http_error", f"the service answered {status}", Action.ESCALATE)


def refused_by_status(status: int, contract: Contract) -> bool:
    """Tell whether this answer to a write says that nothing was done.

    A server that took an idempotency key may answer 409 while the first call is still at work.
    """
    if status == 408 or (status == 409 and contract.accepts_key):
        return False
    return 400 <= status < 500 or status in {307, 308}


_KNOWN: Mapping[int, ToolError] = {
    400: ToolError(
        code="bad_request",
        problem="the service did not accept these arguments",
        action=Action.FIX_ARGUMENTS,
        do_not="do not repeat the same call, and do not make up values",
    ),
    401: ToolError(
        code="unauthorized",
        problem="the tool's own credentials were not accepted",
        action=Action.ESCALATE,
        do_not="do not ask the user for a password or a key",
    ),
    403: ToolError(
        code="forbidden",
        problem="the service forbids this call",
        action=Action.ESCALATE,
        do_not="do not try the same on behalf of somebody else or in another way",
    ),
    409: ToolError(
        code="conflict",
        problem="the call contradicts the present state",
        action=Action.USE_OTHER_TOOL,
        expected="look up the present state first",
        do_not="do not repeat the same call",
    ),
    501: ToolError(
        code="not_supported",
        problem="the service does not support this call",
        action=Action.USE_OTHER_TOOL,
        do_not="do not call it again",
    ),
}


def _error(code: str, problem: str, action: Action, failure: HttpFailure) -> ToolError:
    return ToolError(
        code, problem, action, retryable=True, retry_after=_retry_after(failure.headers)
    )


def _not_found(contract: Contract) -> ToolError:
    fields = tuple(contract.targets)
    return ToolError(
        code="not_found",
        problem="nothing was found under these arguments",
        action=Action.ASK_USER,
        field=fields[0] if len(fields) == 1 else None,
        do_not="do not try other values",
    )


def _unprocessable(failure: HttpFailure, contract: Contract) -> ToolError:
    names = _named_fields(failure.body, contract)
    names.sort(key=lambda name: not _is_identifier(name, contract))
    field = next(iter(names), None)
    asks = field is not None and _is_identifier(field, contract)
    return ToolError(
        code="invalid_argument",
        problem=f"the service did not accept {', '.join(names) or 'these arguments'}",
        action=Action.ASK_USER if asks else Action.FIX_ARGUMENTS,
        field=field,
        do_not=do_not_guess(field) if field and asks else "do not repeat the same call",
    )


def _is_identifier(name: str, contract: Contract) -> bool:
    return is_identifier(name, at_path(contract.parameters, [name])[1], contract.targets)


_LISTS = ("detail", "errors", "invalid-params", "invalid_params")
_HOLDERS = (Mapping, list, tuple)


def _named_fields(body: Any, contract: Contract) -> list[str]:
    """Return the parameters that a 422's body names, in FastAPI's or a common form."""
    named: list[str] = []
    entries: Any = body
    if isinstance(body, Mapping):
        known = cast("Mapping[str, Any]", body)
        entries = next((known[key] for key in _LISTS if isinstance(known.get(key), _HOLDERS)), None)
    if isinstance(entries, Mapping):
        named += [str(key) for key in cast("Mapping[Any, Any]", entries)]
    elif isinstance(entries, Sequence) and not isinstance(entries, str):
        for entry in cast("Sequence[Any]", entries):
            named += _names_of(entry)
    return [name for name in dict.fromkeys(named) if name in contract.arguments.names]


def _names_of(entry: Any) -> list[str]:
    if not isinstance(entry, Mapping):
        return []
    known = cast("Mapping[str, Any]", entry)
    location: Any = next(
        (known[key] for key in ("loc", "field", "pointer", "name") if key in known), ()
    )
    if isinstance(location, str):
        return re.split(r"[./]", location)
    if not isinstance(location, Sequence):
        return []
    return [str(part) for part in cast("Sequence[Any]", location)]


def _headers(holder: Any) -> Mapping[str, str]:
    headers: Any = getattr(holder, "headers", None)
    if not hasattr(headers, "items"):
        return {}
    return {str(name).lower(): str(value) for name, value in headers.items()}


def _body(response: Any) -> Any:
    read = getattr(response, "json", None)
    if not callable(read) or inspect.iscoroutinefunction(read):
        return None
    try:
        return read()
    except (ValueError, TypeError, RuntimeError):  # not JSON, or not read from the network
        return None


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds asked for; a date counts from the response's own ``Date``."""
    asked = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d+(\.\d+)?", asked):
        return min(float(asked), _LONGEST_WAIT)
    try:
        until = parsedate_to_datetime(asked)
        seconds = (until - parsedate_to_datetime(headers.get("date", ""))).total_seconds()
    except (ValueError, TypeError):
        return None
    return min(max(seconds, 0.0), _LONGEST_WAIT)
