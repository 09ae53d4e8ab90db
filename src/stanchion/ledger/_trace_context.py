"""Which trace a run belongs to, and the ids of its spans: digests of run and place, never random.

A trace is read from the ledger as often as somebody asks, so what names its spans must be the same
each time: a destination that is sent a span twice has it once. A run goes on with the trace of
whoever started it, which its tag ``traceparent`` names (W3C Trace Context); without one it is a
trace of its own.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from stanchion.ledger._records import Place

__all__ = ["TRACEPARENT", "TraceContext", "span_id", "trace_context", "traceparent"]

TRACEPARENT = "traceparent"
"""The tag, and the HTTP header, that names a trace and a span in it."""

_FORM = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?")


@dataclass(frozen=True, slots=True)
class TraceContext:
    """Where in which trace a run stands."""

    trace_id: bytes
    """16 bytes."""
    parent_id: bytes | None = None
    """8 bytes: the span of another run, or service, below which the run stands."""


def trace_context(run: str, tags: Mapping[str, str]) -> TraceContext:
    """Return a run's trace; a ``traceparent`` that isn't well formed counts as none."""
    given = _FORM.fullmatch(tags.get(TRACEPARENT, ""))
    if given is not None:
        trace, parent = bytes.fromhex(given[1]), bytes.fromhex(given[2])
        if any(trace) and any(parent):
            return TraceContext(trace, parent)
    return TraceContext(hashlib.sha256(f"trace|{run}".encode()).digest()[:16])


def span_id(run: str, place: Place) -> bytes:
    """Return the id of the span of a run's step, 8 bytes."""
    return hashlib.sha256(f"span|{run}|{place.lane}|{place.ordinal}".encode()).digest()[:8]


def traceparent(run: str, tags: Mapping[str, str], place: Place) -> str:
    """Return what tells another service, or run, that it works for the step at a place."""
    trace = trace_context(run, tags).trace_id
    return f"00-{trace.hex()}-{span_id(run, place).hex()}-01"
