"""The adapter for Pydantic AI's models, over its own test doubles."""

import asyncio
import importlib.util
import json
import math
from typing import Any

import pytest
from pydantic_ai import exceptions as theirs
from pydantic_ai import messages as wire
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.models.test import TestModel
from pydantic_ai.profiles import ModelProfile
from pydantic_ai.usage import RequestUsage

from stanchion.errors import (
    InvalidResponse,
    MissingDependency,
    ModelError,
    ModelRefused,
    ModelUnavailable,
)
from stanchion.models import ModelRequest, ModelResponse, PydanticAIModel, ToolSpec
from stanchion.values import (
    FinishReason,
    Message,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResponsePart,
    Usage,
)

HELLO = ModelRequest((Message("user", (TextPart("hello"),)),))
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}}
PLAIN = ModelProfile(supports_json_schema_output=False)

Seen = list[tuple[list[wire.ModelMessage], AgentInfo]]


def answering(answer: wire.ModelResponse | str, seen: Seen | None = None, **options: Any) -> Any:
    def function(messages: list[wire.ModelMessage], info: AgentInfo) -> wire.ModelResponse:
        if seen is not None:
            seen.append((messages, info))
        if isinstance(answer, str):
            return wire.ModelResponse(parts=[wire.TextPart(answer)])
        return answer

    return PydanticAIModel(FunctionModel(function, **options))


async def failing(error: Exception) -> ModelResponse:
    def function(_: list[wire.ModelMessage], __: AgentInfo) -> wire.ModelResponse:
        raise error

    return await PydanticAIModel(FunctionModel(function)).complete(HELLO)


async def test_an_answer_carries_parts_usage_finish_reason_and_the_reported_model() -> None:
    usage = RequestUsage(
        input_tokens=10,
        output_tokens=4,
        cache_read_tokens=6,
        cache_write_tokens=2,
        details={"reasoning_tokens": 3},
    )
    parts = [wire.ThinkingPart("hm"), wire.TextPart("grüß dich")]
    answer = wire.ModelResponse(parts=parts, usage=usage, finish_reason="length")
    response = await answering(answer, model_name="m-2026").complete(HELLO)
    assert response.message.parts == (ReasoningPart("hm"), TextPart("grüß dich"))
    assert response.usage == Usage(10, 4, 6, 2, 3)
    assert response.finish_reason is FinishReason.LENGTH
    assert response.model == "m-2026"


async def test_a_conversation_with_tools_is_sent_whole() -> None:
    seen: Seen = []
    messages = (
        Message("system", (TextPart("be brief"),)),
        Message("user", (TextPart("where?"),)),
        Message("assistant", (ToolCallPart("c1", "look_up", {"id": 1}),)),
        Message("tool", (ToolResponsePart("c1", {"state": "sent"}),)),
    )
    tool = ToolSpec("look_up", "Find it.", {"type": "object", "properties": {}})
    request = ModelRequest(messages, tools=(tool,), max_tokens=9, seed=5)
    await answering("ok", seen).complete(request)
    (first, called, returned), info = seen[0]
    assert [part.part_kind for part in first.parts] == ["system-prompt", "user-prompt"]
    assert isinstance(called.parts[0], wire.ToolCallPart)
    assert isinstance(returned.parts[0], wire.ToolReturnPart)
    assert called.parts[0].args == {"id": 1}
    assert returned.parts[0].tool_name == "look_up"
    assert returned.parts[0].content == {"state": "sent"}
    assert info.function_tools[0].name == "look_up"
    assert info.model_settings == {
        "max_tokens": 9,
        "temperature": 0.0,
        "seed": 5,
        "max_retries": 0,
    }


@pytest.mark.parametrize(
    ("given", "read"),
    [('{"x": 1}', {"x": 1}), ({"x": 1}, {"x": 1}), ("{half", "{half"), (None, {}), ("", {})],
)
async def test_tool_calls_come_back_with_their_arguments_read(given: Any, read: Any) -> None:
    call = wire.ToolCallPart("f", given, tool_call_id="a")
    response = await answering(wire.ModelResponse(parts=[call])).complete(HELLO)
    assert response.message.parts == (ToolCallPart("a", "f", read),)
    assert response.finish_reason is FinishReason.TOOL_CALLS


async def test_a_schema_is_native_where_the_provider_takes_one() -> None:
    seen: Seen = []
    await answering('{"n": 1}', seen).complete(ModelRequest(HELLO.messages, schema=SCHEMA))
    messages, info = seen[0]
    output = info.model_request_parameters.output_object
    assert output is not None
    assert output.json_schema == SCHEMA
    assert len(messages[0].parts) == 1


async def test_a_schema_is_an_instruction_where_the_provider_takes_none() -> None:
    seen: Seen = []
    model = answering('{"n": 1}', seen, profile=PLAIN)
    await model.complete(ModelRequest(HELLO.messages, schema=SCHEMA))
    messages, info = seen[0]
    assert info.model_request_parameters.output_object is None
    assert isinstance(messages[0].parts[0], wire.SystemPromptPart)
    assert json.dumps(SCHEMA) in messages[0].parts[0].content


@pytest.mark.parametrize("profile", [None, PLAIN])
@pytest.mark.parametrize("text", ['{"choice": "refund"}', "refund\n", '"refund"'])
async def test_a_choice_comes_back_bare(text: str, profile: ModelProfile | None) -> None:
    request = ModelRequest(HELLO.messages, choices=("refund", "other"))
    response = await answering(text, profile=profile).complete(request)
    assert response.message.parts == (TextPart("refund"),)
    assert response.choices == ()


