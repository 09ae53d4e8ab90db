"""Stand-ins for LangSmith, Langfuse and a plain collector, as strict as they are.

What they refuse and the order in which they read attributes are those of Langfuse's source at
62751446 and LangSmith's page at 02cc7dec. A plain collector shows every attribute as it is.
"""

from __future__ import annotations

import base64
import gzip
import json
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from benchmarks.interop._fields import Seen

__all__ = ["StandIn", "langfuse", "langsmith", "plain", "serving"]

Said = dict[str, Any]


class Refused(Exception):
    """An answer that isn't 200."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class StandIn(ThreadingHTTPServer):
    """Takes export requests and keeps what a destination would show of them."""

    daemon_threads = True

    def __init__(
        self,
        path: str,
        admit: Callable[[Mapping[str, str], Any], None],
        show: Callable[[Any, Said, Said], Seen],
    ) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.path, self.admit, self.show = path, admit, show
        self.seen: dict[str, Seen] = {}
        self.scores: list[Said] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def take(self, path: str, headers: Mapping[str, str], body: bytes) -> None:
        """Keep a request's spans, or raise Refused."""
        if headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        if path == "/api/public/scores":
            self.scores.append(json.loads(body))
            return
        if path != self.path:
            raise Refused(404, f"nothing is at {path}")
        if headers.get("content-type") != "application/x-protobuf":
            raise Refused(415, "only application/x-protobuf")
        request = ExportTraceServiceRequest.FromString(body)
        self.admit(headers, request)
        for whole in request.resource_spans:
            resource = _said(whole.resource.attributes)
            for scope in whole.scope_spans:
                for span in scope.spans:
                    shown = self.show(span, _said(span.attributes), resource)
                    self.seen[span.span_id.hex()] = shown


class _Handler(BaseHTTPRequestHandler):
    server: Any
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        status, said = 200, b""
        try:
            self.server.take(self.path, headers, body)
        except Refused as refused:
            status, said = refused.status, str(refused).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (as in its base)
        """Say nothing."""


@contextmanager
def serving(stand_in: StandIn) -> Generator[StandIn]:
    """Serve in a thread while the block runs."""
    thread = threading.Thread(target=stand_in.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield stand_in
    finally:
        stand_in.shutdown()
        thread.join()
        stand_in.server_close()


def _said(pairs: Any) -> Said:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(each) for each in value.array_value.values]
    return getattr(value, kind)


def _first(said: Said, *names: str) -> Any:
    return next((said[name] for name in names if name in said), None)


def _head(span: Any) -> Said:
    return {"id": span.span_id.hex(), "parent": span.parent_span_id.hex() or None}


def _events(span: Any) -> str:
    return json.dumps([{event.name: _said(event.attributes)} for event in span.events])


def _usage(said: Said) -> Said:
    return {
        "input tokens": said.get("gen_ai.usage.input_tokens"),
        "output tokens": said.get("gen_ai.usage.output_tokens"),
        "cache read": said.get("gen_ai.usage.cache_read.input_tokens"),
        "cache write": said.get("gen_ai.usage.cache_write.input_tokens"),
        "reasoning": said.get("gen_ai.usage.reasoning.output_tokens"),
    }


# A plain collector


def _collect(span: Any, said: Said, resource: Said) -> Seen:
    return {
        **_head(span),
        **_usage(said),
        "kind": said.get("gen_ai.operation.name", ""),
        "input": _first(said, "gen_ai.tool.call.arguments", "input.value"),
        "output": _first(said, "gen_ai.tool.call.result", "output.value"),
        "model": said.get("gen_ai.response.model"),
        "cost": said.get("stanchion.cost.usd"),
        "session": said.get("gen_ai.conversation.id"),
        "user": said.get("user.id"),
        "tags": json.dumps(said),
        "environment": resource.get("deployment.environment.name"),
        "release": resource.get("service.version"),
        "error": span.status.code == 2,
        "answer": _events(span),
    }


def plain() -> StandIn:
    """Return a collector that takes everything and shows it as it is."""
    return StandIn("/v1/traces", _admit_all, _collect)


def _admit_all(headers: Mapping[str, str], request: Any) -> None:
    """Let everything in."""


# Langfuse


