"""Sending a request of spans over HTTP or gRPC, and reading what comes back as a ``Response``.

OpenTelemetry's exporters keep the response to themselves, retry as they see fit and drop the rest,
so none of them is used here. Nothing is decided in this file.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol

import httpx

from stanchion.errors import MissingDependency
from stanchion.observe._destination import Destination
from stanchion.observe._encode import to_json, to_protobuf
from stanchion.observe._response import Response, seconds_of
from stanchion.observe._span import Span

__all__ = ["GrpcSender", "HttpSender", "Sender", "sender_for"]

_TOLD = 300
"""Characters of what a destination says that are kept."""
_METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
_TOO_LARGE = "larger than max"
"""In what gRPC says when a message is too large: its status is that of an overload."""

_AS_HTTP = {
    "OK": 200, "INVALID_ARGUMENT": 400, "OUT_OF_RANGE": 400, "FAILED_PRECONDITION": 400,
    "UNAUTHENTICATED": 401, "PERMISSION_DENIED": 403, "NOT_FOUND": 404, "UNIMPLEMENTED": 404,
    "DEADLINE_EXCEEDED": 0, "CANCELLED": 503, "ABORTED": 503, "RESOURCE_EXHAUSTED": 429,
    "UNAVAILABLE": 503, "DATA_LOSS": 500, "INTERNAL": 500, "UNKNOWN": 500, "ALREADY_EXISTS": 409,
}  # fmt: skip


class Sender(Protocol):
    """Sends one request. Never raises for what the destination or the network does."""

    async def send(self, spans: Sequence[Span]) -> Response:
        """Send spans and return what came back."""
        ...

    async def close(self) -> None:
        """Close connections."""
        ...


def sender_for(destination: Destination, now: Callable[[], datetime]) -> Sender:
    """Return what sends to a destination."""
    return (
        GrpcSender(destination) if destination.protocol == "grpc" else HttpSender(destination, now)
    )


class HttpSender:
    """OTLP over HTTP, in protobuf or in JSON."""

    def __init__(
        self,
        destination: Destination,
        now: Callable[[], datetime],
        *,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._destination = destination
        self._now = now
        self._client = httpx.AsyncClient(timeout=destination.timeout, transport=transport)

    async def send(self, spans: Sequence[Span]) -> Response:
        """Post spans, then what is to be said beside them."""
        to = self._destination
        body, media = _body(to, spans)
        headers = {**to.headers, "content-type": media}
        if to.gzip:
            body, headers["content-encoding"] = gzip.compress(body, 1), "gzip"
        response = await self._post(to.url, body, headers)
        if response.status >= 300 or response.status == 0 or response.rejected:
            return response
        for note in (note for span in spans for note in to.notes(span)):
            plain = {**to.headers, "content-type": "application/json"}
            said = await self._post(note.url, json.dumps(note.body).encode(), plain)
            if said.status == 404:  # it doesn't show the span yet
                said = replace(said, status=503)
            if not 200 <= said.status < 300:
                return replace(said, reason=f"a score: {said.reason}")
        return response

    async def _post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Response:
        """Post a body; a connection that fails or stays silent is a response of status 0."""
        try:
            answer = await self._client.post(url, content=body, headers=headers)
        except httpx.TimeoutException:
            return Response(0, f"no answer within {self._destination.timeout:g} s")
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            return Response(0, f"{type(error).__name__}: {error}"[:_TOLD])
        return self._read(answer)

    def _read(self, answer: httpx.Response) -> Response:
        media = answer.headers.get("content-type", "").partition(";")[0].strip()
        rejected, said = _partial(answer.content, media) if answer.is_success else (0, "")
        return Response(
            answer.status_code,
            said or _words(answer.content),
            seconds_of(answer.headers.get("retry-after"), self._now()),
            rejected,
            media,
        )

    async def close(self) -> None:
        """Close connections."""
        await self._client.aclose()


def _body(to: Destination, spans: Sequence[Span]) -> tuple[bytes, str]:
    if to.protocol == "http/json":
        return to_json(spans, to.resource), "application/json"
    return to_protobuf(spans, to.resource), "application/x-protobuf"


def _partial(content: bytes, media: str) -> tuple[int, str]:
    """Return how many spans an export's response says were rejected, and why."""
    if media == "application/json":
        try:
            said: Any = json.loads(content or b"{}")
            partial: dict[str, Any] = said.get("partialSuccess") or {}
            return int(partial.get("rejectedSpans") or 0), str(partial.get("errorMessage", ""))
        except (ValueError, AttributeError, TypeError):
            return 0, ""
    if media == "application/x-protobuf" and content:
        return _partial_protobuf(content)
    return 0, ""


