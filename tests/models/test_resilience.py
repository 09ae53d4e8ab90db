"""Retries, repair and fallback, with scripted models and a clock that only sleeping moves."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from stanchion.errors import (
    ConfigurationError,
    InvalidResponse,
    ModelError,
    ModelRefused,
    ModelUnavailable,
)
from stanchion.models import (
    Fallback,
    ModelRequest,
    ModelResponse,
    Retrying,
    ScriptedModel,
    ToolSpec,
)
from stanchion.models import Validating as Valid
from stanchion.values import FinishReason, Message, TextPart, ToolCallPart, Usage

HELLO = ModelRequest((Message("user", (TextPart("hello"),)),))
NUMBER = {
    "type": "object",
    "properties": {"n": {"type": "integer"}},
    "required": ["n"],
    "additionalProperties": False,
}
ASKED = ModelRequest(HELLO.messages, schema=NUMBER)
BUSY = ModelUnavailable("busy")
REFUSED = ModelRefused("no key", remedy="set it")


class Clock:
    """A time that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def __call__(self) -> float:
        return self.now


def said(text: str, usage: Usage = Usage(10, 2, 1, 3, 1)) -> ModelResponse:
    return ModelResponse(Message("assistant", (TextPart(text),)), usage=usage)


def text_of(response: ModelResponse) -> str:
    return "".join(p.content for p in response.message.parts if isinstance(p, TextPart))


def retrying(
    answers: Sequence[ModelResponse | ModelError],
    clock: Clock,
    *,
    attempts: int = 4,
    first_delay: float = 0.5,
    max_delay: float = 20,
) -> Retrying:
    model = ScriptedModel(answers)
    return Retrying(
        model,
        attempts=attempts,
        first_delay=first_delay,
        max_delay=max_delay,
        sleep=clock.sleep,
        clock=clock,
        random=lambda: 1.0,
    )


# Retrying


async def test_waits_twice_as_long_each_time_and_lists_what_went_wrong() -> None:
    clock = Clock()
    response = await retrying([BUSY, BUSY, BUSY, said("hi")], clock).complete(HELLO)
    assert clock.slept == [0.5, 1.0, 2.0]
    assert response.attempts == ("busy", "busy", "busy")


async def test_jitter_spreads_each_delay_from_nothing_to_its_ceiling() -> None:
    clock, draws = Clock(), iter([0.0, 0.5])
    model = ScriptedModel([BUSY, BUSY, said("hi")])
    await Retrying(
        model, sleep=clock.sleep, clock=clock, random=lambda: next(draws), first_delay=4
    ).complete(HELLO)
    assert clock.slept == [0.0, 4.0]


async def test_delays_stop_growing_at_the_maximum() -> None:
    clock = Clock()
    await retrying([BUSY, BUSY, BUSY, said("hi")], clock, first_delay=3, max_delay=5).complete(
        HELLO
    )
    assert clock.slept == [3, 5, 5]


async def test_waits_at_least_as_long_as_the_provider_asks() -> None:
    clock = Clock()
    asked = ModelUnavailable("rate limit", retry_after=30.0)
    await retrying([asked, said("hi")], clock).complete(HELLO)
    assert clock.slept == [30.0]


async def test_gives_up_at_once_when_the_provider_asks_for_more_than_the_total() -> None:
    clock = Clock()
    asked = ModelUnavailable("rate limit", retry_after=121.0)
    with pytest.raises(ModelUnavailable) as caught:
        await retrying([asked, said("hi")], clock).complete(HELLO)
    assert clock.slept == []
    assert caught.value.facts["retry_after"] == 121.0


async def test_gives_up_after_the_last_attempt_without_waiting_again() -> None:
    clock = Clock()
    with pytest.raises(ModelUnavailable) as caught:
        await retrying([BUSY] * 9, clock, attempts=3).complete(HELLO)
    assert len(clock.slept) == 2
    assert caught.value.facts["attempts"] == ("busy", "busy", "busy")


@pytest.mark.parametrize("error", [REFUSED, InvalidResponse("half")])
async def test_asks_only_once_when_a_retry_would_not_help(error: ModelError) -> None:
    clock = Clock()
    with pytest.raises(type(error)):
        await retrying([error, said("hi")], clock).complete(HELLO)
    assert clock.slept == []


