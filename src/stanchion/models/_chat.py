"""The chat-completions wire form, as OpenAI defined it and most servers speak it.

Messages and tools to JSON, one answer back to ours. Shared by the adapters that speak it over HTTP
and in process. Whatever doesn't have the required fields is InvalidResponse: a half answer never
passes as an answer. It knows nothing of connections, keys or retries.
"""

from __future__ import annotations

import functools
import json
from typing import Any, NotRequired

from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict

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


class _Function(TypedDict):
    name: str
    arguments: NotRequired[str | dict[str, Any]]


class _Call(TypedDict):
    function: _Function
    id: NotRequired[str | None]


class _Reply(TypedDict, total=False):
    content: str | None
    refusal: str | None
    reasoning_content: str | None
    reasoning: str | None
    tool_calls: list[_Call] | None


class _Top(TypedDict):
    token: str
    logprob: float


class _Token(_Top):
    top_logprobs: NotRequired[list[_Top] | None]


class _Logprobs(TypedDict):
    content: NotRequired[list[_Token] | None]


class _Choice(TypedDict):
    message: _Reply
    finish_reason: NotRequired[str | None]
    logprobs: NotRequired[_Logprobs | None]


class _Details(TypedDict, total=False):
    cached_tokens: int | None
    reasoning_tokens: int | None


class _Usage(TypedDict, total=False):
    prompt_tokens: int
    completion_tokens: int
    prompt_tokens_details: _Details | None
    completion_tokens_details: _Details | None


class _Completion(TypedDict):
    choices: list[_Choice]
    id: NotRequired[str | None]
    model: NotRequired[str | None]
    usage: NotRequired[_Usage | None]


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
    if not completion["choices"]:
        raise _invalid(provider, "choices: empty")
    choice = completion["choices"][0]
    return ModelResponse(
        message=_reply(choice["message"]),
        usage=_usage(completion.get("usage") or {}),
        finish_reason=_finish(choice),
        model=completion.get("model") or "",
        provider=provider,
        response_id=completion.get("id") or "",
        tokens=_tokens(choice.get("logprobs") or {}),
    )


def _invalid(provider: str, problem: str) -> InvalidResponse:
    return InvalidResponse(
        f"the answer from {provider} isn't a chat completion ({problem})",
        remedy="check that the address is that of an OpenAI-compatible endpoint",
    )


def _reply(reply: _Reply) -> Message:
    parts: list[Part] = []
    reasoning = reply.get("reasoning_content") or reply.get("reasoning")
    if reasoning:
        parts.append(ReasoningPart(reasoning))
    calls = reply.get("tool_calls") or []
    text = reply.get("content") or reply.get("refusal") or ""
    if text or not calls:
        parts.append(TextPart(text))
    for number, call in enumerate(calls):
        identity = call.get("id") or f"call_{number}"
        parts.append(ToolCallPart(identity, call["function"]["name"], _arguments(call["function"])))
    return Message("assistant", tuple(parts))


def _arguments(function: _Function) -> Json:
    arguments = function.get("arguments") or {}
    if not isinstance(arguments, str):
        return arguments
    try:
        return json.loads(arguments)
    except (ValueError, RecursionError):
        return arguments


def _finish(choice: _Choice) -> FinishReason:
    reply = choice["message"]
    if reply.get("tool_calls"):
        return FinishReason.TOOL_CALLS
    if reply.get("refusal") and not reply.get("content"):
        return FinishReason.CONTENT_FILTER
    return _FINISH.get(choice.get("finish_reason"), FinishReason.ERROR)


def _usage(usage: _Usage) -> Usage:
    read = usage.get("prompt_tokens_details") or {}
    written = usage.get("completion_tokens_details") or {}
    return Usage(
        input_tokens=usage.get("prompt_tokens", 0),
        output_tokens=usage.get("completion_tokens", 0),
        cache_read_tokens=read.get("cached_tokens") or 0,
        reasoning_tokens=written.get("reasoning_tokens") or 0,
    )


def _tokens(logprobs: _Logprobs) -> tuple[TokenChoice, ...]:
    return tuple(
        TokenChoice(
            token["token"],
            token["logprob"],
            tuple((top["token"], top["logprob"]) for top in token.get("top_logprobs") or ()),
        )
        for token in logprobs.get("content") or ()
        if token["token"]
    )
