"""Any endpoint that speaks OpenAI's chat completions, over HTTP: hosted, vLLM, llama.cpp, Ollama.

The key is read from the environment at each call and is in no error, repr or record. A call is
bounded in time and in bytes. Nothing is retried here, redirects aren't followed. A connection is
opened for each call, so that one model serves any number of event loops; give a ``client`` to keep
connections open. It knows nothing of the wire form, which is the chat module's.
"""

from __future__ import annotations

import asyncio
import functools
import json
import math
import os
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import urlsplit

from stanchion.errors import InvalidResponse, ModelError, ModelRefused, ModelUnavailable
from stanchion.models._chat import read_completion, request_body, text_of
from stanchion.models._choice_tokens import choice_probabilities
from stanchion.models._guard import check_real_calls
from stanchion.models._model import ModelRequest, ModelResponse
from stanchion.values import Message, ReasoningPart, TextPart

__all__ = ["OpenAICompatibleModel"]

MAX_BODY = 16 * 1024 * 1024
TOP = 20
"""Runners-up asked for at each token, the most that OpenAI gives."""

_TRANSIENT = frozenset({408, 409, 425, 429})
_SUBSTITUTES = {"max_tokens": "max_completion_tokens"}
_OPTIONAL = frozenset({"max_tokens", "temperature", "seed", "logprobs", "top_logprobs"})


class OpenAICompatibleModel:
    """One model of one endpoint."""

    def __init__(
        self,
        base_url: str,
        model: str,
        *,
        api_key_env: str = "OPENAI_API_KEY",
        client: Any = None,
    ) -> None:
        """Take the address up to and with ``/v1``; ``client`` is an ``httpx.AsyncClient``."""
        self._url = base_url.rstrip("/") + "/chat/completions"
        self._host = _host(base_url)
        self._model = model
        self._api_key_env = api_key_env
        self._client = client
        self._unsupported: frozenset[str] = frozenset()

    def __repr__(self) -> str:
        return f"OpenAICompatibleModel({self.name!r})"

    @property
    def name(self) -> str:
        """The host and the model's name, without what else the address may hold."""
        return f"openai-compatible:{self._host}#{self._model}"

    @property
    def real(self) -> bool:
        """Always True."""
        return True

    async def complete(self, request: ModelRequest) -> ModelResponse:
        """Answer one request; an endpoint that lacks an optional parameter is asked without it."""
        check_real_calls(self.name, real=True)
        key = self._key()
        try:
            async with asyncio.timeout(request.timeout):
                data = await self._negotiate(request, key)
        except TimeoutError as error:
            raise ModelUnavailable(
                f"{self.name} didn't answer within {request.timeout:g} s",
                remedy="allow more time, or ask for fewer tokens",
            ) from error
        response = read_completion(data, provider=_provider(self._host))
        return _chosen(response, request) if request.choices else response

    def _key(self) -> str:
        key = os.environ.get(self._api_key_env, "").strip()
        if not key.isascii() or not key.isprintable():
            raise ModelRefused(
                f"the key for {self.name} has characters that can't be sent",
                remedy=f"set {self._api_key_env} again",
                reason="credentials",
            )
        return key

    async def _negotiate(self, request: ModelRequest, key: str) -> object:
        """Send, and send again without a parameter for as long as the endpoint names one."""
        for _ in _OPTIONAL:
            status, headers, body = await self._send(self._body(request), key)
            if status == 200:
                return self._decoded(body)
            problem = _problem(body)
            lacking = str(problem.get("param"))
            if status != 400 or lacking not in _OPTIONAL or lacking in self._unsupported:
                raise self._failed(status, headers, problem, key)
            self._unsupported |= {lacking}
        raise ModelRefused(f"{self.name} refuses every parameter", remedy="check the address")

    def _body(self, request: ModelRequest) -> dict[str, Any]:
        body = {"model": self._model, **request_body(request), **_constraint(request)}
        for name in self._unsupported & body.keys():
            value = body.pop(name)
            if name in _SUBSTITUTES:
                body[_SUBSTITUTES[name]] = value
        if "logprobs" not in body:
            body.pop("top_logprobs", None)
        return body

    async def _send(
        self, body: Mapping[str, Any], key: str
    ) -> tuple[int, Mapping[str, str], bytes]:
        import httpx  # start-up time: half as long as everything else together

        content = json.dumps(body).encode()  # as ASCII: any text can be sent
        headers = {"content-type": "application/json"}
        if key:
            headers["authorization"] = f"Bearer {key}"
        try:
            async with (
                self._connected() as client,
                client.stream(
                    "POST",
                    self._url,
                    content=content,
                    headers=headers,
                    follow_redirects=False,
                    timeout=None,  # complete() bounds the whole call
                ) as answer,
            ):
                return answer.status_code, answer.headers, await self._read(answer.aiter_bytes())
        except httpx.DecodingError as error:
            raise self._unreadable("its compression is broken") from error
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise ModelRefused(f"{self.name} has no usable address", remedy="mend it") from error
        except httpx.TransportError as error:
            raise ModelUnavailable(
                f"no answer from {self.name} ({type(error).__name__})",
                remedy=f"check that {self._host} is up and reachable from here",
                sent=not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout),
            ) from error

    @asynccontextmanager
    async def _connected(self) -> AsyncGenerator[Any]:
        import httpx  # start-up time

        if self._client is not None:
            yield self._client
            return
        async with httpx.AsyncClient(verify=_trusted(), timeout=None) as client:  # noqa: S113 (complete() bounds the call)
            yield client

    async def _read(self, chunks: AsyncIterator[bytes]) -> bytes:
        body = bytearray()
        async for chunk in chunks:
            body += chunk
            if len(body) > MAX_BODY:
                raise self._unreadable(f"it is longer than {MAX_BODY >> 20} MiB")
        return bytes(body)

    def _decoded(self, body: bytes) -> object:
        try:
            return json.loads(body)
        except (ValueError, RecursionError) as error:
            raise self._unreadable("it isn't whole JSON") from error

    def _unreadable(self, why: str) -> InvalidResponse:
        return InvalidResponse(
            f"the answer of {self.name} can't be read: {why}",
            remedy="check that the address is that of an OpenAI-compatible endpoint",
        )

    def _failed(
        self, status: int, headers: Mapping[str, str], problem: Mapping[str, Any], key: str
    ) -> ModelError:
        said = _cleaned(problem.get("message"), key)
        text = f"{self.name} answered {status}" + (f": {said}" if said else "")
        if problem.get("code") == "insufficient_quota":
            return ModelRefused(text, remedy="top up the account", status=status, reason="quota")
        if status in _TRANSIENT or status >= 500:
            wait = _retry_after(headers)
            facts = {} if wait is None else {"retry_after": wait}
            return ModelUnavailable(text, remedy="try again later", status=status, **facts)
        if status in {401, 403}:
            remedy = f"set {self._api_key_env} to a key that may use this model"
            return ModelRefused(text, remedy=remedy, status=status, reason="credentials")
        remedy = "check the address, the model's name and the request"
        return ModelRefused(text, remedy=remedy, status=status)


