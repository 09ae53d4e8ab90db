"""The public fake: what a script may hold, and what it says of itself."""

from typing import Any

import pytest
from pydantic import BaseModel

from stanchion.errors import ModelRefused, ModelUnavailable
from stanchion.models import ModelRequest, ModelResponse, ScriptedModel
from stanchion.values import FinishReason, Message, ReasoningPart, TextPart, ToolCallPart


class Refund(BaseModel):
    amount: int
    reason: str


def asking(text: str = "What now?", **options: Any) -> ModelRequest:
    return ModelRequest((Message("user", (TextPart(text),)),), **options)


def text_of(response: ModelResponse) -> str:
    return "".join(p.content for p in response.message.parts if isinstance(p, TextPart))


async def test_a_list_is_answered_in_order_and_every_request_is_kept() -> None:
    model = ScriptedModel(["one", "two"])

    answers = [text_of(await model.complete(asking(text))) for text in ("a", "b")]

    assert answers == ["one", "two"]
    assert model.requests == [asking("a"), asking("b")]


async def test_a_script_that_has_ended_says_so_and_what_to_do() -> None:
    model = ScriptedModel(["only"], name="fake")
    await model.complete(asking())

    with pytest.raises(ModelRefused, match="script of fake ended after 1 answer") as caught:
        await model.complete(asking())

    assert "function" in caught.value.remedy


async def test_a_function_sees_the_request_and_may_be_asynchronous() -> None:
    async def later(request: ModelRequest) -> str:
        return f"{request.max_tokens} tokens at most"

    plain = ScriptedModel(lambda request: f"{len(request.messages)} message")

    assert text_of(await plain.complete(asking())) == "1 message"
    assert text_of(await ScriptedModel(later).complete(asking(max_tokens=7))) == "7 tokens at most"


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (Refund(amount=5, reason="zu viel"), '{"amount":5,"reason":"zu viel"}'),
        ({"grüße": [1]}, '{"grüße": [1]}'),
        (None, "null"),
        (Message("assistant", (TextPart("whole"),)), "whole"),
        ((ReasoningPart("hm"), TextPart("said")), "said"),
        ("", ""),
    ],
)
async def test_an_answer_may_be_a_model_a_mapping_a_message_or_parts(
    answer: Any, text: str
) -> None:
    assert text_of(await ScriptedModel([answer]).complete(asking())) == text


async def test_a_tool_call_finishes_for_that_reason() -> None:
    call = ToolCallPart("1", "refund", {"amount": 5})
    one, several = ScriptedModel([call]), ScriptedModel([[call, call]])

    response = await one.complete(asking())

    assert response.message.parts == (call,)
    assert response.finish_reason is FinishReason.TOOL_CALLS
    assert len((await several.complete(asking())).message.parts) == 2


async def test_an_error_in_the_script_is_raised() -> None:
    model = ScriptedModel([ModelUnavailable("busy"), "better"])

    with pytest.raises(ModelUnavailable, match="busy"):
        await model.complete(asking())
    assert text_of(await model.complete(asking())) == "better"


@pytest.mark.parametrize(
    "answer",
    [
        {"b": 3, "a": 1},
        {"choice": "b", "probabilities": {"a": 0.25, "b": 0.75}},
    ],
)
async def test_choices_can_be_scored(answer: Any) -> None:
    response = await ScriptedModel([answer]).complete(asking(choices=("a", "b", "c")))

    assert text_of(response) == "b"
    assert response.choices == (("b", 0.75), ("a", 0.25), ("c", 0.0))


@pytest.mark.parametrize("answer", ["b", {"choice": "b"}])
async def test_a_bare_choice_is_certain(answer: Any) -> None:
    response = await ScriptedModel([answer]).complete(asking(choices=("a", "b")))

    assert response.choices == (("b", 1.0), ("a", 0.0))


async def test_what_isnt_a_choice_is_said_without_a_probability() -> None:
    response = await ScriptedModel(["neither"]).complete(asking(choices=("a", "b")))

    assert text_of(response) == "neither"
    assert response.choices == ()


async def test_a_recorded_run_is_repeated_exactly() -> None:
    recorded = [
        ModelResponse(
            Message("assistant", (TextPart("as it was"),)), model="gpt-x", response_id="7"
        )
    ]

    assert await ScriptedModel.from_responses(recorded).complete(asking()) == recorded[0]


async def test_it_never_passes_for_real() -> None:
    model = ScriptedModel(["hello"])
    response = await model.complete(asking("a b c"))

    assert (model.name, model.real) == ("scripted", False)
    assert (response.model, response.provider) == ("scripted-1", "scripted")
    assert response.usage.input_tokens > response.usage.output_tokens > 0
