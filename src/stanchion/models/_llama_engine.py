"""One model file in llama.cpp, loaded on first use, answering one request at a time.

llama.cpp's own server runs inside the process and takes JSON. Its requests run in a thread of their
own, so the event loop stays free and nothing else touches the model meanwhile; a cancelled or late
request is stopped at its next token. The server also listens on a loopback port, which is needed
to split text into tokens; a random key that never leaves the process guards it.

It knows nothing of messages or choices: what to ask is the model's business.
"""

from __future__ import annotations

import asyncio
import functools
import importlib
import json
import os
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

from stanchion.errors import ConfigurationError, InvalidResponse, ModelRefused, ModelUnavailable

__all__ = ["EngineSettings", "LlamaEngine", "LoadedModel", "shared_engine", "token_facts"]

T = TypeVar("T")

BATCH_TOKENS = 128
"""Prompt tokens read between two looks at whether the caller still wants the answer."""
PROMPT_CACHE_MIB = 256
"""Memory for the states of earlier prompts, so that taking turns between them costs nothing."""


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """Everything that a loaded model depends on; equal settings share one."""

    path: Path
    context_tokens: int = 4096
    chat_template: str | None = None
    """A Jinja template instead of the file's own."""


class Stopped(Exception):
    """A signal between two threads: the caller doesn't want the answer any more."""


class LoadedModel:
    """A model file in memory. Every method blocks; only the engine's thread calls them."""

    def __init__(self, settings: EngineSettings) -> None:
        # Start-up time: only a model that is used needs it.
        import secrets

        # An optional extra, and 100 MB of library to map.
        xllamacpp = importlib.import_module("xllamacpp")
        key = secrets.token_urlsafe(32)
        try:
            self._server = xllamacpp.Server(_parameters(xllamacpp, settings, key))
        except RuntimeError as error:
            raise ConfigurationError(
                f"llama.cpp can't load {settings.path}",
                remedy="check that the file is a complete GGUF model and that its chat template "
                "and context size suit it",
            ) from error
        self._to_grammar: Callable[[Any], str] = xllamacpp.json_schema_to_grammar
        self._port = urlsplit(str(self._server.listening_address)).port
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        capabilities = self._http("GET", "/props")["chat_template_caps"]
        self.takes_tools = bool(capabilities["supports_tools"])
        """Whether its chat template has a place for tools."""
        self.version = _version(settings.path)

    def chat(self, body: Mapping[str, Any], stop: threading.Event) -> list[dict[str, Any]]:
        """Answer a conversation; return the chunks of the stream."""
        return _streamed(self._server.handle_chat_completions, body, stop)

    def read(self, body: Mapping[str, Any], stop: threading.Event) -> list[dict[str, Any]]:
        """Continue a prompt of tokens; return the chunks of the stream."""
        return _streamed(self._server.handle_completions, body, stop)

    def complete(self, body: Mapping[str, Any], stop: threading.Event) -> dict[str, Any]:
        """Continue a short or cached prompt; can't be stopped, but leaves out no token's facts.

        A stream says nothing of a token that ends in the middle of a character.
        """
        if stop.is_set():
            raise Stopped
        return _checked(self._server.handle_completions(dict(body)))

    def prompt(self, messages: list[dict[str, Any]]) -> str:
        """Return messages as the text that the model reads."""
        return str(self._http("POST", "/apply-template", {"messages": messages})["prompt"])

    def tokens(self, text: str) -> tuple[int, ...]:
        """Return the tokens of a text that may hold the model's control tokens."""
        return tuple(piece["id"] for piece in self._pieces(text, control=True))

    def defuse(self, text: str) -> str:
        """Return text in which nothing reads as a control token, by a zero-width joiner in each.

        A customer who writes ``<|im_end|>`` would otherwise end his turn and begin another one.
        """
        while True:
            plain = {str(piece["piece"]) for piece in self._pieces(text, control=False)}
            read = {str(piece["piece"]) for piece in self._pieces(text, control=True)}
            control = [piece for piece in read - plain if len(piece) > 1 and piece in text]
            if not control:
                return text
            for piece in control:
                text = text.replace(piece, piece[0] + "\N{ZERO WIDTH JOINER}" + piece[1:])

    def grammar(self, schema: Mapping[str, Any]) -> str:
        """Return the grammar of a JSON schema, on one line since every token takes time."""
        compact = {
            "whitespace_flexible": False,
            "key_separator": ": ",
            "item_separator": ", ",
            "lenient": True,
        }
        return self._to_grammar({**schema, "x-guidance": compact})

    def _pieces(self, text: str, *, control: bool) -> list[dict[str, Any]]:
        body = {
            "content": text,
            "add_special": False,
            "parse_special": control,
            "with_pieces": True,
        }
        return self._http("POST", "/tokenize", body)["tokens"]

    def _http(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        # Start-up time: it brings all of the e-mail package.
        import http.client

        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        try:
            payload = None if body is None else json.dumps(body)
            connection.request(method, path, payload, self._headers)
            return _checked(json.loads(connection.getresponse().read()))
        finally:
            connection.close()


class LlamaEngine:
    """A model file and the thread in which it works."""

    def __init__(self, settings: EngineSettings) -> None:
        self._settings = settings
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"llama {settings.path.name}")
        self._loaded: LoadedModel | None = None

    async def perform(
        self, work: Callable[[LoadedModel, threading.Event], T], *, timeout: float, name: str
    ) -> T:
        """Run some work on the loaded model; waiting for others and loading count as time."""
        stop = threading.Event()
        loop = asyncio.get_running_loop()
        job = loop.run_in_executor(self._thread, self._work, work, stop)
        try:
            async with asyncio.timeout(timeout):
                return await job
        except TimeoutError as error:
            raise ModelUnavailable(
                f"{name} didn't answer within {timeout:g} s",
                remedy="give it more time, a shorter prompt or a lower max_tokens",
            ) from error
        finally:
            stop.set()

    def _work(self, work: Callable[[LoadedModel, threading.Event], T], stop: threading.Event) -> T:
        if stop.is_set():
            raise Stopped
        if self._loaded is None:
            self._loaded = LoadedModel(self._settings)
        return work(self._loaded, stop)