def _partial_protobuf(content: bytes) -> tuple[int, str]:
    from google.protobuf.message import DecodeError  # an extra, there if protobuf was sent
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
        ExportTraceServiceResponse,  # an extra, as above
    )

    try:
        partial: Any = ExportTraceServiceResponse.FromString(content).partial_success
    except DecodeError:
        return 0, ""
    return int(partial.rejected_spans), str(partial.error_message)


def _words(content: bytes) -> str:
    """Return what a destination said as one printable line."""
    text = content[: 4 * _TOLD].decode(errors="replace")
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:_TOLD]


class GrpcSender:
    """OTLP over gRPC."""

    def __init__(self, destination: Destination) -> None:
        try:
            import grpc  # an extra, and a heavy one
        except ImportError as error:
            raise MissingDependency(
                "OTLP over gRPC needs the package grpcio",
                remedy="pip install 'stanchion[otel]', or protocol = \"http/protobuf\"",
            ) from error
        self._grpc: Any = grpc
        self._destination = destination
        url = httpx.URL(destination.url)
        secure, address = url.scheme == "https", f"{url.host}:{url.port or 4317}"
        options = [("grpc.enable_retries", 0)]
        self._channel: Any = (
            grpc.aio.secure_channel(address, grpc.ssl_channel_credentials(), options)
            if secure
            else grpc.aio.insecure_channel(address, options)
        )
        self._export: Any = self._channel.unary_unary(_METHOD)

    async def send(self, spans: Sequence[Span]) -> Response:
        """Send spans; a status of gRPC becomes the one of HTTP that means the same."""
        to = self._destination
        metadata = [(name.lower(), value) for name, value in to.headers.items()]
        try:
            answer = await self._export(
                to_protobuf(spans, to.resource),
                timeout=to.timeout,
                metadata=metadata,
                compression=self._grpc.Compression.Gzip if to.gzip else None,
            )
        except self._grpc.aio.AioRpcError as error:
            return _failed(error)
        rejected, said = _partial_protobuf(answer)
        return Response(200, said, rejected=rejected)

    async def close(self) -> None:
        """Close the channel."""
        await self._channel.close()


def _failed(error: Any) -> Response:
    name, said = error.code().name, str(error.details() or "")
    status = _AS_HTTP.get(name, 500)
    if _TOO_LARGE in said:
        status = 413
    return Response(status, _words(f"{name} {said}".encode()), _pushed_back(error))


def _pushed_back(error: Any) -> float | None:
    """Return the seconds that ``RetryInfo`` or gRPC's push-back asks to wait."""
    for name, value in error.trailing_metadata() or ():
        if name == "grpc-retry-pushback-ms":
            return max(0.0, float(value) / 1000)
        if name == "grpc-status-details-bin":
            return _retry_info(value)
    return None


def _retry_info(details: bytes) -> float | None:
    """Return the delay in a ``google.rpc.Status`` that holds a ``RetryInfo``."""
    from google.protobuf.duration_pb2 import Duration  # an extra, there with gRPC

    at = details.find(b"google.rpc.RetryInfo")
    if at < 0:
        return None
    return _duration(details[at + len(b"google.rpc.RetryInfo") :], Duration)


def _duration(rest: bytes, form: Any) -> float | None:
    """Read ``Any.value`` of a RetryInfo: field 2, then the delay as field 1, each with a length."""
    if len(rest) < 4 or rest[0] != 0x12 or rest[2] != 0x0A:
        return None
    delay = form.FromString(rest[4 : 4 + rest[3]])
    return float(delay.seconds + delay.nanos / 1e9)
