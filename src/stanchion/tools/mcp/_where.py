"""Where a server is, and with which credentials it is reached."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

__all__ = ["Headers", "HttpServer", "StdioServer"]

Headers: TypeAlias = (
    Mapping[str, str] | Callable[[], Mapping[str, str] | Awaitable[Mapping[str, str]]]
)
"""Headers with credentials, or what gets them for each request."""


@dataclass(frozen=True, slots=True)
class StdioServer:
    """A program that speaks MCP over its standard input and output.

    It gets ``env`` and a few harmless variables, not this process's environment. What it may reach
    is a matter of the sandbox it runs in: nothing here limits a program.
    """

    command: str
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    cwd: Path | str | None = None
    show_stderr: bool = False
    """Let what it writes to its standard error through, to look for a mistake."""


@dataclass(frozen=True, slots=True)
class HttpServer:
    """A server that speaks streamable HTTP at one address, which alone is reached."""

    url: str
    headers: Headers = field(default_factory=dict[str, str], repr=False)
