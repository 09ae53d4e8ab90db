"""MCP servers that the command line can name."""

import sys
from pathlib import Path

from stanchion.tools.mcp import McpServer, StdioServer

ROOT = Path(__file__).parents[2]

hostile = McpServer(
    "hostile",
    StdioServer(
        sys.executable,
        ("-m", "tests.tools.servers.hostile_mcp"),
        env={"PYTHONPATH": str(ROOT), "CHANGED": str(Path("changed").resolve())},
        cwd=ROOT,
    ),
    pinned="hostile.mcp.json",
)
gone = McpServer("gone", StdioServer("/nowhere/at/all"), pinned="gone.mcp.json")