_engines: WeakValueDictionary[EngineSettings, LlamaEngine] = WeakValueDictionary()
"""Files in use, so that two roles on one file load it once. Holds nothing alive."""


def shared_engine(settings: EngineSettings) -> LlamaEngine:
    """Return the engine for these settings, the one in use if there is one."""
    engine = _engines.get(settings)
    if engine is None:
        engine = _engines.setdefault(settings, LlamaEngine(settings))
    return engine


def _parameters(xllamacpp: Any, settings: EngineSettings, key: str) -> Any:
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(settings.path)
    parameters.n_ctx = settings.context_tokens
    parameters.n_parallel = 1
    parameters.n_batch = parameters.n_ubatch = BATCH_TOKENS
    parameters.cache_ram_mib = PROMPT_CACHE_MIB
    parameters.warmup = False
    parameters.verbosity = -1
    # Threads of llama.cpp wait for each other by spinning. Writing with every core is a little
    # faster on an idle machine and 20 times slower on a busy one, so one core is left alone.
    cores = _cores()
    parameters.cpuparams.n_threads = min(8, max(1, cores - 1))
    parameters.cpuparams_batch.n_threads = min(16, cores)
    parameters.cpuparams.poll = parameters.cpuparams_batch.poll = 0
    parameters.api_keys = [key]
    parameters.endpoint_props = True
    parameters.endpoint_slots = False
    parameters.ui = False
    if settings.chat_template is not None:
        parameters.chat_template = settings.chat_template
    return parameters


def _streamed(
    handle: Callable[..., None], body: Mapping[str, Any], stop: threading.Event
) -> list[dict[str, Any]]:
    """Run one request of the server to its end, or until the caller has gone."""
    chunks: list[dict[str, Any]] = []

    def collect(chunk: dict[str, Any]) -> bool:
        chunks.append(chunk)
        return stop.is_set()

    stream = {"stream": True, "stream_options": {"include_usage": True}, "return_progress": True}
    handle({**body, **stream}, collect)
    if stop.is_set():
        raise Stopped
    return [_checked(chunk) for chunk in chunks]


def token_facts(answers: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return what answers or chunks of a stream say about each token, in order."""
    choices: list[Any] = [choice for answer in answers for choice in answer["choices"]]
    reported: list[Any] = [choice["logprobs"] for choice in choices if choice.get("logprobs")]
    return [token for logprobs in reported for token in logprobs["content"] or ()]


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _checked(answer: Any) -> Any:
    """Return an answer of the server, or raise what it says went wrong."""
    error: Any = answer.get("error")
    if error is None:
        return answer
    if error.get("type") == "exceed_context_size_error":
        raise ModelRefused(
            f"the prompt has {error['n_prompt_tokens']} tokens, the model's context "
            f"{error['n_ctx']}",
            remedy="shorten the prompt, or give the model more context_tokens",
            reason="too_long",
        )
    if error.get("code", 400) >= 500:
        raise InvalidResponse(
            f"llama.cpp couldn't make an answer of what the model wrote: {error.get('message')}",
            remedy="ask again, or use a model made for what is asked",
        )
    raise ModelRefused(
        f"llama.cpp refused the request: {error.get('message')}",
        remedy="check the schema and the messages of this call",
        reason="request",
    )


def _version(path: Path) -> str:
    """Return the file's name and the beginning of its digest."""
    facts = path.stat()
    return f"{path.name}@sha256:{_digest(path, facts.st_size, facts.st_mtime_ns)[:12]}"


@functools.cache
def _digest(path: Path, size: int, modified_ns: int) -> str:
    """Return the digest of a file, read again only if its size or time changed."""
    # Start-up time: only a model that is used needs it.
    import hashlib

    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
