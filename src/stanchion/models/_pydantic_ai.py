"""Every provider that Pydantic AI knows, through its models.

Its packages are imported at the first call. Only its translation to providers is used: one request,
one response; agents, tools and retries are ours. Providers that take a JSON schema get it as such,
the others as an instruction that validation then holds them to.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, cast

from stanchion.errors import (
    InvalidResponse,
    MissingDependency,
    ModelError,
    ModelRefused,
    ModelUnavailable,
)
from stanchion.models._choice_tokens import choice_probabilities
from stanchion.models._guard import check_real_calls
from stanchion.models._model import ModelRequest, ModelResponse, TokenChoice, ToolSpec
from stanchion.models._providers import provider_of
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

__all__ = ["PydanticAIModel"]

TOP = 20
"""Runners-up asked for with each token, the most that OpenAI gives."""

_FINISH = {
    "stop": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    "content_filter": FinishReason.CONTENT_FILTER,
    "tool_call": FinishReason.TOOL_CALLS,
    "error": FinishReason.ERROR,
}


class PydanticAIModel:
    """One of Pydantic AI's models, by its name such as ``anthropic:claude-sonnet-4-5``."""

    def __init__(self, spec: Any, *, name: str | None = None) -> None:
        """Take a name, or an instance of ``pydantic_ai.models.Model``."""
        self._spec = spec
        self._name = name
        self._model: Any = None if isinstance(spec, str) else spec

    def __repr__(self) -> str:
        return f"PydanticAIModel({self.name!r})"

    @property
    def name(self) -> str:
        """The name given, else the provider's and the model's."""
        if self._name is not None:
            return self._name
        if isinstance(self._spec, str):
            return self._spec
        return f"{self._spec.system}:{self._spec.model_name}"

    @property
    def real(self) -> bool:
        """False only for Pydantic AI's own test doubles, given as instances."""
        if isinstance(self._spec, str):
            return True
        from pydantic_ai.models.function import FunctionModel  # an optional extra
        from pydantic_ai.models.test import TestModel

        return not isinstance(self._spec, FunctionModel | TestModel)

    async def complete(self, request: ModelRequest) -> ModelResponse:
        """Answer one request; MissingDependency names the extra of a provider not installed."""
        check_real_calls(self.name, real=self.real)
        model = self._resolved()
        from pydantic_ai import direct, exceptions  # an optional extra

        try:
            async with asyncio.timeout(request.timeout):
                answer = await direct.model_request(
                    model,
                    _messages(request, native=_native(model)),
                    model_settings=_settings(request, model),
                    model_request_parameters=_parameters(request, native=_native(model)),
                    instrument=False,
                )
        except (exceptions.AgentRunError, exceptions.UserError) as error:
            raise self._failed(error) from error
        except TimeoutError as error:
            raise ModelUnavailable(
                f"{self.name} didn't answer within {request.timeout:g} s",
                remedy="allow more time, or ask for fewer tokens",
            ) from error
        return _response(answer, request)

    def _resolved(self) -> Any:
        if self._model is not None:
            return self._model
        try:
            from pydantic_ai import exceptions, models  # an optional extra
        except ImportError as error:
            raise self._missing() from error
        try:
            self._model = models.infer_model(self._spec)
        except ImportError as error:
            raise self._missing() from error
        except exceptions.UserError as error:
            raise self._failed(error) from error
        return self._model

    def _missing(self) -> MissingDependency:
        provider = provider_of(self._spec)
        return MissingDependency(
            f"the packages for {self.name} aren't installed",
            remedy=provider.install if provider else "pip install 'stanchion[openai]'",
        )

    def _failed(self, error: Exception) -> ModelError:
        from pydantic_ai import exceptions as theirs  # an optional extra

        match error:
            case theirs.UserError():
                return ModelRefused(f"{self.name} can't be used: {error}", remedy="see above")
            case theirs.ContentFilterError():
                text = f"{self.name} withheld the answer: its content filter"
                return ModelRefused(text, remedy="reword the request", reason="content_filter")
            case theirs.ModelAPIError():
                return self._api_failed(error)
            case _:
                return InvalidResponse(
                    f"{self.name} answered with what can't be read ({type(error).__name__})",
                    remedy="try again, or use another model",
                )

    def _api_failed(self, error: Any) -> ModelError:
        from pydantic_ai import exceptions as theirs  # an optional extra

        status: int | None = getattr(error, "status_code", None)
        facts: dict[str, Any] = {} if status is None else {"status": status}
        said = f"{self.name} failed with {status or type(error).__name__}"
        if status in {401, 403} or isinstance(error, theirs.ModelAuthenticationError):
            remedy = "set the provider's key to one that may use this model"
            return ModelRefused(said, remedy=remedy, reason="credentials", **facts)
        said = f"{said}: {_first_line(error)}"
        if isinstance(error, theirs.ModelQuotaExceededError):
            return ModelRefused(said, remedy="top up the account", reason="quota", **facts)
        if isinstance(error, theirs.ModelRequestRejectedError) or _final(status):
            remedy = "check the model's name and the request"
            return ModelRefused(said, remedy=remedy, **facts)
        if error.retry_after is not None:
            facts["retry_after"] = float(error.retry_after)
        return ModelUnavailable(said, remedy="try again later", **facts)


