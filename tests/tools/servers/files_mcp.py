"""A friendly MCP server of the official SDK, over stdio or, with ``http``, over streamable HTTP."""

import sys
from typing import Annotated

from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp_types import ToolAnnotations
from pydantic import BaseModel, Field

from tests.tools.servers.serving import serve

server = MCPServer("files")
kept = {"notes.txt": "buy milk"}


class Written(BaseModel):
    name: str
    size: int
    key: str


@server.tool(annotations=ToolAnnotations(read_only_hint=True), structured_output=False)
def read_file(name: Annotated[str, Field(description="Its name.")]) -> str:
    """Read a file."""
    return kept[name]


@server.tool()
def write_file(name: str, text: str, context: Context) -> Written:
    """Write a file."""
    kept[name] = text
    meta = context.request_context.meta or {}
    return Written(name=name, size=len(text), key=str(meta.get("stanchion/idempotency-key", "")))


if __name__ == "__main__":
    if sys.argv[1:] == ["http"]:
        serve(server.streamable_http_app())
    else:
        server.run()
