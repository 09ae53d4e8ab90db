"""What makes a model dependable: wrappers that are models around models.

``Retrying`` waits and asks again when a provider is out of reach, ``Validating`` asks again when
the answer doesn't fit, ``Fallback`` asks the next model. Each counts all tokens that were spent and
lists what went wrong in ``ModelResponse.attempts``, without text from outside. They know no
provider and no adapter.
"""

from __future__ import annotations

import asyncio
import random as _random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from typing import Any, Self

from stanchion.errors import ConfigurationError, InvalidResponse, ModelError, ModelUnavailable
from stanchion.models._answer_schema import schema_misfits
from stanchion.models._model import Model, ModelRequest, ModelResponse
from stanchion.values import FinishReason, Message, TextPart, ToolCallPart, Usage

__all__ = ["Fallback", "Retrying", "Validating", "Wrapped", "at_each_attempt"]


def at_each_attempt(model: Model, change: Callable[[Model], Model]) -> Model:
    """Return the model with a change around every single attempt, below retries and fallbacks.

    A wrapper of somebody else's counts as one attempt.
    """
    if isinstance(model, Retrying | Validating | Fallback):
        return model.changed(change)
    return change(model)


class Wrapped:
    """What every wrapper of one model has in common: it goes by that model's name."""

    def __init__(self, model: Model) -> None:
        self.wrapped = model

    @property
    def name(self) -> str:
        """The wrapped model's name."""
        return self.wrapped.name

    @property
    def real(self) -> bool:
        """Whether the wrapped model is real."""
        return self.wrapped.real

    def changed(self, change: Callable[[Model], Model]) -> Self:
        """Return the same with a change around each attempt; see ``at_each_attempt``."""
        same = copy(self)
        same.wrapped = at_each_attempt(self.wrapped, change)
        return same


