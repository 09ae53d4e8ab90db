"""The adapter for OpenAI-compatible endpoints, against answers as servers give them."""

import asyncio
import json
import math
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest

from stanchion.errors import (
    ConfigurationError,
    InvalidResponse,
    ModelError,
    ModelRefused,
    ModelUnavailable,
)
from stanchion.models import ModelRequest, OpenAICompatibleModel, ToolSpec, forbid_real_calls
from stanchion.values import (
    FinishReason,
    Message,
    TextPart,
    ToolCallPart,
    ToolResponsePart,
    Usage,
)

URL = "http://models.test/v1"
KEY = "sk-very-secret-0123456789"
HELLO = ModelRequest((Message("user", (TextPart("hello"),)),))
CHOICE = ModelRequest(HELLO.messages, choices=("refund", "return", "other"))


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STANCHION_TEST_KEY", KEY)


def completion(content: str | None = "hi", **choice: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": content, **choice.pop("message", {})}
    return {
        "id": "chatcmpl-1",
        "model": "gpt-test-2026-01-01",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop", **choice}],
        "usage": {
            "prompt_tokens": 12,
            "completion_tokens": 5,
            "prompt_tokens_details": {"cached_tokens": 8},
            "completion_tokens_details": {"reasoning_tokens": 3},
        },
    }


class Endpoint:
    """A model whose endpoint answers as the test says, and keeps what it was sent."""

    def __init__(self, answer: Callable[[httpx.Request], httpx.Response] | httpx.Response) -> None:
        self.requests: list[httpx.Request] = []
        self._answer = answer
        self.model = OpenAICompatibleModel(
            URL,
            "gpt-test",
            api_key_env="STANCHION_TEST_KEY",
            client=httpx.AsyncClient(transport=httpx.MockTransport(self._handle)),
        )

    def _handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self._answer if isinstance(self._answer, httpx.Response) else self._answer(request)

    @property
    def body(self) -> dict[str, Any]:
        return json.loads(self.requests[-1].content)


def answering(data: object, status: int = 200, **headers: str) -> Endpoint:
    return Endpoint(lambda _: httpx.Response(status, json=data, headers=headers))


async def test_an_answer_carries_text_usage_finish_reason_and_the_reported_model() -> None:
    response = await answering(completion("grüß dich 🌍")).model.complete(HELLO)
    assert response.message == Message("assistant", (TextPart("grüß dich 🌍"),))
    assert response.usage == Usage(12, 5, cache_read_tokens=8, reasoning_tokens=3)
    assert response.finish_reason is FinishReason.STOP
    assert response.model == "gpt-test-2026-01-01"
    assert response.response_id == "chatcmpl-1"


async def test_a_conversation_with_tools_is_sent_in_the_wire_form() -> None:
    endpoint = answering(completion())
    messages = (
        Message("system", (TextPart("be brief"),)),
        Message("user", (TextPart("where is it?"),)),
        Message("assistant", (ToolCallPart("c1", "look_up", {"order": "ä"}),)),
        Message("tool", (ToolResponsePart("c1", {"state": "sent"}),)),
    )
    tool = ToolSpec("look_up", "Find an order.", {"type": "object"})
    await endpoint.model.complete(ModelRequest(messages, tools=(tool,), max_tokens=7, seed=3))
    roles = [message["role"] for message in endpoint.body["messages"]]
    call = endpoint.body["messages"][2]["tool_calls"][0]
    assert roles == ["system", "user", "assistant", "tool"]
    assert call["id"] == endpoint.body["messages"][3]["tool_call_id"] == "c1"
    assert json.loads(call["function"]["arguments"]) == {"order": "ä"}
    assert json.loads(endpoint.body["messages"][3]["content"]) == {"state": "sent"}
    assert endpoint.body["tools"][0]["function"]["name"] == "look_up"
    assert (endpoint.body["max_tokens"], endpoint.body["seed"]) == (7, 3)


async def test_tool_calls_come_back_with_their_arguments_read() -> None:
    calls = [
        {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}},
        {"id": "b", "type": "function", "function": {"name": "g", "arguments": "{half"}},
    ]
    data = completion(None, message={"tool_calls": calls}, finish_reason="tool_calls")
    response = await answering(data).model.complete(HELLO)
    assert response.message.parts == (
        ToolCallPart("a", "f", {"x": 1}),
        ToolCallPart("b", "g", "{half"),
    )
    assert response.finish_reason is FinishReason.TOOL_CALLS


@pytest.mark.parametrize(
    ("given", "reason"),
    [("length", FinishReason.LENGTH), ("content_filter", FinishReason.CONTENT_FILTER)],
)
async def test_finish_reasons_are_kept(given: str, reason: FinishReason) -> None:
    response = await answering(completion(finish_reason=given)).model.complete(HELLO)
    assert response.finish_reason is reason