async def test_is_cancelled_while_it_waits() -> None:
    waiting = asyncio.Event()

    async def forever(_: float) -> None:
        waiting.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(Retrying(ScriptedModel([BUSY]), sleep=forever).complete(HELLO))
    await waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_no_attempts_are_a_mistake_in_the_configuration() -> None:
    with pytest.raises(ConfigurationError):
        Retrying(ScriptedModel([]), attempts=0)


# Validating


async def test_passes_an_answer_that_fits_without_a_second_call() -> None:
    model = ScriptedModel([said('{"n": 1}')])
    response = await Valid(model).complete(ASKED)
    assert text_of(response) == '{"n": 1}'
    assert response.attempts == ()
    assert len(model.requests) == 1


@pytest.mark.promise("MODEL-1")
async def test_asks_again_with_the_previous_answer_and_what_was_wrong_with_it() -> None:
    model = ScriptedModel([said('{"n": "secret"}'), said('{"n": 2}')])
    response = await Valid(model).complete(ASKED)
    first, previous, repair = model.requests[1].messages
    assert first == HELLO.messages[0]
    assert previous == Message("assistant", (TextPart('{"n": "secret"}'),))
    assert isinstance(repair.parts[0], TextPart)
    assert repair.role == "user"
    assert "n doesn't fit" in repair.parts[0].content
    assert text_of(response) == '{"n": 2}'


async def test_usage_is_the_sum_over_all_attempts() -> None:
    model = ScriptedModel([said("no"), said("no"), said('{"n": 2}')])
    response = await Valid(model).complete(ASKED)
    assert response.usage == Usage(30, 6, 3, 9, 3)
    assert len(response.attempts) == 2


async def test_the_list_of_attempts_holds_nothing_that_the_model_wrote() -> None:
    model = ScriptedModel([said('{"n": "secret"}'), said("secret"), said('{"secret": 1}')])
    with pytest.raises(InvalidResponse) as caught:
        await Valid(model).complete(ASKED)
    assert "secret" not in str(caught.value)
    assert "secret" not in str(caught.value.facts)


@pytest.mark.promise("MODEL-1")
async def test_gives_up_after_the_repairs_with_all_usage_in_the_error() -> None:
    model = ScriptedModel([said("no")] * 9)
    with pytest.raises(InvalidResponse) as caught:
        await Valid(model, repairs=2).complete(ASKED)
    assert len(model.requests) == 3
    assert caught.value.facts["usage"] == Usage(30, 6, 3, 9, 3)
    assert len(caught.value.facts["attempts"]) == 3


@pytest.mark.promise("MODEL-1")
@pytest.mark.parametrize("text", ["", "nope", "{", '{"n": 1', '{"n": NaN}', "[" * 100_000, "null"])
async def test_what_is_not_json_of_the_schema_is_refused(text: str) -> None:
    with pytest.raises(InvalidResponse):
        await Valid(ScriptedModel([said(text)]), repairs=0).complete(ASKED)


async def test_an_answer_cut_off_is_told_to_be_briefer() -> None:
    cut = ModelResponse(
        Message("assistant", (TextPart('{"n": 1'),)), finish_reason=FinishReason.LENGTH
    )
    response = await Valid(ScriptedModel([cut, said('{"n": 1}')])).complete(ASKED)
    assert "cut off at 1024 tokens" in response.attempts[0]


async def test_a_filtered_answer_is_not_asked_for_again() -> None:
    filtered = ModelResponse(
        Message("assistant", (TextPart(""),)), finish_reason=FinishReason.CONTENT_FILTER
    )
    model = ScriptedModel([filtered, said('{"n": 1}')])
    with pytest.raises(InvalidResponse):
        await Valid(model).complete(ASKED)
    assert len(model.requests) == 1


@pytest.mark.promise("MODEL-1")
@pytest.mark.parametrize("text", ["Refund", "refund.", "refund other", ""])
async def test_a_choice_must_be_exactly_one_of_those_given(text: str) -> None:
    request = ModelRequest(HELLO.messages, choices=("refund", "other"))
    model = ScriptedModel([said(text), said("other")])
    response = await Valid(model).complete(request)
    assert text_of(response) == "other"
    assert len(response.attempts) == 1


