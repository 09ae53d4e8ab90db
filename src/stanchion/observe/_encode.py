"""Spans as OTLP: protobuf for most, JSON for what speaks nothing else. Pure.

The JSON form is OTLP's own and not protobuf's: ids are hex digits, whole numbers are text.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from stanchion import __version__
from stanchion.errors import MissingDependency
from stanchion.observe._span import Attributes, AttributeValue, Span

__all__ = ["to_json", "to_protobuf"]

SCOPE = "stanchion"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_OK, _ERROR = 1, 2
_SAMPLED = 1


def to_json(spans: Sequence[Span], resource: Attributes) -> bytes:
    """Return an export request in OTLP's JSON."""
    scope = {"scope": {"name": SCOPE, "version": __version__}, "spans": [_span(s) for s in spans]}
    whole = {"resource": {"attributes": _pairs(resource)}, "scopeSpans": [scope]}
    return json.dumps({"resourceSpans": [whole]}, ensure_ascii=False).encode()


def to_protobuf(spans: Sequence[Span], resource: Attributes) -> bytes:
    """Return an export request in OTLP's protobuf. Raises MissingDependency."""
    try:
        # An extra: most who run agents export nothing.
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
            ExportTraceServiceRequest,
        )
    except ImportError as error:
        raise MissingDependency(
            "OTLP in protobuf needs the package opentelemetry-proto",
            remedy="pip install 'stanchion[otel]', or export in JSON: protocol = \"http/json\"",
        ) from error
    request = ExportTraceServiceRequest()
    whole = request.resource_spans.add()
    _fill(whole.resource.attributes, resource)
    scope = whole.scope_spans.add()
    scope.scope.name, scope.scope.version = SCOPE, __version__
    for span in spans:
        _fill_span(scope.spans.add(), span)
    return request.SerializeToString()


# JSON


def _span(span: Span) -> dict[str, Any]:
    parent = {} if span.parent_id is None else {"parentSpanId": span.parent_id.hex()}
    status = {"code": _OK} if span.error is None else {"code": _ERROR, "message": span.error}
    return {
        "traceId": span.trace_id.hex(),
        "spanId": span.span_id.hex(),
        **parent,
        "flags": _SAMPLED,
        "name": span.name,
        "kind": int(span.kind),
        "startTimeUnixNano": str(_nanos(span.started_at)),
        "endTimeUnixNano": str(_nanos(span.ended_at)),
        "attributes": _pairs(span.attributes),
        "events": [
            {
                "name": event.name,
                "timeUnixNano": str(_nanos(event.at)),
                "attributes": _pairs(event.attributes),
            }
            for event in span.events
        ],
        "links": [
            {
                "traceId": link.trace_id.hex(),
                "spanId": link.span_id.hex(),
                "attributes": _pairs(link.attributes),
            }
            for link in span.links
        ],
        "status": status,
    }


def _pairs(attributes: Attributes) -> list[dict[str, Any]]:
    return [{"key": key, "value": _value(value)} for key, value in attributes.items()]


def _value(value: AttributeValue) -> dict[str, Any]:
    match value:
        case str():
            return {"stringValue": value}
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value}
        case _:
            return {"arrayValue": {"values": [{"stringValue": each} for each in value]}}


# Protobuf


def _fill_span(made: Any, span: Span) -> None:
    made.trace_id, made.span_id = span.trace_id, span.span_id
    made.parent_span_id = span.parent_id or b""
    made.flags = _SAMPLED
    made.name, made.kind = span.name, int(span.kind)
    made.start_time_unix_nano = _nanos(span.started_at)
    made.end_time_unix_nano = _nanos(span.ended_at)
    _fill(made.attributes, span.attributes)
    for event in span.events:
        told = made.events.add(name=event.name, time_unix_nano=_nanos(event.at))
        _fill(told.attributes, event.attributes)
    for link in span.links:
        linked = made.links.add(trace_id=link.trace_id, span_id=link.span_id)
        _fill(linked.attributes, link.attributes)
    made.status.code = _OK if span.error is None else _ERROR
    made.status.message = span.error or ""


def _fill(pairs: Any, attributes: Attributes) -> None:
    for key, value in attributes.items():
        made = pairs.add(key=key).value
        match value:
            case str():
                made.string_value = value
            case bool():
                made.bool_value = value
            case int():
                made.int_value = value
            case float():
                made.double_value = value
            case _:
                for each in value:
                    made.array_value.values.add(string_value=each)


def _nanos(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND * 1000
