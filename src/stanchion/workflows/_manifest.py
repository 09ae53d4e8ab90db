"""What a run is pinned to when it starts: code version, tool contracts, bounds, loop version."""

from __future__ import annotations

from typing import Any

from stanchion.workflows._incarnation import LOOP_VERSION
from stanchion.workflows._workflow import Workflow

__all__ = ["manifest_of"]


def manifest_of(definition: Workflow[Any, Any, Any]) -> dict[str, Any]:
    """Return the manifest as JSON."""
    return {
        "workflow": definition.name,
        "version": definition.version,
        "loop": LOOP_VERSION,
        "tools": {tool.contract.name: tool.contract.digest for tool in definition.tools},
        "untrusted_may": [str(rule) for rule in definition.untrusted_may],
    }
