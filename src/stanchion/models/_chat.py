"""The chat-completions wire form, as OpenAI defined it and most servers speak it.

Messages and tools to JSON, one answer back to ours. Shared by the adapters that speak it over HTTP
and in process. Whatever doesn't have the required fields is InvalidResponse: a half answer never
passes as an answer. It knows nothing of connections, keys or retries.
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from stanchion.errors import InvalidResponse
from stanchion.models._model import ModelRequest, ModelResponse, TokenChoice, ToolSpec
from stanchion.values import (
    FinishReason,
    Json,
    Message,
    Part,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResponsePart,
    Usage,
)

__all__ = ["read_completion", "request_body", "text_of"]

_FINISH = {
    None: FinishReason.STOP,
    "stop": FinishReason.STOP,
    "eos": FinishReason.STOP,
    "eos_token": FinishReason.STOP,
    "stop_sequence": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    "max_tokens": FinishReason.LENGTH,
    "content_filter": FinishReason.CONTENT_FILTER,
    "tool_calls": FinishReason.TOOL_CALLS,
    "function_call": FinishReason.TOOL_CALLS,
}


def _written(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


# To the wire -------------------------------------------------------------------------------------


def request_body(request: ModelRequest) -> dict[str, Any]:
    """Return the fields that every server takes: messages, tools, length, temperature, seed."""
    body: dict[str, Any] = {
        "messages": [wire for message in request.messages for wire in _message(message)],
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
    }
    if request.tools:
        body["tools"] = [_tool(tool) for tool in request.tools]
    if request.seed is not None:
        body["seed"] = request.seed
    return body


def text_of(message: Message) -> str:
    """Return the text of a message without its reasoning and tool calls."""
    return "".join(part.content for part in message.parts if isinstance(part, TextPart))


def _tool(tool: ToolSpec) -> dict[str, Any]:
    function = {
        "name": tool.name,
        "description": tool.description,
        "parameters": dict(tool.parameters),
    }
    return {"type": "function", "function": function}


def _message(message: Message) -> list[dict[str, Any]]:
    """Return a message as the wire has it: each tool response is a message of its own."""
    responses = [
        {"role": "tool", "tool_call_id": part.id, "content": _written(part.response)}
        for part in message.parts
        if isinstance(part, ToolResponsePart)
    ]
    if message.role == "tool":
        return responses
    wire: dict[str, Any] = {"role": message.role, "content": text_of(message)}
    calls = [_call(part) for part in message.parts if isinstance(part, ToolCallPart)]
    if calls:
        wire["tool_calls"] = calls
    return [*responses, wire]


def _call(part: ToolCallPart) -> dict[str, Any]:
    function = {"name": part.name, "arguments": _written(part.arguments)}
    return {"id": part.id, "type": "function", "function": function}


# From the wire -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Function:
    name: str
    arguments: str | dict[str, Any] = "{}"


@dataclass(frozen=True, slots=True)
class _Call:
    function: _Function
    id: str | None = None


@dataclass(frozen=True, slots=True)
class _Reply:
    content: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[_Call] | None = None


@dataclass(frozen=True, slots=True)
class _Top:
    token: str
    logprob: float


@dataclass(frozen=True, slots=True)
class _Token:
    token: str
    logprob: float
    top_logprobs: list[_Top] | None = None


@dataclass(frozen=True, slots=True)
class _Logprobs:
    content: list[_Token] | None = None


@dataclass(frozen=True, slots=True)
class _Choice:
    message: _Reply
    finish_reason: str | None = None
    logprobs: _Logprobs | None = None


@dataclass(frozen=True, slots=True)
class _Details:
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class _Usage:
    prompt_tokens: int = 0
    completion_tokens: int = 0
    prompt_tokens_details: _Details | None = None
    completion_tokens_details: _Details | None = None


@dataclass(frozen=True, slots=True)
class _Completion:
    choices: list[_Choice]
    id: str | None = None
    model: str | None = None
    usage: _Usage | None = None


@functools.cache
def _reader() -> TypeAdapter[_Completion]:
    return TypeAdapter(_Completion)


def read_completion(data: object, *, provider: str) -> ModelResponse:
    """Return one answer; raise InvalidResponse if required fields are missing or wrong."""
    try:
        completion = _reader().validate_python(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise _invalid(provider, f"{where}: {first['msg']}") from error
    if not completion.choices:
        raise _invalid(provider, "choices: empty")
    choice = completion.choices[0]
    return ModelResponse(
        message=_reply(choice.message),
        usage=_usage(completion.usage),
        finish_reason=_finish(choice),
        model=completion.model or "",
        provider=provider,
        response_id=completion.id or "",
        tokens=_tokens(choice.logprobs),
    )


def _invalid(provider: str, problem: str) -> InvalidResponse:
    return InvalidResponse(
        f"the answer from {provider} isn't a chat completion ({problem})",
        remedy="check that the address is that of an OpenAI-compatible endpoint",
    )


def _reply(reply: _Reply) -> Message:
    parts: list[Part] = []
    reasoning = reply.reasoning_content or reply.reasoning
    if reasoning:
        parts.append(ReasoningPart(reasoning))
    text = reply.content or reply.refusal or ""
    if text or not reply.tool_calls:
        parts.append(TextPart(text))
    for number, call in enumerate(reply.tool_calls or []):
        identity = call.id or f"call_{number}"
        parts.append(ToolCallPart(identity, call.function.name, _arguments(call.function)))
    return Message("assistant", tuple(parts))


def _arguments(function: _Function) -> Json:
    if not isinstance(function.arguments, str):
        return function.arguments
    try:
        return json.loads(function.arguments or "{}")
    except json.JSONDecodeError:
        return function.arguments


def _finish(choice: _Choice) -> FinishReason:
    if choice.message.tool_calls:
        return FinishReason.TOOL_CALLS
    if choice.message.refusal and not choice.message.content:
        return FinishReason.CONTENT_FILTER
    return _FINISH.get(choice.finish_reason, FinishReason.ERROR)


def _usage(usage: _Usage | None) -> Usage:
    if usage is None:
        return Usage()
    read, written = usage.prompt_tokens_details, usage.completion_tokens_details
    return Usage(
        input_tokens=usage.prompt_tokens,
        output_tokens=usage.completion_tokens,
        cache_read_tokens=(read.cached_tokens or 0) if read else 0,
        reasoning_tokens=(written.reasoning_tokens or 0) if written else 0,
    )


def _tokens(logprobs: _Logprobs | None) -> tuple[TokenChoice, ...]:
    if logprobs is None:
        return ()
    return tuple(
        TokenChoice(
            token.token,
            token.logprob,
            tuple((top.token, top.logprob) for top in token.top_logprobs or ()),
        )
        for token in logprobs.content or ()
        if token.token
    )
