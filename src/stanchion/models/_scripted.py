"""A public fake: a model that says what a test or a demo wrote down.

The script is a list, a function of the request, or the responses of a recorded run. It never
reaches outside, and it always says that it is scripted.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Self, TypeAlias, cast

from pydantic import BaseModel

from stanchion.errors import ModelRefused
from stanchion.models._model import ModelRequest, ModelResponse
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

__all__ = ["Script", "Scripted", "ScriptedModel"]

Scripted: TypeAlias = (
    str
    | Message
    | ModelResponse
    | BaseModel
    | Mapping[str, Any]
    | Part
    | Sequence[Part]
    | Exception
    | None
)
"""An answer: text, a message, a whole response, JSON, tool calls, or an error to raise.

Where choices are asked for, a text is the choice, and a mapping from each choice to its
probability scores them, bare or as ``{"choice": "a", "probabilities": {"a": 0.9, "b": 0.1}}``.
None is the JSON value null.
"""

Script: TypeAlias = Iterable[Scripted] | Callable[[ModelRequest], Scripted | Awaitable[Scripted]]


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
        self._answers: Iterator[Scripted] = iter(()) if callable(script) else iter(script)

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
                reason="script",
            ) from None

    def _response(self, request: ModelRequest, answer: Any) -> ModelResponse:
        choices = _scored(answer, request.choices) if request.choices else ()
        answer = choices[0][0] if choices else answer
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


def _scored(answer: Any, choices: Sequence[str]) -> tuple[tuple[str, float], ...]:
    """Return every choice with its probability, likeliest first; empty if it isn't one of them."""
    given = cast("Mapping[str, Any]", answer) if isinstance(answer, Mapping) else {"choice": answer}
    if "choice" in given and not isinstance(given["choice"], float | int):
        given = given.get("probabilities") or {given["choice"]: 1.0}
    if not given or not set(given) <= set(choices):
        return ()
    total = sum(given.values())
    scored = [(choice, given.get(choice, 0.0) / total) for choice in choices]
    return tuple(sorted(scored, key=lambda item: -item[1]))


def _message(answer: Any) -> Message:
    match answer:
        case Message():
            return answer
        case TextPart() | ReasoningPart() | ToolCallPart() | ToolResponsePart():
            return Message("assistant", (answer,))
        case str():
            text = answer
        case BaseModel():
            text = answer.model_dump_json()
        case None | Mapping():
            text = json.dumps(answer, ensure_ascii=False)
        case _:
            return Message("assistant", tuple(cast("Sequence[Part]", answer)))
    return Message("assistant", (TextPart(text),))


def _usage(request: ModelRequest, message: Message) -> Usage:
    """Count words as tokens: steady figures for tests, not an estimate of anything."""
    read = sum(_words(m) for m in request.messages)
    return Usage(input_tokens=read, output_tokens=_words(message))


def _words(message: Message) -> int:
    return sum(len(str(p).split()) for p in message.parts)