async def test_a_schema_is_sent_as_the_response_format() -> None:
    endpoint = answering(completion('{"n": 1}'))
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    await endpoint.model.complete(ModelRequest(HELLO.messages, schema=schema))
    assert endpoint.body["response_format"]["json_schema"]["schema"] == schema


# Choices


def token(text: str, probability: float, **others: float) -> dict[str, Any]:
    top = {text: probability, **others}
    return {
        "token": text,
        "logprob": math.log(probability),
        "top_logprobs": [{"token": t, "logprob": math.log(p)} for t, p in top.items()],
    }


async def test_a_choice_comes_back_bare_with_probabilities_from_its_tokens() -> None:
    tokens = [
        token('{"', 1.0),
        token('choice":"', 1.0),
        token("re", 0.8, other=0.2),
        token("fund", 0.75, turn=0.25),
        token('"}', 1.0),
    ]
    data = completion('{"choice":"refund"}', logprobs={"content": tokens})
    endpoint = answering(data)
    response = await endpoint.model.complete(CHOICE)
    names = [name for name, _ in response.choices]
    assert response.message.parts == (TextPart("refund"),)
    assert names[0] == "refund"
    assert dict(response.choices) == pytest.approx({"refund": 0.6, "return": 0.2, "other": 0.2})
    assert endpoint.body["logprobs"] is True
    enum = endpoint.body["response_format"]["json_schema"]["schema"]["properties"]["choice"]["enum"]
    assert enum == ["refund", "return", "other"]


async def test_a_choice_in_plain_words_is_scored_by_its_first_telling_token() -> None:
    tokens = [token("other", 0.5, refund=0.25, banana=0.25)]
    data = completion("other", logprobs={"content": tokens})
    response = await answering(data).model.complete(CHOICE)
    assert dict(response.choices) == pytest.approx({"other": 2 / 3, "refund": 1 / 3, "return": 0})


@pytest.mark.parametrize(
    "logprobs",
    [None, {"content": None}, {"content": []}, {"content": [token("something else", 1.0)]}],
)
async def test_without_token_probabilities_that_tell_no_probability_is_made_up(
    logprobs: Any,
) -> None:
    data = completion('{"choice": "refund"}', logprobs=logprobs)
    response = await answering(data).model.complete(CHOICE)
    assert response.message.parts == (TextPart("refund"),)
    assert response.choices == ()


# Parameters that an endpoint lacks


async def test_a_parameter_that_the_endpoint_lacks_is_left_out_or_renamed_from_then_on() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        for name in ("max_tokens", "temperature", "logprobs"):
            if name in body:
                error = {"message": "unsupported", "param": name, "code": "unsupported_parameter"}
                return httpx.Response(400, json={"error": error})
        return httpx.Response(200, json=completion('{"choice": "other"}'))

    endpoint = Endpoint(answer)
    response = await endpoint.model.complete(CHOICE)
    assert response.message.parts == (TextPart("other"),)
    assert endpoint.body["max_completion_tokens"] == CHOICE.max_tokens
    assert "top_logprobs" not in endpoint.body
    await endpoint.model.complete(CHOICE)
    assert len(endpoint.requests) == 5


async def test_an_endpoint_that_keeps_naming_one_parameter_is_not_asked_forever() -> None:
    error = {"message": "no", "param": "max_tokens"}
    endpoint = answering({"error": error}, 400)
    with pytest.raises(ModelRefused):
        await endpoint.model.complete(HELLO)
    assert len(endpoint.requests) == 2


# Failures


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 529])
async def test_trouble_that_may_pass_is_unavailability(status: int) -> None:
    with pytest.raises(ModelUnavailable) as caught:
        await answering({"error": {"message": "busy"}}, status).model.complete(HELLO)
    assert caught.value.facts["status"] == status
    assert "busy" in caught.value.message


@pytest.mark.parametrize("status", [301, 400, 404, 413, 422])
async def test_a_request_that_cannot_succeed_is_refused(status: int) -> None:
    with pytest.raises(ModelRefused):
        await answering({"error": {"message": "bad"}}, status).model.complete(HELLO)


@pytest.mark.parametrize("status", [401, 403])
async def test_bad_credentials_name_the_variable_and_never_the_key(status: int) -> None:
    data = {"error": {"message": f"Incorrect API key provided: {KEY}."}}
    endpoint = answering(data, status)
    with pytest.raises(ModelRefused) as caught:
        await endpoint.model.complete(HELLO)
    assert "STANCHION_TEST_KEY" in caught.value.remedy
    assert KEY not in f"{caught.value!r}{caught.value}{caught.value.facts}"
    assert endpoint.requests[0].headers["authorization"] == f"Bearer {KEY}"


async def test_a_used_up_quota_is_refused_although_its_status_is_that_of_a_rate_limit() -> None:
    error = {"message": "You exceeded your quota", "code": "insufficient_quota"}
    with pytest.raises(ModelRefused):
        await answering({"error": error}, 429).model.complete(HELLO)


