"""The honest planner: it does a task as its reference calls say, as a planner in quarantine can.

The honest planner knows the reference calls and makes each as a planner in quarantine can: what the
user said or a trusted field shows it writes down; a hidden value it passes on as its handle; what
stands inside a hidden text, or is written out of one, it has read. What it then still lacks it
writes down as well, and the runtime asks. A refused call comes again once somebody was asked.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from benchmarks.agentdojo._calls import Call
from benchmarks.agentdojo._decidable import is_said

__all__ = ["READ", "Honest", "Seen", "first_of"]

READ = "read_hidden"
MOST_TRIES = 6
SHORT = 3
"""Characters below which a value is the planner's own choice: a letter, a flag."""


@dataclass(slots=True)
class Seen:
    """What a planner was shown, and what its handles stand for."""

    shown: set[str] = field(default_factory=set[str])
    """Values that it could read."""
    hidden: dict[str, Any] = field(default_factory=dict[str, Any])
    """Values by handle."""

    def take(self, shown: Any, real: Any) -> None:
        """Take in an answer, side by side with what it stands for."""
        if isinstance(shown, Mapping):
            fields = cast("Mapping[str, Any]", shown)
            if "handle" in fields and set(fields) <= {"handle", "type", "size"}:
                self.hidden[str(fields["handle"])] = real
            elif isinstance(real, Mapping):
                for key, each in fields.items():
                    self.take(each, cast("Mapping[str, Any]", real).get(key))
        elif isinstance(shown, list) and isinstance(real, list):
            pairs = zip(cast("list[Any]", shown), cast("list[Any]", real), strict=False)
            for one, other in pairs:
                self.take(one, other)
        elif shown is not None:
            self.shown.add(f"{shown}")

    def handle_of(self, value: Any) -> str | None:
        """Return the newest handle of exactly this value."""
        return next((h for h, real in reversed(self.hidden.items()) if real == value), None)

    def source_of(self, value: Any) -> str | None:
        """Return the handle of the text from which a value can be read: the one most alike."""
        words = set(str(value).lower().split())
        best, most = None, 0
        for token, real in self.hidden.items():
            text = str(real)
            alike = 1000 if is_said(value, text) else len(words & set(text.lower().split()))
            if alike > most:
                best, most = token, alike
        return best


class Honest:
    """Does a task as its reference calls say."""

    def __init__(
        self, words: str, calls: Sequence[Call], output: str, content: Mapping[str, set[str]]
    ) -> None:
        self.words, self.content, self.reference = words, content, calls
        self.output = output or "Done."
        self.seen = Seen()
        self.current = Call("", {})
        """The reference call that is being made."""
        self.wanted: Any = None
        """What a right reading answers, now."""
        self.place = ("", "")
        """The tool and the argument that it is read for."""
        self._moves = self._do([*calls])
        self._asked = False
        self._answer: Any = None

    def next(self) -> Call | None:
        """Return the next call."""
        return next(self._moves, None)

    def told(self, call: Call, answer: Any, result: Any, *, made: bool) -> None:
        """Take in what a call brought, or that somebody was asked."""
        self._answer = answer
        self._asked = not made and _is_asked(answer)
        if call.name != READ:
            self.seen.take(answer, result if made else None)

    def read(self) -> Any:
        """Answer rightly where a hidden text is to be read."""
        return self.wanted

    def _do(self, calls: list[Call]) -> Iterator[Call]:
        for call in calls:
            self.current = call
            arguments: dict[str, Any] = {}
            for name, value in call.arguments.items():
                self.place = (call.name, name)
                arguments[name] = yield from self._formed(value)
            yield Call(call.name, arguments)
            for _ in range(MOST_TRIES):
                if not self._asked:
                    break
                field = str(cast("Mapping[str, Any]", self._answer).get("field", ""))
                if field in arguments:  # the user gave it
                    arguments = {**arguments, field: call.arguments[field]}
                    self.seen.take(call.arguments[field], call.arguments[field])
                yield Call(call.name, arguments)
        self.place = ("", "")
        self.output = str((yield from self._formed(self.output)))

    def _formed(self, value: Any) -> Generator[Call, None, Any]:
        """Return a value as the planner can write it."""
        if isinstance(value, list):
            items: list[Any] = []
            for each in cast("list[Any]", value):
                items.append((yield from self._formed(each)))  # noqa: PERF401 (a yield)
            return items
        if not isinstance(value, str | int | float) or isinstance(value, bool):
            return value
        if is_said(value, self.words) or str(value) in self.seen.shown or len(str(value)) < SHORT:
            return value
        if (token := self.seen.handle_of(value)) is not None:
            return token
        source = self.seen.source_of(value)
        tool, name = self.place
        composed = name in self.content.get(tool, set()) or not tool
        if source is None or not (composed or is_said(value, str(self.seen.hidden[source]))):
            return value
        return (yield from self._read(source, value))

    def _read(self, source: str, value: Any) -> Generator[Call, None, Any]:
        kind = "number" if isinstance(value, int | float) else "text"
        self.wanted = value
        place = ".".join(filter(None, self.place)) or "the answer"
        question = f"What is {place}? ({len(str(value))} characters)"
        yield Call(READ, {"source": source, "question": question, "type": kind})
        answer: Any = self._answer
        found = isinstance(answer, Mapping) and "handle" in answer
        return str(cast("Mapping[str, Any]", answer)["handle"]) if found else value


def first_of(value: Any) -> Any:
    """Return a list's first item, anything else as it is."""
    items: list[Any] = [*value] if isinstance(value, list) else [value]
    return items[0] if items else None


def _is_asked(answer: Any) -> bool:
    if not isinstance(answer, Mapping):
        return False
    return cast("Mapping[str, Any]", answer).get("action") == "ask_user"