class Retrying(Wrapped):
    """Ask again while the model is unavailable: exponential backoff with full jitter.

    A provider's ``retry_after`` is the least that is waited. Nothing else is retried.
    """

    def __init__(
        self,
        model: Model,
        *,
        attempts: int = 4,
        first_delay: float = 0.5,
        max_delay: float = 20,
        total: float = 120,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        random: Callable[[], float] = _random.random,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take delays and the total in seconds; no wait starts that would end after the total."""
        if attempts < 1:
            raise ConfigurationError("a model needs at least one attempt", remedy="attempts=1")
        super().__init__(model)
        self._attempts = attempts
        self._first_delay = first_delay
        self._max_delay = max_delay
        self._total = total
        self._sleep = sleep
        self._random = random
        self._clock = clock

    async def complete(self, request: ModelRequest) -> ModelResponse:
        """Answer, or raise the last ModelUnavailable with ``facts["attempts"]``."""
        tried: tuple[str, ...] = ()
        end = self._clock() + self._total
        while True:
            try:
                response = await self.wrapped.complete(request)
            except ModelUnavailable as error:
                tried = (*tried, *_told(error))
                delay = self._delay(len(tried) - 1, error.facts.get("retry_after"))
                if len(tried) >= self._attempts or self._clock() + delay > end:
                    raise _again(error, attempts=tried) from error
                await self._sleep(delay)
            else:
                return replace(response, attempts=(*tried, *response.attempts))

    def _delay(self, retries: int, asked: float | None) -> float:
        ceiling = min(self._max_delay, self._first_delay * 2**retries)
        return max(self._random() * ceiling, asked or 0.0)


class Validating(Wrapped):
    """Hold each answer against the request's schema or choices, and ask for repair on a misfit.

    Tool calls pass: their arguments are the tools' business.
    """

    def __init__(self, model: Model, *, repairs: int = 2) -> None:
        super().__init__(model)
        self._repairs = repairs

    async def complete(self, request: ModelRequest) -> ModelResponse:
        """Answer fittingly, or raise InvalidResponse with all usage in ``facts["usage"]``."""
        usage, asked = Usage(), request
        tried: tuple[str, ...] = ()
        last = ""
        for _ in range(self._repairs + 1):
            response = await self._ask(asked, usage, tried)
            usage = _sum(usage, response.usage)
            tried = (*tried, *response.attempts)
            problem = _misfit(response, request)
            if problem is None:
                return replace(response, usage=usage, attempts=tried)
            last = f"{self.name}: {problem}"
            tried = (*tried, last)
            if response.finish_reason is FinishReason.CONTENT_FILTER:
                break
            asked = replace(asked, messages=(*asked.messages, *_repair(response, problem)))
        raise InvalidResponse(
            f"{last} (asked {self._repairs} times at most to repair it)",
            remedy="simplify the schema, raise max_tokens, or give the role a stronger model",
            usage=usage,
            attempts=tried,
        )

    async def _ask(
        self, request: ModelRequest, usage: Usage, tried: tuple[str, ...]
    ) -> ModelResponse:
        try:
            return await self.wrapped.complete(request)
        except ModelError as error:
            if not tried:
                raise
            spent = _sum(usage, _spent(error))
            raise _again(error, usage=spent, attempts=(*tried, *_told(error))) from error


class Fallback:
    """Ask each model in turn until one answers.

    The tokens of those that failed are counted into the answer's usage, so that no budget misses
    them; a price of the answer therefore takes them at the rate of the model that answered.
    """

    def __init__(self, models: Sequence[Model]) -> None:
        if not models:
            raise ConfigurationError("a fallback chain without models", remedy="name one or more")
        self.models = tuple(models)

    @property
    def name(self) -> str:
        """The names in order, for example ``openai:gpt-5 > local:smollm2``."""
        return " > ".join(model.name for model in self.models)

    @property
    def real(self) -> bool:
        """Whether any of the models is real."""
        return any(model.real for model in self.models)

    async def complete(self, request: ModelRequest) -> ModelResponse:
        """Answer with the first model that can, or raise ModelUnavailable naming each."""
        usage, failed = Usage(), list[ModelError]()
        tried: tuple[str, ...] = ()
        for model in self.models:
            try:
                response = await model.complete(request)
            except ModelError as error:
                failed.append(error)
                usage = _sum(usage, _spent(error))
                tried = (*tried, *(_named(model.name, line) for line in _told(error)))
            else:
                return replace(
                    response,
                    usage=_sum(usage, response.usage),
                    attempts=(*tried, *response.attempts),
                )
        raise ModelUnavailable(
            f"every model failed: {'; '.join(tried)}",
            remedy="mend one of them, or add a model to the chain",
            usage=usage,
            attempts=tried,
            codes=tuple(error.code for error in failed),
        ) from failed[-1]

    def changed(self, change: Callable[[Model], Model]) -> Self:
        """Return the same with a change around each attempt; see ``at_each_attempt``."""
        same = copy(self)
        same.models = tuple(at_each_attempt(model, change) for model in self.models)
        return same


def _misfit(response: ModelResponse, request: ModelRequest) -> str | None:
    parts = response.message.parts
    if request.tools and any(isinstance(part, ToolCallPart) for part in parts):
        return None
    text = "".join(part.content for part in parts if isinstance(part, TextPart))
    if request.choices and text not in request.choices:
        return f"the answer isn't one of: {', '.join(request.choices)}"
    if request.schema is None or request.choices:
        return None
    problem = schema_misfits(text, request.schema)
    if problem is not None and response.finish_reason is FinishReason.LENGTH:
        return f"the answer was cut off at {request.max_tokens} tokens; answer more briefly"
    return problem


def _repair(response: ModelResponse, problem: str) -> tuple[Message, Message]:
    asked = f"That answer can't be used: {problem}. Give the whole answer again, and nothing else."
    return response.message, Message("user", (TextPart(asked),))


def _told(error: ModelError) -> tuple[str, ...]:
    """Return the lines of an inner wrapper, or the one line of a plain error."""
    return tuple(error.facts.get("attempts") or (error.message,))


def _named(name: str, line: str) -> str:
    return line if line.startswith(name) else f"{name}: {line}"


def _again(error: ModelError, **facts: Any) -> ModelError:
    """Return the error once more with further facts."""
    merged: Mapping[str, Any] = {**error.facts, **facts}
    return type(error)(error.message, remedy=error.remedy, **merged)


def _spent(error: ModelError) -> Usage:
    usage = error.facts.get("usage")
    return usage if isinstance(usage, Usage) else Usage()


def _sum(left: Usage, right: Usage) -> Usage:
    return Usage(
        left.input_tokens + right.input_tokens,
        left.output_tokens + right.output_tokens,
        left.cache_read_tokens + right.cache_read_tokens,
        left.cache_write_tokens + right.cache_write_tokens,
        left.reasoning_tokens + right.reasoning_tokens,
    )