async def test_retry_after_is_read_from_seconds() -> None:
    with pytest.raises(ModelUnavailable) as caught:
        await answering({}, 429, **{"retry-after": "7.5"}).model.complete(HELLO)
    assert caught.value.facts["retry_after"] == 7.5


async def test_retry_after_is_read_from_a_date() -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    with pytest.raises(ModelUnavailable) as caught:
        await answering({}, 503, **{"retry-after": date}).model.complete(HELLO)
    assert 50 < caught.value.facts["retry_after"] <= 60


@pytest.mark.parametrize("value", ["soon", "nan", "inf", ""])
async def test_a_retry_after_that_says_nothing_is_left_out(value: str) -> None:
    with pytest.raises(ModelUnavailable) as caught:
        await answering({}, 429, **{"retry-after": value}).model.complete(HELLO)
    assert "retry_after" not in caught.value.facts


@pytest.mark.parametrize(
    "body",
    [b"", b'{"choices": [{"mess', b"<html>", b"null", b"{}", b'{"choices": []}', b"[" * 100_000],
)
async def test_what_is_not_a_whole_completion_is_an_invalid_response(body: bytes) -> None:
    with pytest.raises(InvalidResponse):
        await Endpoint(httpx.Response(200, content=body)).model.complete(HELLO)


async def test_an_answer_without_end_is_cut_at_its_bound() -> None:
    sent = 0

    async def endless() -> AsyncGenerator[bytes]:
        nonlocal sent
        while True:
            sent += 1
            yield b" " * (1 << 20)

    with pytest.raises(InvalidResponse, match="16 MiB"):
        await Endpoint(httpx.Response(200, content=endless())).model.complete(HELLO)
    assert sent == 17


async def test_a_key_that_cannot_be_sent_is_refused_without_showing_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("STANCHION_TEST_KEY", f"{KEY}\nX-Evil: 1")
    endpoint = answering(completion())
    with pytest.raises(ModelRefused) as caught:
        await endpoint.model.complete(HELLO)
    assert KEY not in str(caught.value)
    assert endpoint.requests == []


async def test_without_a_key_no_credentials_are_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STANCHION_TEST_KEY")
    endpoint = answering(completion())
    await endpoint.model.complete(HELLO)
    assert "authorization" not in endpoint.requests[0].headers


def test_neither_name_nor_repr_show_credentials_in_the_address() -> None:
    model = OpenAICompatibleModel("https://user:hunter2@host:8000/v1?token=hunter2", "m")
    assert "hunter2" not in model.name + repr(model)
    assert model.real is True


# A real socket


@asynccontextmanager
async def server(
    answer: Callable[[asyncio.StreamWriter], Any],
) -> AsyncGenerator[OpenAICompatibleModel]:
    serving: list[Any] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.append(asyncio.current_task())
        try:
            await reader.readuntil(b"\r\n\r\n")
            await answer(writer)
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    async with listening:
        yield OpenAICompatibleModel(f"http://127.0.0.1:{port}/v1", "m", api_key_env="STANCHION_NO")
    await asyncio.gather(*serving)


@pytest.mark.parametrize("begun", [b"", b'HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{"choi'])
async def test_a_server_that_stalls_is_unavailable_after_the_timeout(begun: bytes) -> None:
    gone = asyncio.Event()

    async def stall(writer: asyncio.StreamWriter) -> None:
        writer.write(begun)
        await gone.wait()

    async with server(stall) as model:
        with pytest.raises(ModelUnavailable, match="within"):
            await model.complete(ModelRequest(HELLO.messages, timeout=0.2))
        gone.set()


async def reset(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def half(writer: asyncio.StreamWriter) -> None:
    writer.write(b'HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n{"choices"')
    await writer.drain()


async def half_json(writer: asyncio.StreamWriter) -> None:
    writer.write(b'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{"choices"')
    await writer.drain()


@pytest.mark.parametrize(
    ("answer", "error"),
    [(reset, ModelUnavailable), (half, ModelUnavailable), (half_json, InvalidResponse)],
)
async def test_a_broken_connection_may_heal_and_a_broken_answer_is_invalid(
    answer: Callable[[asyncio.StreamWriter], Any], error: type[ModelError]
) -> None:
    async with server(answer) as model:
        with pytest.raises(error):
            await model.complete(HELLO)


async def test_nobody_listening_is_unavailability() -> None:
    async with server(reset) as model:
        pass
    with pytest.raises(ModelUnavailable, match="ConnectError"):
        await model.complete(HELLO)


@pytest.mark.parametrize("address", ["ftp://host/v1", "nonsense", "http://host:port/v1"])
async def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(ModelRefused):
        await OpenAICompatibleModel(address, "m", api_key_env="STANCHION_NO").complete(HELLO)


async def test_nothing_is_sent_while_real_calls_are_forbidden() -> None:
    endpoint = answering(completion())
    with forbid_real_calls(), pytest.raises(ConfigurationError):
        await endpoint.model.complete(HELLO)
    assert endpoint.requests == []
