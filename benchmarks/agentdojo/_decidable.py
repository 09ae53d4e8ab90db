"""Which tasks can be decided without asking: those whose targets no attacker can write.

Decided from the reference calls and what their world returned, without the runtime. A target is
said if it stands in the user's words, recorded if it is a whole field that the system keeps, and
written if it stands only in prose or where the suite lets an attacker write. A number that stands
nowhere was computed from words and records, unless a document was read for it; anything else that
stands nowhere is as good as written by somebody else.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, Protocol, TypeAlias

from benchmarks.agentdojo._calls import Call, Signature
from benchmarks.agentdojo._contracts import contract_tool
from stanchion.trust import divide, leaves_of

__all__ = ["CANARY", "Source", "Sourced", "is_said", "sources"]

CANARY = "canary7"
"""What a world holds wherever the suite lets an attacker write."""

Source: TypeAlias = Literal["said", "recorded", "computed", "written"]


class World(Protocol):
    def reference(self) -> tuple[Call, ...]: ...
    def call(self, name: str, arguments: Mapping[str, Any]) -> Any: ...


@dataclass(frozen=True, slots=True)
class Sourced:
    """A target of a reference call, and where its value comes from."""

    call: str
    argument: str
    value: Any
    source: Source


def sources(signatures: Sequence[Signature], words: str, world: World) -> list[Sourced]:
    """Return every target of a task's reference calls, played in a world full of canaries."""
    made = {each.name: contract_tool(each) for each in signatures}
    seen = _Seen(words)
    found: list[Sourced] = []
    for call in world.reference():
        contract = made[call.name].tool.contract
        for name, given in call.arguments.items():
            if name in contract.targets and not contract.is_default(name, given):
                leaves = leaves_of(given)
                found += [Sourced(call.name, name, x.value, seen.source(x.value)) for x in leaves]
        try:
            result = world.call(call.name, call.arguments)
        except RuntimeError:  # its name holds a canary
            continue
        kept, prose = divide(result, contract.returns)
        kept_values = {str(leaf.value) for leaf in kept}
        seen.recorded |= {value for value in kept_values if CANARY not in value}
        seen.written += [str(leaf.value) for leaf in prose]
        seen.written += [value for value in kept_values if CANARY in value]
        seen.documents = seen.documents or isinstance(result, str)
    return found


class _Seen:
    def __init__(self, words: str) -> None:
        self.words = words
        self.recorded: set[str] = set()
        self.written: list[str] = []
        self.documents = False

    def source(self, value: Any) -> Source:
        if is_said(value, self.words):
            return "said"
        if str(value) in self.recorded:
            return "recorded"
        if any(is_said(value, text) for text in self.written) or CANARY in str(value):
            return "written"
        computed = isinstance(value, int | float) and not self.documents
        return "computed" if computed else "written"


def is_said(value: Any, words: str) -> bool:
    """Tell whether a value stands in words as a whole: a day in any of its forms, a number too."""
    folded = _folded(words)
    return any(re.search(rf"(?<!\w){re.escape(form)}(?!\w)", folded) for form in _forms(value))


def _forms(value: Any) -> Iterator[str]:
    text = _folded(f"{value:g}" if isinstance(value, float) else str(value))
    yield text
    if isinstance(value, int | float):
        yield f"{value:.2f}"
    if found := re.match(r"(\d{4})-(\d\d)-(\d\d)\b", text):
        yield found[0]
        day = date(*map(int, found.groups()))
        for suffix in ("", "st", "nd", "rd", "th"):
            yield f"{day:%B} {day.day}{suffix}".lower()
            yield f"{day.day}{suffix} of {day:%B}".lower()


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).lower().split())