def _admit_to_langfuse(headers: Mapping[str, str], request: Any) -> None:
    token = headers.get("authorization", "").removeprefix("Basic ")
    if base64.b64decode(token or "=") != b"pk-lf-1:sk-lf-1":
        raise Refused(401, "Invalid credentials")
    if int(headers.get("x-langfuse-ingestion-version", "0")) > 4:
        raise Refused(400, "unsupported ingestion version")
    for whole in request.resource_spans:
        for scope in whole.scope_spans:
            if any(len(s.trace_id) != 16 or len(s.span_id) != 8 for s in scope.spans):
                raise Refused(400, "Invalid span")


def _show_in_langfuse(span: Any, said: Said, resource: Said) -> Seen:
    usage: Said = json.loads(said.get("langfuse.observation.usage_details", "{}"))
    cost: Said = json.loads(said.get("langfuse.observation.cost_details", "{}"))
    if said.get("gen_ai.operation.name") == "invoke_agent":
        usage, cost = {}, {}
    parts = ("input", "input_cached_tokens", "input_cache_creation")
    return {
        **_head(span),
        "kind": said.get("langfuse.observation.type", ""),
        "input": _first(said, "langfuse.observation.input", "input.value"),
        "output": _first(said, "langfuse.observation.output", "output.value"),
        "input tokens": sum(usage.get(part, 0) for part in parts),
        "output tokens": usage.get("output", 0) + usage.get("output_reasoning_tokens", 0),
        "cache read": usage.get("input_cached_tokens"),
        "cache write": usage.get("input_cache_creation"),
        "reasoning": usage.get("output_reasoning_tokens"),
        "model": _first(said, "langfuse.observation.model.name", "gen_ai.response.model"),
        "cost": _first(cost, "total"),
        "session": _first(said, "langfuse.session.id", "session.id", "gen_ai.conversation.id"),
        "user": _first(said, "langfuse.user.id", "user.id"),
        "tags": json.dumps(said.get("langfuse.trace.tags")),
        "environment": _first(
            {**resource, **said}, "langfuse.environment", "deployment.environment.name"
        ),
        "release": said.get("langfuse.release"),
        "error": said.get("langfuse.observation.level") == "ERROR",
        "answer": "",
    }


def langfuse() -> StandIn:
    """Return Langfuse's stand-in."""
    return StandIn("/api/public/otel/v1/traces", _admit_to_langfuse, _show_in_langfuse)


# LangSmith


def _admit_to_langsmith(headers: Mapping[str, str], request: Any) -> None:
    if headers.get("x-api-key") != "lsv2":
        raise Refused(401, "Unauthorized")
    spans = [s for w in request.resource_spans for scope in w.scope_spans for s in scope.spans]
    there = {span.span_id for span in spans}
    if any(span.parent_span_id and span.parent_span_id not in there for span in spans):
        raise Refused(422, "a parent is missing, and such a span would be dropped")


def _show_in_langsmith(span: Any, said: Said, _: Said) -> Seen:
    usage = json.loads(said.get("langsmith.usage_metadata", "{}"))
    into: Said = usage.get("input_token_details", {})
    out: Said = usage.get("output_token_details", {})
    return {
        **_head(span),
        "kind": said.get("langsmith.span.kind", ""),
        "input": _first(said, "input.value", "gen_ai.input.messages"),
        "output": _first(said, "output.value", "gen_ai.output.messages"),
        "input tokens": _first(said, "gen_ai.usage.input_tokens"),
        "output tokens": _first(said, "gen_ai.usage.output_tokens"),
        "cache read": into.get("cache_read"),
        "cache write": into.get("cache_creation"),
        "reasoning": out.get("reasoning"),
        "model": _first(said, "gen_ai.response.model", "gen_ai.request.model"),
        "cost": usage.get("total_cost"),
        "session": said.get("langsmith.trace.session_id"),
        "user": said.get("langsmith.metadata.user_id"),
        "tags": said.get("langsmith.span.tags", ""),
        "environment": said.get("langsmith.metadata.environment"),
        "release": said.get("langsmith.metadata.release"),
        "error": span.status.code == 2,
        "answer": said.get("langsmith.metadata.human_answer", ""),
    }


def langsmith() -> StandIn:
    """Return LangSmith's stand-in."""
    return StandIn("/otel/v1/traces", _admit_to_langsmith, _show_in_langsmith)
