"""A span as it is read from the ledger, before any destination has had a say.

In the terms of OpenTelemetry's trace data model. Values of attributes are what every destination
can keep: text, numbers, truth values and lists of text; whatever has more structure is JSON text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import IntEnum
from typing import TypeAlias

__all__ = [
    "AttributeValue",
    "Attributes",
    "Span",
    "SpanEvent",
    "SpanKind",
    "SpanLink",
    "with_attributes",
]

AttributeValue: TypeAlias = str | bool | int | float | Sequence[str]

Attributes: TypeAlias = Mapping[str, AttributeValue]


class SpanKind(IntEnum):
    """A span's role between services, with OTLP's numbers."""

    INTERNAL = 1
    CLIENT = 3


@dataclass(frozen=True, slots=True)
class SpanEvent:
    """Something that happened during a span."""

    name: str
    at: datetime
    attributes: Attributes = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class SpanLink:
    """Another span that this one has to do with."""

    trace_id: bytes
    span_id: bytes
    attributes: Attributes = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Span:
    """One step of a run, or the run itself."""

    trace_id: bytes
    """16 bytes."""
    span_id: bytes
    """8 bytes, the same whenever the span is read again."""
    parent_id: bytes | None
    name: str
    kind: SpanKind
    started_at: datetime
    ended_at: datetime
    attributes: Attributes
    run: str
    """The run in whose record it stands,"""
    seq: int
    """and the entry with its outcome."""
    error: str | None = None
    """What went wrong, None unless the step failed."""
    events: tuple[SpanEvent, ...] = ()
    links: tuple[SpanLink, ...] = ()


def with_attributes(span: Span, added: Mapping[str, AttributeValue | None]) -> Span:
    """Return the span with these attributes too; None adds nothing."""
    told = {name: value for name, value in added.items() if value is not None}
    return replace(span, attributes={**span.attributes, **told})
