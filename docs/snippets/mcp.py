"""Tools of an MCP server: declared by the operator, approved by a person, called."""

import asyncio
import sys
from pathlib import Path

from stanchion.errors import ContractError
from stanchion.tools import Declaration, call
from stanchion.tools.mcp import McpServer, StdioServer

program = """
from mcp.server import MCPServer

server = MCPServer("clock")


@server.tool(structured_output=False)
def time_in(city: str) -> str:
    \"\"\"Tell the time in a city.\"\"\"
    return f"noon in {city}"


server.run()
"""
Path("clock.py").write_text(program)

clock = McpServer(
    "clock",
    StdioServer(sys.executable, ("clock.py",)),
    pinned="clock.mcp.json",
    declared={"time_in": Declaration(read=True)},
)

try:
    print(clock.tools)
except ContractError as error:
    print(error)
# > nobody has approved the tools of server clock: there is no clock.mcp.json
# >   remedy: look at them with `stanchion tools pin MODULE:NAME`, and approve


async def main() -> None:
    clock.approve(await clock.look())  # what `stanchion tools pin` does once a person said yes
    (time_in,) = clock.tools
    result = await call(time_in, {"city": "Rome"})
    print(time_in.name, time_in.contract.effect, result.value)
    await clock.aclose()


asyncio.run(main())
# > clock__time_in read noon in Rome
