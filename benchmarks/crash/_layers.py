"""Every layer of the gateway as a place to die in: where a call enters it, and where it leaves.

Laid around the layers in a worker's process only, from outside: production code knows nothing of
it. What a call passed is written down when a run is undisturbed, so that no layer is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.crash._faults import Moment
from stanchion.tools import Gateway, Layer, Next, compose
from stanchion.values import ToolCall, ToolResult
from stanchion.workflows import _gateway

__all__ = ["watch_layers"]

Hit = Callable[[Moment, str], None]


def watch_layers(hit: Hit) -> None:
    """Have each call of this process come by at both sides of each layer, the core included."""

    @dataclass(frozen=True)
    class Watched(Gateway):
        async def run(self, call: ToolCall, core: Next) -> ToolResult:
            async def inside(ready: ToolCall) -> ToolResult:
                hit("entering layer", f"core {ready.tool}")
                result = await core(ready)
                hit("leaving layer", f"core {ready.tool}")
                return result

            return await compose([_watched(layer, hit) for layer in self.layers], inside)(call)

    _gateway.Gateway = Watched


def _watched(layer: Layer, hit: Hit) -> Layer:
    name = _name(layer)

    async def watched(call: ToolCall, proceed: Next) -> ToolResult:
        hit("entering layer", f"{name} {call.tool}")
        result = await layer(call, proceed)
        hit("leaving layer", f"{name} {call.tool}")
        return result

    return watched


def _name(layer: Any) -> str:
    """Return the name of the function that made the layer."""
    return layer.__qualname__.partition(".")[0]
