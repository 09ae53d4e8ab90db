"""One call of a server's tool, from the contract to the wire and back.

It is sent only on a connection whose server still describes the tool as a person approved it. All
that goes wrong before that is ``NotPerformed``.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from mcp import MCPError
from mcp_types import INVALID_REQUEST
from pydantic import ValidationError

from stanchion.errors import ContractError
from stanchion.tools._caller import CIRCLES, current_caller
from stanchion.tools._context import CallContext
from stanchion.tools._contract import Contract
from stanchion.tools._errors import unreachable
from stanchion.tools._outcomes import BadResult, NotPerformed
from stanchion.tools.mcp._answer import failure, value_of
from stanchion.tools.mcp._connection import Connection
from stanchion.tools.mcp._heard import HEARD, Heard
from stanchion.tools.mcp._manifest import Manifest, ManifestTool
from stanchion.tools.mcp._session import Sessions
from stanchion.values import Action, ToolError

__all__ = ["KEY", "Target", "call"]

KEY = "stanchion/idempotency-key"
"""Where in ``_meta`` a server that was declared to know keys finds the call's."""

RUN = "stanchion/run"
"""Where a server of our own finds the run that calls, and says which run the call was."""

CIRCLE = "stanchion/circle"
"""Where it says by which rule it started none: runs call each other."""

_OPENING = 0.8
"""The share of a call's time after which nothing is sent any more."""

_log = logging.getLogger("stanchion.tools")


@dataclass(frozen=True, slots=True)
class Target:
    """A tool of a server."""

    sessions: Sessions
    pinned: ManifestTool
    contract: Contract
    check_every: timedelta


async def call(target: Target, arguments: Mapping[str, Any], context: CallContext[Any]) -> Any:
    """Call the tool; a second time only if the server forgot the session and did nothing."""
    try:
        return await _once(target, arguments, context)
    except _Forgotten:
        return await _once(target, arguments, context)


class _Forgotten(Exception):
    """The server doesn't know the session any more and did nothing."""


async def _once(target: Target, arguments: Mapping[str, Any], context: CallContext[Any]) -> Any:
    contract, heard = target.contract, Heard()
    meta = {KEY: context.key} if contract.accepts_key and context.key else {}
    if contract.trusted and context.run:
        meta[RUN] = context.run
    async with target.sessions.connection() as connection:
        await _prepare(target, connection)
        context.check_deadline()
        HEARD.set(heard)
        try:
            answer = await connection.call(target.pinned.name, dict(arguments), meta)
        except MCPError as error:
            if heard.status == 404 and error.code == INVALID_REQUEST:
                connection.end()
                raise _Forgotten from error
            raise failure(error, heard, connection.heard, contract) from error
        except ValidationError as error:
            raise BadResult(f"{contract.name} answered with no answer of the protocol") from error
    if contract.trusted:
        _note_run(answer.meta or {})
    return value_of(answer, contract)


def _note_run(meta: Mapping[str, Any]) -> None:
    """Take a trusted server's word for which run the call was there."""
    caller = current_caller()
    if caller is not None:
        caller.started += [str(meta[RUN])] if meta.get(RUN) else []
        caller.refused = next((rule for rule in CIRCLES if rule == meta.get(CIRCLE)), "")


async def _prepare(target: Target, connection: Connection) -> None:
    """Wait for the connection and look whether the tool is still the approved one."""
    try:
        async with asyncio.timeout(target.contract.timeout.total_seconds() * _OPENING):
            await connection.ready(fresh_for=target.check_every)
    except (MCPError, OSError, ValidationError, ContractError) as error:
        raise NotPerformed(unreachable()) from error
    now = connection.manifest.tools.get(target.pinned.name)
    if now is None or now.digest != target.pinned.digest:
        raise _changed(target, now)


def _changed(target: Target, now: ManifestTool | None) -> NotPerformed:
    pinned = target.pinned
    before, after = (
        Manifest({pinned.name: pinned}),
        Manifest({} if now is None else {now.name: now}),
    )
    what = ", ".join(word for change in before.changes(after) for word in change.what)
    name = target.contract.name
    _log.error("%s isn't what was approved any more (%s): see `stanchion tools pin`", name, what)
    return NotPerformed(
        ToolError(
            code="tool_changed",
            problem=f"{name} is not what a person approved any more ({what}); a person has to look "
            "at the change and approve it with `stanchion tools pin`",
            action=Action.ESCALATE,
            do_not="do not call it again before that, and do not use another way to the same end",
        )
    )
