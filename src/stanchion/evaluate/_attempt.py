"""What a scorer is given: a case, what the run made of it, and the run's record."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from stanchion.evaluate._dataset import Case
from stanchion.ledger import RunRecord, Store, codec_for
from stanchion.values import Step
from stanchion.workflows import steps_of

__all__ = ["Attempt", "Scorer", "ToolUse"]


@dataclass(frozen=True, slots=True)
class ToolUse:
    """A call of a tool that the run made, with its arguments as they were recorded."""

    name: str
    arguments: Any
    succeeded: bool


@dataclass(frozen=True, slots=True)
class Attempt:
    """One trial of a case: a run that completed."""

    case: Case
    output: Any
    """What the workflow returned, JSON-native."""
    record: RunRecord
    store: Store
    trial: int = 0

    async def steps(self) -> tuple[Step, ...]:
        """Return the run's steps as a tree."""
        return steps_of(await self.store.entries(self.record.id))

    async def calls(self) -> tuple[ToolUse, ...]:
        """Return the calls of tools, in order, those of agents included."""
        entries = await self.store.entries(self.record.id)
        steps = [step for step in _walk(steps_of(entries)) if step.kind == "call"]
        requests = {entry.request: entry.request_data for entry in entries if entry.request}
        # Small requests stand in their entry, large ones are payloads.
        large = [digest for digest, data in requests.items() if data is None]
        requests |= await self.store.payloads(self.record.tenant, large)
        return tuple(
            ToolUse(step.name, _arguments(requests, step), step.status == "ok") for step in steps
        )


Scorer: TypeAlias = Callable[[Attempt], float | Awaitable[float]]
"""Judges an attempt from 0 to 1, more being better; may be async, and may raise."""


def _walk(steps: Sequence[Step]) -> list[Step]:
    """Return steps and all below them, in order; a call's own steps are its recovery."""
    found: list[Step] = []
    for step in steps:
        found.append(step)
        if step.kind != "call":
            found.extend(_walk(step.children))
    return found


def _arguments(requests: Mapping[bytes, bytes | None], step: Step) -> Any:
    data = requests.get(bytes.fromhex(step.request or ""))
    return {} if data is None else codec_for(Any).decode(data)["arguments"]
