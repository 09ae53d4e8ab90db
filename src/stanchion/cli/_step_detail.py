"""One entry of the ledger drawn in full: its facts, its values, the prompt and the response.

Nothing is shortened here. What comes from outside is made harmless, and says so if that took
something away; ``--json`` has the exact bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.text import Text

from stanchion.cli._evidence import Detail
from stanchion.cli._text import one_line, shown
from stanchion.values import Message, ReasoningPart, TextPart, ToolCallPart, ToolResponsePart

__all__ = ["detail_picture"]

_DRAWN_APART = {"prompt"}


def detail_picture(detail: Detail) -> RenderableType:
    """Return an entry with everything that it refers to."""
    entry = detail.entry
    place = f"{entry.place.lane or 'root'}[{entry.place.ordinal}]"
    at = f"{entry.recorded_at:%Y-%m-%d %H:%M:%S.%f} UTC, epoch {entry.epoch}"
    title = f"{entry.seq}  {entry.phase} {entry.kind} {one_line(entry.name)}"
    parts: list[RenderableType] = [
        Rule(Text(title, style="bold"), align="left"),
        Text(f"at {place}, {at}", style="dim"),
    ]
    facts = {name: value for name, value in entry.facts.items() if name not in _DRAWN_APART}
    if facts:
        parts += _titled("facts", _pretty(facts))
    parts += _prompt(detail.prompt)
    if detail.response is not None:
        parts += _titled("response", "\n".join(_part(part) for part in detail.response.parts))
    parts += _values(detail)
    return Group(*parts)


def _values(detail: Detail) -> Iterator[RenderableType]:
    for name in ("request", "result"):
        if getattr(detail.entry, name) is not None:
            there = name in detail.values
            yield from _titled(name, _pretty(detail.values[name]) if there else "erased")


def _prompt(prompt: Mapping[str, Sequence[Message]]) -> Iterator[RenderableType]:
    for section, messages in prompt.items():
        for message in messages:
            said = "\n".join(_part(part) for part in message.parts)
            yield from _titled(f"prompt, {section}: {message.role}", said)


def _titled(title: str, text: str) -> Iterator[RenderableType]:
    yield Text(title, style="cyan")
    yield Padding(Text(shown(text)), (0, 0, 0, 2))


def _part(part: Any) -> str:
    match part:
        case TextPart():
            return part.content
        case ReasoningPart():
            return f"(reasoning) {part.content}"
        case ToolCallPart():
            return f"calls {part.name} ({part.id}) with {_pretty(part.arguments)}"
        case ToolResponsePart():
            return f"answer to {part.id}: {_pretty(part.response)}"
        case _:
            return _pretty(part)


def _pretty(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
