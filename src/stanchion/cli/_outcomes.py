"""What came of a step, in a few words. Pure: a step and its evidence in, one line out.

Results come from outside: they are defanged here, whoever prints the line.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, cast

from stanchion.cli._evidence import Evidence
from stanchion.cli._text import duration, one_line
from stanchion.values import Message, ReasoningPart, Step, TextPart, ToolCallPart

__all__ = ["lasted", "outcome_of", "remarks_on", "text_of", "tokens_of"]

_LONGEST = 200


def outcome_of(step: Step, evidence: Evidence) -> str:
    """Return what came of a step, with what is worth knowing about how."""
    said = "; ".join([_said(step, evidence), *remarks_on(step)])
    return one_line(said.strip("; "), _LONGEST)


def _said(step: Step, evidence: Evidence) -> str:
    value: Any = evidence.values.get(step.result or "")
    match step.status:
        case "error":
            error = _mapping(value)
            return f"{error.get('code', 'error')}: {error.get('message', 'its record was erased')}"
        case "waiting":
            return _waits_for(step, _mapping(value))
        case "intent":
            return "sent, or about to be; no outcome yet"
        case "unknown":
            return f"outcome unknown: {step.facts.get('reason', '')}"
        case "open":
            return ""
        case "ok":
            return _result(step, value, evidence)


def _waits_for(step: Step, body: Mapping[str, Any]) -> str:
    until = step.facts.get("wake_at", "")
    match step.kind:
        case "ask":
            return f"waits for a person: {body.get('prompt', '')}"
        case "receive":
            return f"waits for the event {body.get('event', '')}"
        case "child":
            return f"waits for the run {body.get('child', '')}"
        case _:
            return f"waits until {until[:10]} {until[11:19]} UTC"


def _result(step: Step, value: Any, evidence: Evidence) -> str:
    match step.kind:
        case "model":
            message = evidence.messages.get(step.facts.get("message", ""))
            return "erased" if message is None else text_of(message)
        case "decide":
            return _compact(_mapping(value).get("value"))
        case "ask":
            answer = _mapping(value)
            given = "" if answer.get("value") is None else f" {_compact(answer['value'])}"
            return f"{answer.get('choice', '')}{given} by {answer.get('by', '')}"
        case "agent":
            return _compact(_mapping(value).get("output"))
        case "race":
            return f"branch {value}"
        case "sleep":
            return ""
        case _:
            return "" if value is None else _compact(value)


def remarks_on(step: Step) -> Iterator[str]:
    """Yield what is out of the ordinary about how a step went."""
    facts = step.facts
    if facts.get("by") == "person":
        yield "decided by a person"
    if facts.get("attempts", 1) > 1:
        yield f"{facts['attempts']} attempts"
    if "settled" in facts:
        yield f"settled by {facts['settled']}"
    if facts.get("stop_reason", "completed") != "completed":
        yield f"stopped: {facts['stop_reason']}"
    if facts.get("timed_out") and step.kind != "sleep":
        yield "nobody answered in time"
    for layer, verdict in facts.get("verdicts", ()):
        if layer == "review" or (verdict.startswith("ask") and step.status != "ok"):
            yield f"{layer}: {verdict.removeprefix('pass: ')}"


def text_of(message: Message) -> str:
    """Return what a message says, calls of tools included."""
    return " ".join(_part(part) for part in message.parts)


def _part(part: Any) -> str:
    match part:
        case TextPart() | ReasoningPart():
            return part.content
        case ToolCallPart():
            return f"{part.name}({_compact(part.arguments)})"
        case _:
            return _compact(part.response)


def tokens_of(step: Step) -> str:
    """Return the tokens of a model's step, read and written."""
    usage = step.facts.get("usage")
    if usage is None:
        return ""
    return f"{usage.get('input_tokens', 0):,}+{usage.get('output_tokens', 0):,}"


def lasted(step: Step) -> str:
    """Return how long a step took, empty while it isn't over."""
    length = timedelta() if step.ended_at is None else step.ended_at - step.started_at
    return "" if step.ended_at is None else duration(length)


def _compact(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(", ", ": "))


def _mapping(value: Any) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}