def token(text: str, **top: float) -> dict[str, Any]:
    """A token as OpenAI reports it, certain unless others are given."""
    ranked = top or {text: 0.0}
    others = [{"token": t, "bytes": None, "logprob": p} for t, p in ranked.items()]
    return {"token": text, "bytes": None, "logprob": ranked[text], "top_logprobs": others}


@pytest.mark.parametrize("place", ["answer", "part"])
async def test_token_probabilities_score_the_choices(place: str) -> None:
    shares = {"refund": math.log(0.75), "other": math.log(0.25)}
    details = {
        "logprobs": [token('{"choice":'), token('"'), token("refund", **shares), token('"}')]
    }
    part = wire.TextPart('{"choice":"refund"}')
    answer = wire.ModelResponse(parts=[part])
    (answer if place == "answer" else part).provider_details = details

    request = ModelRequest(HELLO.messages, choices=("other", "refund"))
    response = await answering(answer).complete(request)

    assert "".join(t.token for t in response.tokens) == '{"choice":"refund"}'
    assert [name for name, _ in response.choices] == ["refund", "other"]
    assert dict(response.choices) == pytest.approx({"refund": 0.75, "other": 0.25})


async def test_the_providers_client_is_told_not_to_retry_by_itself() -> None:
    seen: Seen = []
    await answering("hi", seen).complete(HELLO)

    settings = seen[0][1].model_settings
    assert settings is not None
    assert settings.get("max_retries") == 0
    assert settings.get("temperature") == 0.0


async def test_a_model_that_always_reasons_is_sent_no_temperature() -> None:
    seen: Seen = []
    profile: Any = {"openai_supports_reasoning": True, "thinking_enabled_by_default": True}
    await answering("hi", seen, profile=profile).complete(HELLO)

    assert "temperature" not in (seen[0][1].model_settings or {})


def http(status: int, **options: Any) -> theirs.ModelHTTPError:
    return theirs.ModelHTTPError(status_code=status, model_name="m", **options)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (http(408), ModelUnavailable),
        (http(429), ModelUnavailable),
        (http(503), ModelUnavailable),
        (theirs.ModelAPIError("m", "connection lost"), ModelUnavailable),
        (theirs.ModelConnectionError("m", "connection lost"), ModelUnavailable),
        (http(400), ModelRefused),
        (http(401), ModelRefused),
        (http(404), ModelRefused),
        (http(422), ModelRefused),
        (theirs.ModelQuotaExceededError("m", "empty"), ModelRefused),
        (theirs.ContentFilterError("no"), ModelRefused),
        (theirs.UserError("Set the `X_API_KEY` environment variable"), ModelRefused),
        (theirs.UnexpectedModelBehavior("nonsense", "body"), InvalidResponse),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else str(value)[:30],
)
async def test_failures_say_whether_a_retry_would_help(
    error: Exception, expected: type[ModelError]
) -> None:
    with pytest.raises(expected) as caught:
        await failing(error)
    assert caught.value.__cause__ is error
    assert type(caught.value) is expected


async def test_retry_after_is_passed_on() -> None:
    with pytest.raises(ModelUnavailable) as caught:
        await failing(http(429, headers={"Retry-After": "7"}))
    assert caught.value.facts["retry_after"] == 7.0
    assert caught.value.facts["status"] == 429


async def test_what_a_provider_says_about_a_key_is_not_repeated() -> None:
    with pytest.raises(ModelRefused) as caught:
        await failing(http(401, body="Incorrect API key: sk-secret"))
    assert "sk-secret" not in str(caught.value)


async def test_a_call_that_takes_too_long_is_unavailable() -> None:
    async def forever(_: list[wire.ModelMessage], __: AgentInfo) -> wire.ModelResponse:
        await asyncio.Event().wait()
        raise AssertionError

    model = PydanticAIModel(FunctionModel(forever))
    with pytest.raises(ModelUnavailable):
        await model.complete(ModelRequest(HELLO.messages, timeout=0.05))


async def test_its_test_model_answers_and_isnt_real() -> None:
    model = PydanticAIModel(TestModel(custom_output_text="hi"))
    response = await model.complete(HELLO)
    assert response.message.parts == (TextPart("hi"),)
    assert model.real is False
    assert model.name == "test:test"


def test_a_name_is_real_and_nothing_is_imported_for_it() -> None:
    model = PydanticAIModel("anthropic:claude-sonnet-4-5")
    assert model.real is True
    assert model.name == "anthropic:claude-sonnet-4-5"
    assert PydanticAIModel("openai:x", name="strong").name == "strong"


@pytest.mark.parametrize(
    ("package", "spec", "extra"),
    [("groq", "groq:m", "groq"), ("anthropic", "anthropic:m", "anthropic")],
)
async def test_a_missing_package_names_its_extra(package: str, spec: str, extra: str) -> None:
    if _installed(package):
        pytest.skip(f"{package} is installed here")
    with pytest.raises(MissingDependency, match=extra) as caught:
        await PydanticAIModel(spec).complete(HELLO)
    assert f"stanchion[{extra}]" in caught.value.remedy


async def test_a_model_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ModelRefused, match="Unknown model"):
        await PydanticAIModel("nobody:m").complete(HELLO)


def _installed(package: str) -> bool:

    return importlib.util.find_spec(package) is not None
