"""Stanchion's tools as an MCP server: contracts out, calls in, over stdio or streamable HTTP.

Any MCP client sees what a model would see, and gets the gateway with it: validation, policy,
limits, review, intents and the record. The protocol only; what a call does is ``ServedTools``'.
"""

from __future__ import annotations

import importlib
from functools import cached_property
from ipaddress import ip_address
from typing import Any

from stanchion.errors import ConfigurationError, MissingDependency
from stanchion.integrations._served import ServedTools

__all__ = ["ToolServer"]


class ToolServer(ServedTools):
    """Some tools of an app, served to MCP clients that act for one principal.

    ``untrusted_may`` are the bounds within which a write runs without a person; whoever is allowed
    to connect may use them up. A call answers within ``patience``, if only that it is at work.
    """

    async def serve_stdio(self) -> None:
        """Serve the one client at this process's standard input and output, until it leaves."""
        async with self.app:
            await self._protocol.serve_stdio(self)

    async def serve_http(
        self, host: str = "127.0.0.1", port: int = 8000, *, token: str = ""
    ) -> None:
        """Serve HTTP at ``/mcp`` until cancelled; every request has to carry the bearer token.

        Without a token only this machine is served.
        """
        if not token and not _is_loopback(host):
            raise ConfigurationError(
                f"serving {host} without a token would let anybody call the tools",
                remedy="give a token (STANCHION_MCP_TOKEN for the command), or serve 127.0.0.1",
            )
        async with self.app:
            await self._protocol.serve_http(self, host, port, token)

    def asgi(self, *, host: str = "127.0.0.1", token: str = "") -> Any:
        """Return an ASGI app to mount elsewhere; the app must be open while it serves."""
        return self._protocol.asgi(self, host, token)

    @cached_property
    def _protocol(self) -> Any:
        # An optional extra, and its start-up time.
        try:
            return importlib.import_module("stanchion.integrations._mcp")
        except ModuleNotFoundError as error:
            raise MissingDependency(
                "serving MCP needs the official SDK", remedy="pip install 'stanchion[mcp]'"
            ) from error


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
