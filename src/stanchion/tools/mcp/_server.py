"""An MCP server's tools, as the operator declares them and a person approved them.

Made from the lock file alone, so that workflows can name the tools before anything is connected.
"""

from __future__ import annotations

import importlib
from collections.abc import Collection, Mapping
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from stanchion.errors import ContractError, MissingDependency
from stanchion.tools._adopt import Adopter
from stanchion.tools._context import CallContext
from stanchion.tools._contract import Contract
from stanchion.tools._foreign_schema import ForeignSchema, held_to
from stanchion.tools._imported import (
    Imported,
    all_refusals,
    check_known,
    check_server_name,
    imported_contract,
)
from stanchion.tools._registration import Declaration
from stanchion.tools._signature import refuse
from stanchion.tools._tool import Tool, by_name
from stanchion.tools.mcp._manifest import (
    Change,
    Manifest,
    ManifestTool,
    read_manifest,
    write_manifest,
)
from stanchion.tools.mcp._where import HttpServer, StdioServer

__all__ = ["McpServer"]

MAX_MESSAGE_BYTES = 4 * 1024 * 1024


class McpServer:
    """A server, where it is, and what the operator says about its tools.

    A tool is an irreversible write whose results aren't trusted, unless ``declared`` says
    otherwise, by the server's own name for it. ``pinned`` is the lock file with the manifest that
    a person approved; a tool that the server describes differently isn't called until the change
    is approved with ``stanchion tools pin``.
    """

    def __init__(
        self,
        name: str,
        where: StdioServer | HttpServer,
        *,
        pinned: Path | str,
        declared: Mapping[str, Declaration] | None = None,
        include: Collection[str] | None = None,
        exclude: Collection[str] = (),
        check_every: timedelta = timedelta(minutes=5),
        max_message_bytes: int = MAX_MESSAGE_BYTES,
    ) -> None:
        check_server_name(name)
        self.name = name
        self.where = where
        self.pinned = Path(pinned)
        self._declared = dict(declared or {})
        self._include = include
        self._exclude = frozenset(exclude)
        self._check_every = check_every
        self._max_bytes = max_message_bytes

    @cached_property
    def tools(self) -> tuple[Tool[..., Any], ...]:
        """The approved tools, named ``server__tool``. Raises ContractError, also if none are."""
        manifest = self.approved()
        if not self.pinned.exists():
            raise ContractError(
                f"nobody has approved the tools of server {self.name}: there is no {self.pinned}",
                remedy="look at them with `stanchion tools pin MODULE:NAME`, and approve",
            )
        check_known(
            {*self._declared, *(self._include or ()), *self._exclude},
            set(manifest.tools),
            self.name,
        )
        made: list[Tool[..., Any]] = []
        refused: list[ContractError] = []
        for name, each in manifest.tools.items():
            if (self._include is None or name in self._include) and name not in self._exclude:
                try:
                    made.append(self._tool(each))
                except ContractError as error:
                    refused.append(error)
        if refused:
            raise all_refusals(refused)
        by_name(made)
        return tuple(made)

    def approved(self) -> Manifest:
        """Return what a person approved: nothing, if there is no lock file."""
        return read_manifest(self.pinned, self.name) or Manifest({})

    async def look(self) -> Manifest:
        """Connect and return what the server says its tools are now; nobody has approved it."""
        async with self._sessions.connection() as connection:
            await connection.ready()
            await connection.look()
            return connection.manifest

    async def changes(self) -> tuple[Change, ...]:
        """Connect and return how the server's tools differ from the approved ones."""
        return self.approved().changes(await self.look())

    def approve(self, manifest: Manifest) -> None:
        """Write the lock file: a person has looked, see ``stanchion tools pin``."""
        write_manifest(self.pinned, self.name, manifest)
        vars(self).pop("tools", None)

    async def aclose(self) -> None:
        """End the connection of this event loop; an app that was given the tools does it."""
        if "_sessions" in vars(self):
            await self._sessions.aclose()

    @cached_property
    def _sessions(self) -> Any:
        # An optional extra, and its start-up time.
        try:
            module = importlib.import_module("stanchion.tools.mcp._session")
        except ModuleNotFoundError as error:
            raise MissingDependency(
                "MCP servers need the official SDK", remedy="pip install 'stanchion[mcp]'"
            ) from error
        return module.Sessions(self.where, self._max_bytes)

    def _tool(self, pinned: ManifestTool) -> Tool[..., Any]:
        contract = _contract(self.name, pinned, self._declared.get(pinned.name, Declaration()))
        answer = ForeignSchema(contract.returns, f"tool {contract.name}, its answer")

        async def call(context: CallContext[Any], /, **arguments: Any) -> Any:
            # Start-up time and an optional extra: the SDK comes with the first call.
            caller = importlib.import_module("stanchion.tools.mcp._call")
            target = caller.Target(self._sessions, pinned, contract, self._check_every)
            return held_to(answer, await caller.call(target, arguments, context), contract.name)

        call.__doc__ = contract.description
        call.__qualname__ = contract.name
        return Tool(call, contract, resource=self)


def _contract(server: str, pinned: ManifestTool, said: Declaration) -> Contract:
    where = f"tool {pinned.name} of server {server}"
    found = Imported(
        server,
        pinned.name,
        str(pinned.said.get("description", "")),
        _adopted(pinned.said.get("inputSchema"), where),
        _adopted(pinned.said.get("outputSchema", {}), where),
    )
    return imported_contract(found, said, reads=False, where=where)


def _adopted(schema: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(schema, Mapping):
        raise refuse(where, "its schema isn't an object", "leave it out with exclude")
    return Adopter(schema, where).whole(schema)  # pyright: ignore[reportUnknownArgumentType]