async def test_a_tool_call_is_not_held_against_the_schema() -> None:
    call = ToolCallPart("1", "look_up", {})
    request = ModelRequest(HELLO.messages, schema=NUMBER, tools=(ToolSpec("look_up", "", {}),))
    response = await Valid(ScriptedModel([call])).complete(request)
    assert response.message.parts == (call,)


async def test_a_failure_during_repair_keeps_the_usage_spent_so_far() -> None:
    with pytest.raises(ModelUnavailable) as caught:
        await Valid(ScriptedModel([said("no"), BUSY])).complete(ASKED)
    assert caught.value.facts["usage"] == Usage(10, 2, 1, 3, 1)
    assert len(caught.value.facts["attempts"]) == 2


async def test_a_schema_that_cannot_be_checked_is_a_mistake_in_the_configuration() -> None:
    with pytest.raises(ConfigurationError):
        await Valid(ScriptedModel([said("1")])).complete(ModelRequest((), schema={"type": "no"}))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_checking_an_answer_fetches_no_other_document(tmp_path: Path) -> None:
    other = tmp_path / "schema.json"
    other.write_text("{}")
    request = ModelRequest((), schema={"$ref": other.as_uri()})
    with pytest.raises(ConfigurationError):
        await Valid(ScriptedModel([said("1")])).complete(request)


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity"])
async def test_numbers_that_json_lacks_are_refused(text: str) -> None:
    model = Valid(ScriptedModel([said(text)]), repairs=0)
    with pytest.raises(InvalidResponse):
        await model.complete(ModelRequest((), schema={"type": "number"}))


async def test_references_inside_the_schema_are_followed() -> None:
    schema = {"$ref": "#/$defs/N", "$defs": {"N": NUMBER}}
    model = ScriptedModel([said('{"n": "x"}'), said('{"n": 1}')])
    await Valid(model).complete(ModelRequest((), schema=schema))
    assert len(model.requests) == 2


# Fallback


@pytest.mark.parametrize("error", [BUSY, REFUSED, InvalidResponse("half")])
async def test_any_failure_of_a_model_leads_to_the_next(error: ModelError) -> None:
    chain = Fallback([ScriptedModel([error], name="a"), ScriptedModel([said("hi")], name="b")])
    response = await chain.complete(HELLO)
    assert text_of(response) == "hi"
    assert response.attempts == (f"a: {error.message}",)


async def test_the_next_model_is_left_alone_when_the_first_answers() -> None:
    second = ScriptedModel([said("no")])
    await Fallback([ScriptedModel([said("hi")]), second]).complete(HELLO)
    assert second.requests == []


async def test_when_all_fail_each_is_named_with_its_reason() -> None:
    chain = Fallback([ScriptedModel([BUSY], name="a"), ScriptedModel([REFUSED], name="b")])
    with pytest.raises(ModelUnavailable) as caught:
        await chain.complete(HELLO)
    assert caught.value.facts["attempts"] == ("a: busy", "b: no key")
    assert caught.value.facts["codes"] == ("model_unavailable", "model_refused")
    assert "a: busy; b: no key" in caught.value.message


async def test_tokens_of_models_that_failed_are_counted() -> None:
    first = Valid(ScriptedModel([said("no")], name="a"), repairs=0)
    response = await Fallback([first, ScriptedModel([said('{"n": 1}')])]).complete(ASKED)
    assert response.usage == Usage(20, 4, 2, 6, 2)


async def test_a_mistake_in_the_code_is_not_hidden_by_the_chain() -> None:
    chain = Fallback([ScriptedModel([KeyError("x")]), ScriptedModel([said("hi")])])
    with pytest.raises(KeyError):
        await chain.complete(HELLO)


def test_wrappers_show_the_names_and_realness_of_what_they_wrap() -> None:
    chain = Fallback([Retrying(ScriptedModel([], name="a")), Valid(ScriptedModel([], name="b"))])
    assert chain.name == "a > b"
    assert chain.real is False


def test_an_empty_chain_is_a_mistake_in_the_configuration() -> None:
    with pytest.raises(ConfigurationError):
        Fallback([])
