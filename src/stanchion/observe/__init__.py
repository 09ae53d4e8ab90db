"""What runs did, told to people and to other programs: spans, exports, costs.

Everything here is read from the ledger; nothing is recorded for it, so that it can't disagree with
what happened. A span's id is a digest of run and place: reading it again is no other span.
"""

from __future__ import annotations

from stanchion.observe._conventions import SCHEMA, SESSION
from stanchion.observe._cursor import Feed, FeedState
from stanchion.observe._destination import Destination, Protocol
from stanchion.observe._export import Exporter, check, exporting, since
from stanchion.observe._logs import TraceFilter
from stanchion.observe._reader import SpanReader
from stanchion.observe._redact import Redaction
from stanchion.observe._response import Meaning, Response, Verdict
from stanchion.observe._send import GrpcSender, HttpSender, Sender
from stanchion.observe._span import Attributes, Span, SpanEvent, SpanKind, SpanLink
from stanchion.observe.destinations import TYPES, destination_for

__all__ = [
    "SCHEMA",
    "SESSION",
    "TYPES",
    "Attributes",
    "Destination",
    "Exporter",
    "Feed",
    "FeedState",
    "GrpcSender",
    "HttpSender",
    "Meaning",
    "Protocol",
    "Redaction",
    "Response",
    "Sender",
    "Span",
    "SpanEvent",
    "SpanKind",
    "SpanLink",
    "SpanReader",
    "TraceFilter",
    "Verdict",
    "check",
    "destination_for",
    "exporting",
    "since",
]
