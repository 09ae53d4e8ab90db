"""What a server says its tools are, pinned by a person.

The lock file holds the manifest that was approved, in full, to be committed and reviewed as code
is. Contracts are made from the file and never from a server, so that a changed description reaches
no model; the digests tell when a server says something else.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from stanchion.errors import ContractError, EncodingError
from stanchion.ledger import canonical, digest

__all__ = ["Change", "Manifest", "ManifestTool", "read_manifest", "write_manifest"]

FORMAT = 1
MAX_BYTES = 8 * 1024 * 1024
MAX_TOOLS = 1_000
MAX_DESCRIPTION = 16_000

_FIELDS = ("name", "title", "description", "inputSchema", "outputSchema", "annotations")


@dataclass(frozen=True, slots=True)
class ManifestTool:
    """One tool, as its server describes it."""

    said: Mapping[str, Any]
    """Name, title, description, schemas and annotations."""
    digest: str

    @property
    def name(self) -> str:
        """The server's own name for it."""
        return str(self.said["name"])


@dataclass(frozen=True, slots=True)
class Change:
    """How a server's manifest differs from the approved one."""

    tool: str
    what: tuple[str, ...]
    """``added``, ``removed``, or the fields that differ."""

    def __str__(self) -> str:
        return f"{self.tool} ({', '.join(self.what)})"


@dataclass(frozen=True, slots=True)
class Manifest:
    """All tools of a server, by name."""

    tools: Mapping[str, ManifestTool]

    @classmethod
    def of(cls, said: Sequence[Mapping[str, Any]]) -> Manifest:
        """Make a manifest of what a server lists; raise ContractError for what can't be kept."""
        tools: dict[str, ManifestTool] = {}
        for each in said:
            kept = {key: each[key] for key in _FIELDS if each.get(key) is not None}
            name = str(kept.get("name", ""))
            if not name or name in tools or len(tools) >= MAX_TOOLS:
                raise _unfit("its tools are unnamed, named twice or too many")
            if len(str(kept.get("description", ""))) > MAX_DESCRIPTION:
                raise _unfit("a description is too long")
            try:
                data = canonical(kept, what="a tool's description", limit=MAX_BYTES)
            except EncodingError as error:
                raise _unfit("a tool's description can't be kept") from error
            tools[name] = ManifestTool(kept, digest(data).hex())
        return cls(tools)

    @property
    def digest(self) -> str:
        """Hex SHA-256 of all tools."""
        named = {name: tool.digest for name, tool in self.tools.items()}
        return digest(canonical(named, what="a manifest")).hex()

    def changes(self, now: Manifest) -> tuple[Change, ...]:
        """Return how ``now`` differs from this one."""
        return tuple(self._changes(now))

    def _changes(self, now: Manifest) -> Iterator[Change]:
        for name in sorted({*self.tools, *now.tools}):
            old, new = self.tools.get(name), now.tools.get(name)
            if old is None or new is None:
                yield Change(name, ("added" if old is None else "removed",))
            elif old.digest != new.digest:
                differ = (f for f in _FIELDS if old.said.get(f) != new.said.get(f))
                yield Change(name, tuple(differ))


def read_manifest(path: Path, server: str) -> Manifest | None:
    """Read a lock file, None if there is none; raise ContractError if it isn't what was pinned."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        held = cast("Mapping[str, Any]", json.loads(data))
        manifest = Manifest.of(held["tools"])
        pinned = held["format"] == FORMAT and held["server"] == server
        same = held["digest"] == manifest.digest
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _broken(path, "isn't a lock file") from error
    if not pinned or not same:
        why = "was changed by hand" if pinned else f"isn't one of server {server}"
        raise _broken(path, why)
    return manifest


def write_manifest(path: Path, server: str, manifest: Manifest) -> None:
    """Write a lock file: what a person has just approved."""
    held = {
        "format": FORMAT,
        "server": server,
        "digest": manifest.digest,
        "tools": [dict(manifest.tools[name].said) for name in sorted(manifest.tools)],
    }
    text = json.dumps(held, indent=2, ensure_ascii=False, sort_keys=True)
    path.write_text(f"{text}\n", encoding="utf-8")


def _unfit(problem: str) -> ContractError:
    return ContractError(
        f"the server's manifest can't be used: {problem}", remedy="ask the server's maker"
    )


def _broken(path: Path, problem: str) -> ContractError:
    return ContractError(
        f"{path} {problem}", remedy="restore it, or approve anew with `stanchion tools pin`"
    )
