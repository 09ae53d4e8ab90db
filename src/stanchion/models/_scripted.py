"""A public fake: a model that says what a test or a demo wrote down.

The script is a list, a function of the request, or the responses of a recorded run. It never
reaches outside, and it always says that it is scripted.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Self, TypeAlias

from pydantic import BaseModel

from stanchion.errors import ModelRefused
from stanchion.models._model import ModelRequest, ModelResponse
from stanchion.values import FinishReason, Message, TextPart, ToolCallPart, Usage

__all__ = ["Script", "Scripted", "ScriptedModel"]

Scripted: TypeAlias = (
    "str | Message | ModelResponse | BaseModel | Mapping[str, Any] | ToolCallPart"
    " | Sequence[ToolCallPart] | Exception | None"
)
"""An answer: text, a message, a whole response, JSON, tool calls, or an error to raise.

Where choices are asked for, a text is the choice, and a mapping from each choice to its
probability scores them. None is the JSON value null.
"""

Script: TypeAlias = "Iterable[Scripted] | Callable[[ModelRequest], Scripted | Awaitable[Scripted]]"


class ScriptedModel:
    """A model without a model."""

    def __init__(
        self, script: Script, *, name: str = "scripted", version: str = "scripted-1"
    ) -> None:
        self.name = name
        self.version = version
        self.requests: list[ModelRequest] = []
        """Every request so far, in order."""
        self._answer = script if callable(script) else None
        self._answers = iter(()) if callable(script) else iter(script)

    @classmethod
    def from_responses(cls, responses: Iterable[ModelResponse], **named: str) -> Self:
        """Say again what a recorded run was told, in order."""
        return cls(list(responses), **named)

    @property
    def real(self) -> bool:
        """A scripted model is never real."""
        return False

    async def complete(self, request: ModelRequest) -> ModelResponse:
        """Return or raise what the script says next."""
        self.requests.append(request)
        answer = await self._next(request)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, ModelResponse):
            return answer
        return self._response(request, answer)

    async def _next(self, request: ModelRequest) -> Scripted:
        if self._answer is not None:
            answer = self._answer(request)
            return await answer if inspect.isawaitable(answer) else answer
        try:
            return next(self._answers)
        except StopIteration:
            raise ModelRefused(
                f"the script of {self.name} ended after {len(self.requests) - 1} answers",
                remedy="write more answers, or give a function of the request",
            ) from None

    def _response(self, request: ModelRequest, answer: Any) -> ModelResponse:
        choices: tuple[tuple[str, float], ...] = ()
        if request.choices:
            choices = _scored(answer)
            answer = choices[0][0]
        message = _message(answer)
        calls = any(isinstance(p, ToolCallPart) for p in message.parts)
        return ModelResponse(
            message,
            usage=_usage(request, message),
            finish_reason=FinishReason.TOOL_CALLS if calls else FinishReason.STOP,
            model=self.version,
            provider="scripted",
            choices=choices,
        )


def _scored(answer: Any) -> tuple[tuple[str, float], ...]:
    if isinstance(answer, Mapping):
        given: Mapping[str, float] = answer
        return tuple(sorted(given.items(), key=lambda item: -item[1]))
    return ((str(answer), 1.0),)


def _message(answer: Any) -> Message:
    if isinstance(answer, Message):
        return answer
    if isinstance(answer, ToolCallPart):
        return Message("assistant", (answer,))
    if isinstance(answer, str):
        return Message("assistant", (TextPart(answer),))
    if isinstance(answer, BaseModel):
        return Message("assistant", (TextPart(answer.model_dump_json()),))
    if isinstance(answer, list | tuple):
        parts: Sequence[Any] = answer
        if parts and all(isinstance(part, ToolCallPart) for part in parts):
            return Message("assistant", tuple(parts))
    return Message("assistant", (TextPart(json.dumps(answer)),))


def _usage(request: ModelRequest, message: Message) -> Usage:
    """Count words as tokens: steady figures for tests, not an estimate of anything."""
    read = sum(_words(m) for m in request.messages)
    return Usage(input_tokens=read, output_tokens=_words(message))


def _words(message: Message) -> int:
    return sum(len(str(p).split()) for p in message.parts)
