"""Spans on the wire: both forms say the same, and what comes back is read whatever it is."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import httpx
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from stanchion.observe import (
    Destination,
    GrpcSender,
    HttpSender,
    Meaning,
    Response,
    Span,
    SpanEvent,
    SpanKind,
    SpanLink,
)
from stanchion.observe._encode import to_json, to_protobuf
from stanchion.observe._response import judge

AT = datetime(2026, 1, 1, tzinfo=UTC)
SPAN = Span(
    trace_id=bytes(range(16)),
    span_id=bytes(range(8)),
    parent_id=bytes(range(8, 16)),
    name="chat small",
    kind=SpanKind.CLIENT,
    started_at=AT,
    ended_at=AT + timedelta(microseconds=1500),
    attributes={"text": "grüße\u2028", "n": 5, "x": 0.5, "yes": True, "list": ["a", "b"]},
    run="run",
    seq=3,
    error="it broke",
    events=(SpanEvent("exception", AT, {"exception.type": "E"}),),
    links=(SpanLink(bytes(16), bytes(8), {"stanchion.link": "fork"}),),
)
TO = Destination("here", "http://collector/v1/traces", headers={"x-api-key": "k"})
JSON_TO = Destination("here", "http://collector/v1/traces", protocol="http/json", gzip=False)
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_json_and_protobuf_say_the_same() -> None:
    resource = {"service.name": "desk"}
    plain = json.loads(to_json([SPAN], resource))
    parsed = ExportTraceServiceRequest.FromString(to_protobuf([SPAN], resource))
    same = MessageToDict(parsed)

    (mine,) = plain["resourceSpans"][0]["scopeSpans"][0]["spans"]
    (theirs,) = same["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert mine.pop("kind") == 3
    assert theirs.pop("kind") == "SPAN_KIND_CLIENT"
    assert mine["status"].pop("code") == 2
    assert theirs["status"].pop("code") == "STATUS_CODE_ERROR"
    for where in (theirs, *theirs["links"]):
        for name in ("traceId", "spanId", "parentSpanId"):
            where.pop(name, None)
    ids = [mine.pop(name) for name in ("traceId", "spanId", "parentSpanId")]
    assert ids == ["000102030405060708090a0b0c0d0e0f", "0001020304050607", "08090a0b0c0d0e0f"]
    for link in mine["links"]:
        assert link.pop("traceId") == "0" * 32
        assert link.pop("spanId") == "0" * 16
    assert mine == theirs
    assert plain["resourceSpans"][0]["resource"] == same["resourceSpans"][0]["resource"]


async def post(answer: Callable[[httpx.Request], httpx.Response], to: Destination = TO) -> Response:
    sender = HttpSender(to, lambda: NOW, transport=httpx.MockTransport(answer))
    try:
        return await sender.send([SPAN])
    finally:
        await sender.close()


async def test_a_request_carries_credentials_and_is_compressed() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200)

    assert (await post(answer)).status == 200

    (request,) = seen
    assert request.headers["x-api-key"] == "k"
    assert request.headers["content-type"] == "application/x-protobuf"
    body = gzip.decompress(request.content)
    assert body == to_protobuf([SPAN], {})


async def test_json_is_sent_where_it_is_asked_for() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.headers["content-type"] == "application/json"
        assert json.loads(request.content)["resourceSpans"]
        return httpx.Response(200, json={})

    assert (await post(answer, JSON_TO)).status == 200


async def test_a_partial_success_is_read_in_both_forms() -> None:
    partial = ExportTracePartialSuccess(rejected_spans=1, error_message="too old")
    message = ExportTraceServiceResponse(partial_success=partial).SerializeToString()
    in_protobuf = httpx.Response(
        200, content=message, headers={"content-type": "application/x-protobuf"}
    )
    said = {"partialSuccess": {"rejectedSpans": "1", "errorMessage": "too old"}}

    for answer in (in_protobuf, httpx.Response(200, json=said)):
        response = await post(lambda _, answer=answer: answer)
        assert (response.rejected, response.reason) == (1, "too old")
        assert judge(response).meaning is Meaning.REFUSED


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"partialSuccess": null}', b'{"partialSuccess": "x"}', b"\xff"]
)
@pytest.mark.parametrize("media", ["application/json", "application/x-protobuf", "text/plain"])
async def test_a_success_with_an_odd_body_is_a_success(content: bytes, media: str) -> None:
    answer = httpx.Response(200, content=content, headers={"content-type": media})

    assert judge(await post(lambda _: answer)).meaning is Meaning.TAKEN


async def test_a_web_page_is_no_success() -> None:
    response = await post(lambda _: httpx.Response(200, html="<h1>Log in</h1>"))

    assert judge(response).meaning is Meaning.MISCONFIGURED


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("Thu, 01 Jan 2026 12:01:00 GMT", 60.0),
        ("Thu, 01 Jan 2026 11:00:00 GMT", 0.0),
        ("-5", 0.0),
        ("soon", None),
    ],
)
async def test_retry_after_is_a_number_or_a_date(header: str, seconds: float | None) -> None:
    response = await post(lambda _: httpx.Response(429, headers={"retry-after": header}))

    assert response.retry_after == seconds


@pytest.mark.parametrize(
    "error",
    [
        httpx.ConnectError("refused"),
        httpx.ReadError("reset"),
        httpx.ReadTimeout("silence"),
        httpx.RemoteProtocolError("gibberish"),
    ],
)
async def test_a_broken_connection_is_an_answer_too(error: Exception) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        raise error

    response = await post(answer)

    assert response.status == 0
    assert judge(response).meaning is Meaning.AGAIN


async def test_what_a_destination_says_is_one_short_printable_line() -> None:
    response = await post(lambda _: httpx.Response(400, content=b"a\x1b[31m\r\nb" + b"x" * 9999))

    assert response.reason.startswith("a [31m b")
    assert len(response.reason) <= 300


@pytest.mark.parametrize(
    ("status", "meaning"),
    [
        (200, Meaning.TAKEN),
        (202, Meaning.TAKEN),
        (400, Meaning.REFUSED),
        (401, Meaning.MISCONFIGURED),
        (404, Meaning.MISCONFIGURED),
        (413, Meaning.SMALLER),
        (415, Meaning.MISCONFIGURED),
        (422, Meaning.REFUSED),
        (429, Meaning.AGAIN),
        (500, Meaning.AGAIN),
        (0, Meaning.AGAIN),
    ],
)
def test_each_status_has_a_meaning(status: int, meaning: Meaning) -> None:
    assert judge(Response(status)).meaning is meaning


# gRPC, against a server


def as_any(value: Any) -> Any:
    """Return what its stubs say too little of."""
    return value


class Service(grpc.GenericRpcHandler):
    """A collector that answers as a test says."""

    def __init__(self) -> None:
        self.seen: list[tuple[bytes, dict[str, Any]]] = []
        self.answer: Callable[[Any], Awaitable[bytes]] = _taken

    def service(self, handler_call_details: Any) -> Any:
        async def export(request: bytes, context: Any) -> bytes:
            self.seen.append((request, dict(context.invocation_metadata() or ())))
            return await self.answer(context)

        return as_any(grpc).unary_unary_rpc_method_handler(export)


async def _taken(_: Any) -> bytes:
    return b""


@pytest.fixture
async def service() -> AsyncIterator[tuple[Service, GrpcSender]]:
    server, service = (
        grpc.aio.server(options=[("grpc.max_receive_message_length", 9000)]),
        Service(),
    )
    server.add_generic_rpc_handlers((service,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    to = Destination(
        "here", f"http://127.0.0.1:{port}", protocol="grpc", headers={"X-Api-Key": "k"}, gzip=False
    )
    sender = GrpcSender(to)
    yield service, sender
    await sender.close()
    await server.stop(None)


async def test_grpc_sends_the_same_message_with_the_headers(
    service: tuple[Service, GrpcSender],
) -> None:
    server, sender = service

    assert judge(await sender.send([SPAN])).meaning is Meaning.TAKEN

    ((request, metadata),) = server.seen
    assert request == to_protobuf([SPAN], {})
    assert metadata["x-api-key"] == "k"


async def test_grpc_reads_a_partial_success(service: tuple[Service, GrpcSender]) -> None:
    server, sender = service
    partial = ExportTracePartialSuccess(rejected_spans=1, error_message="odd")

    async def answer(_: Any) -> bytes:
        return ExportTraceServiceResponse(partial_success=partial).SerializeToString()

    server.answer = answer

    assert (await sender.send([SPAN])).rejected == 1


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        (grpc.StatusCode.UNAVAILABLE, Meaning.AGAIN),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, Meaning.AGAIN),
        (grpc.StatusCode.INVALID_ARGUMENT, Meaning.REFUSED),
        (grpc.StatusCode.UNAUTHENTICATED, Meaning.MISCONFIGURED),
        (grpc.StatusCode.UNIMPLEMENTED, Meaning.MISCONFIGURED),
    ],
)
async def test_grpcs_statuses_mean_what_those_of_http_do(
    service: tuple[Service, GrpcSender], code: grpc.StatusCode, meaning: Meaning
) -> None:
    server, sender = service

    async def answer(context: Any) -> bytes:
        await context.abort(code, "sorry")
        return b""

    server.answer = answer
    response = await sender.send([SPAN])

    assert judge(response).meaning is meaning
    assert "sorry" in response.reason


async def test_grpc_that_asks_to_wait_is_heard(service: tuple[Service, GrpcSender]) -> None:
    server, sender = service
    delay = Duration(seconds=4, nanos=500_000_000).SerializeToString()
    info = bytes([0x0A, len(delay)]) + delay
    url = b"type.googleapis.com/google.rpc.RetryInfo"
    packed = bytes([0x0A, len(url)]) + url + bytes([0x12, len(info)]) + info
    details = bytes([0x08, 8, 0x1A, len(packed)]) + packed

    async def answer(context: Any) -> bytes:
        context.set_trailing_metadata((("grpc-status-details-bin", details),))
        await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "slower")
        return b""

    server.answer = answer

    assert (await sender.send([SPAN])).retry_after == 4.5


async def test_a_message_too_large_for_grpc_is_too_much_at_once(
    service: tuple[Service, GrpcSender],
) -> None:
    _, sender = service

    response = await sender.send([SPAN] * 100)

    assert judge(response).meaning is Meaning.SMALLER


async def test_a_grpc_server_that_is_not_there_is_tried_again() -> None:
    sender = GrpcSender(Destination("here", "http://127.0.0.1:1", protocol="grpc", timeout=2))
    try:
        assert judge(await sender.send([SPAN])).meaning is Meaning.AGAIN
    finally:
        await sender.close()