def _final(status: int | None) -> bool:
    return status is not None and status < 500 and status not in {408, 409, 425, 429}


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


def _native(model: Any) -> bool:
    return bool(model.profile.get("supports_json_schema_output", False))


# To Pydantic AI ----------------------------------------------------------------------------------


def _messages(request: ModelRequest, *, native: bool) -> list[Any]:
    from pydantic_ai import messages as theirs  # an optional extra

    tools = dict(_called(request.messages))
    made: list[Any] = []
    for message in (*_instruction(request, native=native), *request.messages):
        if message.role == "assistant":
            made.append(theirs.ModelResponse(parts=[_said(part) for part in message.parts]))
            continue
        parts = [_sent(message.role, part, tools) for part in message.parts]
        if made and isinstance(made[-1], theirs.ModelRequest):
            made[-1] = theirs.ModelRequest(parts=[*made[-1].parts, *parts])
        else:
            made.append(theirs.ModelRequest(parts=parts))
    return made


def _called(messages: Sequence[Message]) -> Iterator[tuple[str, str]]:
    for message in messages:
        for part in message.parts:
            if isinstance(part, ToolCallPart):
                yield part.id, part.name


def _instruction(request: ModelRequest, *, native: bool) -> tuple[Message, ...]:
    """Ask in words for what a provider without JSON schemas can't be made to give."""
    if native or (not request.choices and request.schema is None):
        return ()
    if request.choices:
        text = f"Answer with exactly one of these and nothing else: {json.dumps(request.choices)}"
    else:
        schema = json.dumps(request.schema, ensure_ascii=False)
        text = f"Answer with JSON that fits this JSON schema, and with nothing else: {schema}"
    return (Message("system", (TextPart(text),)),)


def _sent(role: str, part: Any, tools: dict[str, str]) -> Any:
    from pydantic_ai import messages as theirs  # an optional extra

    match part:
        case ToolResponsePart(id=call):
            name, content = tools.get(call, "unknown"), cast("Any", part).response
            return theirs.ToolReturnPart(tool_name=name, content=content, tool_call_id=call)
        case ToolCallPart(name=name):
            text = json.dumps({"name": name, "arguments": _given(part)})
            return theirs.UserPromptPart(content=text)
        case _:
            kind = theirs.SystemPromptPart if role == "system" else theirs.UserPromptPart
            return kind(content=part.content)


def _said(part: Any) -> Any:
    from pydantic_ai import messages as theirs  # an optional extra

    match part:
        case TextPart():
            return theirs.TextPart(content=part.content)
        case ReasoningPart():
            return theirs.ThinkingPart(content=part.content)
        case ToolCallPart():
            return theirs.ToolCallPart(tool_name=part.name, args=_given(part), tool_call_id=part.id)
        case _:
            return theirs.TextPart(content=json.dumps(part.response, default=str))


def _given(part: Any) -> str | dict[str, Any]:
    arguments: Any = part.arguments
    return cast("dict[str, Any]", arguments) if isinstance(arguments, dict) else str(arguments)


