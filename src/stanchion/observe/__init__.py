"""What runs did, told to people and to other programs: spans, exports, costs.

Everything here is read from the ledger; nothing is recorded for it, so that it can't disagree with
what happened. A span's id is a digest of run and place: reading it again is no other span.
"""

from __future__ import annotations

from stanchion.observe._conventions import SCHEMA, SESSION
from stanchion.observe._logs import TraceFilter
from stanchion.observe._reader import SpanReader
from stanchion.observe._span import Attributes, Span, SpanEvent, SpanKind, SpanLink

__all__ = [
    "SCHEMA",
    "SESSION",
    "Attributes",
    "Span",
    "SpanEvent",
    "SpanKind",
    "SpanLink",
    "SpanReader",
    "TraceFilter",
]
