"""What of a span must be seen where it was sent, and whether it was. Pure.

``Seen`` is what a reader found: the same names for every destination, whatever it calls them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, cast

from stanchion.observe import Span

__all__ = ["FIELDS", "Seen", "missing", "shown"]

Seen: TypeAlias = Mapping[str, Any]
Judge: TypeAlias = Callable[[Span, Seen], bool]


def _operation(span: Span) -> str:
    return str(span.attributes.get("gen_ai.operation.name", ""))


def _plain(text: Any) -> str:
    """Return a text without what quoting and layout add to it."""
    found = re.sub(r"\\+u([0-9a-f]{4})", lambda m: chr(int(m[1], 16)), str(text))
    return re.sub(r"[\\\s]", "", found)


def _holds(side: str, name: str) -> Judge:
    """Return whether every text of an attribute's JSON is found on one side."""

    def judge(span: Span, seen: Seen) -> bool:
        found = _plain(seen[side])
        return all(_plain(text) in found for text in _texts(_value(span, name)))

    return judge


def _value(span: Span, name: str) -> Any:
    text = str(span.attributes.get(name, ""))
    try:
        return json.loads(text)
    except ValueError:
        return text


def _texts(value: Any) -> list[str]:
    match value:
        case str():
            return [value]
        case Mapping():
            pairs = cast("Mapping[str, Any]", value).items()
            kept = [v for k, v in pairs if k not in ("type", "role", "finish_reason")]
            return [text for each in kept for text in _texts(each)]
        case Sequence():
            return [text for each in cast("Sequence[Any]", value) for text in _texts(each)]
        case _:
            return []


def _tokens(field: str, name: str) -> Judge:
    def judge(span: Span, seen: Seen) -> bool:
        expected = span.attributes.get(f"gen_ai.usage.{name}", 0)
        return (seen.get(field) or 0) == expected

    return judge


def _same(field: str, name: str) -> Judge:
    return lambda span, seen: str(seen.get(field)) == str(span.attributes.get(name))


def _cost(span: Span, seen: Seen) -> bool:
    ours, theirs = span.attributes.get("stanchion.cost.usd"), seen.get("cost")
    return theirs is not None and abs(float(theirs) - float(str(ours))) < 1e-9


def _on(*operations: str) -> Callable[[Span], bool]:
    return lambda span: _operation(span) in operations


def _everywhere(_: Span) -> bool:
    return True


_KINDS = {
    "chat": {"llm", "chat", "chat_model", "generation"},
    "execute_tool": {"tool", "execute_tool"},
    "invoke_agent": {"agent", "invoke_agent", "chain"},
    "invoke_workflow": {"chain", "invoke_workflow", "agent"},
}


def _kind(span: Span, seen: Seen) -> bool:
    return str(seen["kind"]).lower() in _KINDS[_operation(span)]


def _asked(span: Span) -> bool:
    return span.name.startswith("ask")


def _metered(span: Span) -> bool:
    return span.attributes.get("gen_ai.provider.name") == "openai"


FIELDS: Mapping[str, tuple[Callable[[Span], bool], Judge]] = {
    "the place in the tree": (
        _everywhere,
        lambda span, seen: seen["parent"] == (span.parent_id.hex() if span.parent_id else None),
    ),
    "the kind of step": (_on(*_KINDS), _kind),
    "prompts in full": (_on("chat"), _holds("input", "input.value")),
    "answers in full": (_on("chat"), _holds("output", "output.value")),
    "tool inputs": (_on("execute_tool"), _holds("input", "gen_ai.tool.call.arguments")),
    "tool outputs": (_on("execute_tool"), _holds("output", "gen_ai.tool.call.result")),
    "a run's input": (_on("invoke_workflow"), _holds("input", "input.value")),
    "a run's output": (_on("invoke_workflow"), _holds("output", "output.value")),
    "the model that answered": (_metered, _same("model", "gen_ai.response.model")),
    "input tokens": (_metered, _tokens("input tokens", "input_tokens")),
    "output tokens": (_metered, _tokens("output tokens", "output_tokens")),
    "cache reads": (_metered, _tokens("cache read", "cache_read.input_tokens")),
    "cache writes": (_metered, _tokens("cache write", "cache_write.input_tokens")),
    "reasoning tokens": (_metered, _tokens("reasoning", "reasoning.output_tokens")),
    "our cost": (_metered, _cost),
    "session": (_everywhere, _same("session", "session.id")),
    "user": (_everywhere, _same("user", "user.id")),
    "tags": (_on("chat"), lambda _, seen: bool(re.search(r"channel\W+chat", seen["tags"]))),
    "environment": (_on("invoke_workflow"), lambda _, seen: seen["environment"] == "staging"),
    "release": (_on("invoke_workflow"), lambda _, seen: seen["release"] == "2026.11"),
    "errors": (_everywhere, lambda span, seen: bool(seen["error"]) == (span.error is not None)),
    "people's answers": (
        _asked,
        lambda _, seen: all(word in str(seen["answer"]) for word in ("approval", "approve")),
    ),
}
"""By field: of which spans it is expected, and whether it's there."""


def missing(spans: Sequence[Span], found: Sequence[Seen]) -> list[str]:
    """Return the spans that didn't arrive."""
    there = {seen["id"] for seen in found}
    return [span.name for span in spans if span.span_id.hex() not in there]


def shown(spans: Sequence[Span], found: Sequence[Seen]) -> dict[str, str]:
    """Return, by field, the first span in which it isn't as it ought to be; empty if in none."""
    by_id = {seen["id"]: seen for seen in found}
    pairs = [(s, by_id[s.span_id.hex()]) for s in spans if s.span_id.hex() in by_id]
    return {
        field: next((s.name for s, seen in pairs if of(s) and not judge(s, seen)), "")
        for field, (of, judge) in FIELDS.items()
    }