def _settings(request: ModelRequest, model: Any) -> Any:
    settings: dict[str, Any] = {"max_tokens": request.max_tokens}
    if request.seed is not None:
        settings["seed"] = request.seed
    if "max_retries" not in model.unsupported_settings:
        settings["max_retries"] = 0  # the provider's client would multiply our retries by its own
    if _reasons(model):
        return settings  # it takes no temperature and gives no token probabilities
    settings["temperature"] = request.temperature
    if request.choices and model.system == "openai":
        settings |= {"openai_logprobs": True, "openai_top_logprobs": TOP}
    return settings


def _reasons(model: Any) -> bool:
    profile = model.profile
    reasons = profile.get("openai_supports_reasoning", False)
    return bool(reasons and profile.get("thinking_enabled_by_default", False))


def _parameters(request: ModelRequest, *, native: bool) -> Any:
    from pydantic_ai.models import ModelRequestParameters  # an optional extra
    from pydantic_ai.output import OutputObjectDefinition

    tools = [_tool(tool) for tool in request.tools]
    schema = _choice_schema(request.choices) if request.choices else request.schema
    if schema is None or not native:
        return ModelRequestParameters(function_tools=tools)
    return ModelRequestParameters(
        function_tools=tools,
        output_mode="native",
        output_object=OutputObjectDefinition(json_schema=dict(schema), name="answer"),
    )


def _choice_schema(choices: Sequence[str]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {"choice": {"type": "string", "enum": list(choices)}},
        "required": ["choice"],
        "additionalProperties": False,
    }


def _tool(tool: ToolSpec) -> Any:
    from pydantic_ai.tools import ToolDefinition  # an optional extra

    return ToolDefinition(
        name=tool.name,
        description=tool.description,
        parameters_json_schema=dict(tool.parameters),
    )


# From Pydantic AI --------------------------------------------------------------------------------


def _response(answer: Any, request: ModelRequest) -> ModelResponse:
    parts = tuple(_parts(answer))
    calls = any(isinstance(part, ToolCallPart) for part in parts)
    response = ModelResponse(
        Message("assistant", parts),
        usage=_usage(answer.usage),
        finish_reason=FinishReason.TOOL_CALLS if calls else _FINISH[answer.finish_reason or "stop"],
        model=answer.model_name or "",
        provider=answer.provider_name or "",
        response_id=answer.provider_response_id or "",
        tokens=tuple(_tokens(answer)),
    )
    return _bare_choice(response, request.choices) if request.choices and not calls else response


def _tokens(answer: Any) -> Iterator[TokenChoice]:
    """Read the token probabilities where OpenAI's two interfaces put them."""
    for source in (answer, *answer.parts):
        details: Any = getattr(source, "provider_details", None) or {}
        found: Any = details.get("logprobs")
        listed = cast("list[Any]", found) if isinstance(found, list) else []
        for token in listed:
            top = tuple((other["token"], other["logprob"]) for other in token["top_logprobs"])
            yield TokenChoice(token["token"], token["logprob"], top)


def _parts(answer: Any) -> Iterator[Part]:
    from pydantic_ai import messages as theirs  # an optional extra

    for part in answer.parts:
        match part:
            case theirs.TextPart():
                yield TextPart(part.content)
            case theirs.ThinkingPart() if part.content:
                yield ReasoningPart(part.content)
            case theirs.ToolCallPart():
                yield ToolCallPart(part.tool_call_id, part.tool_name, _arguments(part.args))
            case _:
                pass  # files and the provider's own tools, which are never asked for


def _arguments(given: str | dict[str, Any] | None) -> Any:
    if not isinstance(given, str):
        return given or {}
    try:
        return json.loads(given) if given else {}
    except (ValueError, RecursionError):
        return given


def _bare_choice(response: ModelResponse, choices: Sequence[str]) -> ModelResponse:
    """Return the response with the choice itself as text; validation judges what isn't one."""
    parts = response.message.parts
    text = "".join(part.content for part in parts if isinstance(part, TextPart))
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = text.strip()
    found = cast("dict[str, Any]", value).get("choice") if isinstance(value, dict) else value
    choice = found if isinstance(found, str) else text
    kept = tuple(part for part in parts if not isinstance(part, TextPart))
    return replace(
        response,
        message=Message("assistant", (*kept, TextPart(choice))),
        choices=choice_probabilities(text, choice, response.tokens, choices),
    )


def _usage(usage: Any) -> Usage:
    return Usage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        reasoning_tokens=int(usage.details.get("reasoning_tokens", 0)),
    )
