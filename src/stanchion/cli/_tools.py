"""``stanchion tools``: contracts at hand, others' tools before a person, ours before programs."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Annotated

import typer

from stanchion.cli._contracts import call_by_hand, lint_tools, list_tools, show_tool
from stanchion.cli._options import Json
from stanchion.cli._output import emit_json, note
from stanchion.cli._targets import load_named
from stanchion.cli._text import shown
from stanchion.cli._watch import interruptible
from stanchion.errors import ConfigurationError
from stanchion.integrations import ToolServer
from stanchion.tools.mcp import Change, Manifest, McpServer

__all__ = ["app"]

app = typer.Typer(
    name="tools",
    help="List, show, call and judge tools; pin those of MCP servers, serve yours over MCP.",
    no_args_is_help=True,
)

app.command("list")(list_tools)
app.command("show")(show_tool)
app.command("call")(call_by_hand)
app.command("lint")(lint_tools)

_SHOWN = ("title", "description", "inputSchema", "outputSchema", "annotations")


@app.command()
def pin(
    target: Annotated[str, typer.Argument(metavar="MODULE:SERVER", help="An McpServer.")],
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Only tell; exit with 1 if anything changed.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Approve without asking.")] = False,
    as_json: Json = False,
) -> None:
    """Show what a server says its tools are, and approve it.

    All of it is text from outside: read it as such. What is approved goes into the lock file.
    """
    server: McpServer = load_named(target, (McpServer,), "McpServer")
    before, now = interruptible(_look(server))
    changes = before.changes(now)
    if as_json:
        emit_json([{"tool": each.tool, "what": list(each.what)} for each in changes])
    else:
        for line in _told(server, changes, before, now):
            typer.echo(line)
    if check or not changes:
        raise typer.Exit(1 if changes else 0)
    if not yes and not typer.confirm("approve this?", err=True):
        note("nothing was approved")
        raise typer.Exit(1)
    server.approve(now)
    note(f"approved: {server.pinned}")


@app.command()
def serve(
    target: Annotated[str, typer.Argument(metavar="MODULE:SERVER", help="A ToolServer.")],
    *,
    http: Annotated[
        str, typer.Option("--http", metavar="HOST:PORT", help="Serve HTTP instead of stdio.")
    ] = "",
) -> None:
    """Serve tools to MCP clients: over standard input and output, or over HTTP at /mcp.

    Over HTTP every request has to carry the token in STANCHION_MCP_TOKEN, if there is one; without
    one only this machine is served.
    """
    server: ToolServer = load_named(target, (ToolServer,), "ToolServer")
    if not http:
        interruptible(server.serve_stdio())
        return
    host, _, port = http.rpartition(":")
    if not host or not port.isdecimal():
        raise typer.BadParameter("give HOST:PORT, for example 127.0.0.1:8000", param_hint="--http")
    token = os.environ.get("STANCHION_MCP_TOKEN", "")
    note(f"serving {len(server.tools)} tools at http://{http}/mcp; Ctrl-C stops")
    interruptible(server.serve_http(host.strip("[]"), int(port), token=token))


async def _look(server: McpServer) -> tuple[Manifest, Manifest]:
    try:
        return server.approved(), await server.look()
    except OSError as error:
        raise ConfigurationError(
            f"the server {server.name} can't be reached", remedy="start it, and check where it is"
        ) from error
    finally:
        await server.aclose()


def _told(
    server: McpServer, changes: tuple[Change, ...], before: Manifest, now: Manifest
) -> Iterator[str]:
    yield f"{server.name}: {len(now.tools)} tools, {len(changes)} not as approved"
    for change in changes:
        yield f"\n{shown(change.tool)}: {', '.join(change.what)}"
        fields = _SHOWN if change.what[0] in {"added", "removed"} else change.what
        for word, manifest in (("was", before), ("now", now)):
            described = manifest.tools.get(change.tool)
            for name in fields:
                if described is not None and name in described.said:
                    yield f"  {name} {word}: {shown(_text(described.said[name]))}"


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
