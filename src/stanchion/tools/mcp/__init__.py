"""Tools of MCP servers, over stdio and streamable HTTP.

Owns connections, the pinned manifest and the translation of what a server says. A server is a
stranger: the operator says what its tools do, a person approves what they say, and nothing that it
asks for (sampling, elicitation, roots) is done. The SDK is imported when a server is first used.
"""

from stanchion.tools.mcp._manifest import Change, Manifest, ManifestTool
from stanchion.tools.mcp._server import McpServer
from stanchion.tools.mcp._where import HttpServer, StdioServer

__all__ = ["Change", "HttpServer", "Manifest", "ManifestTool", "McpServer", "StdioServer"]