def _constraint(request: ModelRequest) -> dict[str, Any]:
    if request.choices:
        choice = {"type": "string", "enum": list(request.choices)}
        schema = {
            "type": "object",
            "properties": {"choice": choice},
            "required": ["choice"],
            "additionalProperties": False,
        }
        shape = {"name": "choice", "schema": schema, "strict": True}
        form = {"type": "json_schema", "json_schema": shape}
        return {"response_format": form, "logprobs": True, "top_logprobs": TOP}
    if request.schema is not None:
        # Not marked strict: OpenAI's strict mode refuses schemas with optional fields.
        shape = {"name": "answer", "schema": dict(request.schema)}
        return {"response_format": {"type": "json_schema", "json_schema": shape}}
    return {}


def _chosen(response: ModelResponse, request: ModelRequest) -> ModelResponse:
    """Return the response with the bare choice as its text, and the choices' probabilities."""
    text = text_of(response.message)
    choice = _unwrapped(text)
    if choice is None:
        return response
    kept = tuple(part for part in response.message.parts if isinstance(part, ReasoningPart))
    return replace(
        response,
        message=Message("assistant", (*kept, TextPart(choice))),
        choices=choice_probabilities(text, choice, response.tokens, request.choices),
    )


def _unwrapped(text: str) -> str | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text.strip() or None  # an endpoint that takes no schema answers in plain words
    choice = cast("dict[str, Any]", value).get("choice") if isinstance(value, dict) else None
    return choice if isinstance(choice, str) else None


def _problem(body: bytes) -> Mapping[str, Any]:
    """Return the error object of a failed answer, in the shapes that servers give it."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(data, dict):
        return {}
    data = cast("dict[str, Any]", data)
    error = data.get("error", data)
    return cast("Mapping[str, Any]", error) if isinstance(error, dict) else {"message": error}


def _cleaned(message: object, key: str) -> str:
    text = message if isinstance(message, str) else ""
    text = text.replace(key, "[key]") if key else text
    return "".join(c if c.isprintable() else " " for c in text)[:300]


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that the endpoint asks for, from seconds or an HTTP date."""
    given = headers.get("retry-after", "").strip()
    try:
        seconds = float(given)
    except ValueError:
        seconds = _seconds_until(given)
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _seconds_until(date: str) -> float:
    # Start-up time: only an endpoint that names a date needs it.
    from email.utils import parsedate_to_datetime

    try:
        when = parsedate_to_datetime(date)
    except ValueError:
        return math.nan
    aware = when if when.tzinfo is not None else when.replace(tzinfo=UTC)
    return (aware - datetime.now(UTC)).total_seconds()


def _host(base_url: str) -> str:
    return urlsplit(base_url).netloc.rpartition("@")[2] or base_url


def _provider(host: str) -> str:
    return "openai" if host == "api.openai.com" else host


@functools.cache
def _trusted() -> Any:
    import httpx  # start-up time

    return httpx.create_ssl_context()
