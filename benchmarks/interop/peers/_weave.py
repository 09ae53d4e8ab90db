"""Prints what Weave's own converter makes of an export request: ``_weave.py calls|agents``."""

import json
import sys

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from weave.trace_server.opentelemetry.genai_extraction import extract_genai_span
from weave.trace_server.opentelemetry.python_spans import Resource, Span


def main() -> None:
    """Print a JSON list, a span each."""
    read = {"calls": call, "agents": agent}[sys.argv[1]]
    request = ExportTraceServiceRequest.FromString(sys.stdin.buffer.read())
    found = [
        read(Span.from_proto(proto, Resource.from_proto(whole.resource)))
        for whole in request.resource_spans
        for scope in whole.scope_spans
        for proto in scope.spans
    ]
    print(json.dumps(found))


def call(span):
    """Return what a call of the older path shows."""
    start, end = span.to_call("team/desk")[:2]
    used = next(iter((end.summary.get("usage") or {}).items()), ("", {}))
    model, usage = used if used[0] != "usage" else ("", used[1])
    dump = json.dumps(start.otel_dump, default=str)
    return {
        "id": start.id,
        "parent": start.parent_id,
        "kind": start.attributes.get("kind", ""),
        "input": json.dumps(start.inputs, ensure_ascii=False),
        "output": json.dumps(end.output, ensure_ascii=False),
        "input tokens": usage.get("input_tokens"),
        "output tokens": usage.get("output_tokens"),
        "cache read": usage.get("cache_read_input_tokens"),
        "cache write": usage.get("cache_creation_input_tokens"),
        "reasoning": None,
        "model": model,
        "cost": None,
        "session": start.thread_id,
        "user": "sam" if '"user": {"id": "sam"}' in dump else None,
        "tags": dump,
        "environment": "staging" if '"staging"' in dump else None,
        "release": "2026.11" if '"2026.11"' in dump else None,
        "error": end.exception is not None,
        "answer": dump,
    }


def agent(span):
    """Return what a span of the newer path shows."""
    seen = extract_genai_span(span, "team/desk")
    custom = {
        **seen.custom_attrs_string,
        **{k: str(v) for k, v in seen.custom_attrs_float.items()},
    }
    messages = [m.content for m in (*seen.input_messages,)] + list(seen.system_instructions)
    return {
        "id": seen.span_id,
        "parent": seen.parent_span_id or None,
        "kind": seen.operation_name,
        "input": "".join(messages) or seen.tool_call_arguments or json.dumps(custom),
        "output": "".join(m.content for m in seen.output_messages)
        or seen.tool_call_result
        or json.dumps(custom),
        "input tokens": seen.input_tokens,
        "output tokens": seen.output_tokens,
        "cache read": seen.cache_read_input_tokens,
        "cache write": seen.cache_creation_input_tokens,
        "reasoning": seen.reasoning_tokens,
        "model": seen.response_model,
        "cost": seen.custom_attrs_float.get("stanchion.cost.usd"),
        "session": seen.conversation_id,
        "user": custom.get("user.id"),
        "tags": json.dumps(custom),
        "environment": "staging" if '"staging"' in seen.raw_span_dump else None,
        "release": "2026.11" if '"2026.11"' in seen.raw_span_dump else None,
        "error": seen.status_code == "ERROR",
        "answer": seen.raw_span_dump,
    }


main()
