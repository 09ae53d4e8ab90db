"""The probability of each of a few choices after a prompt, as a llama.cpp model sees it.

It is the product of the probabilities of the choice's tokens, by the model's own distribution
before any sampling, divided by the sum over the choices: exact for the usual way to split a text
into tokens (other splits of the same text aren't added up) and for choices that aren't negligible.
The prompt is read once; each reading after it costs the few tokens of one choice.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stanchion.errors import InvalidResponse, ModelRefused
from stanchion.models._llama_engine import LoadedModel, token_facts
from stanchion.models._token_tree import TokenTree
from stanchion.values import Usage

__all__ = ["Scores", "score_choices"]

Path = tuple[int, ...]

SIBLINGS = 256
"""Runners-up asked for with each token: most siblings are among them."""
EVERYTHING = 1_000_000
"""More runners-up than any vocabulary has."""


@dataclass(frozen=True, slots=True)
class Scores:
    """Choices with their probabilities, likeliest first, and what it cost to find out."""

    ranked: tuple[tuple[str, float], ...]
    usage: Usage


def score_choices(
    model: LoadedModel, prompt: str, choices: Sequence[str], stop: threading.Event
) -> Scores:
    """Return how likely the model is to go on with each choice."""
    head = model.tokens(prompt)
    tree = TokenTree({choice: _path(model, prompt, head, choice) for choice in choices})
    opening = model.read(_continuation(head, 1), stop)
    tree.learn((), _readings(opening))
    written = 1
    while (path := tree.next_path()) is not None:
        tree.learn(path, _force(model, head, path, stop))
        written += len(path)
    usage = Usage(len(head), written, cache_read_tokens=_cached(opening))
    return Scores(tree.probabilities(), usage)


def _path(model: LoadedModel, prompt: str, head: Path, choice: str) -> Path:
    """Return the tokens of a choice as they are split after this prompt."""
    whole = model.tokens(prompt + choice)
    path = whole[len(head) :] if whole[: len(head)] == head else model.tokens(choice)
    if not path:
        raise ModelRefused(
            "an empty choice can't be scored",
            remedy="give every choice a text",
            reason="request",
        )
    return path


def _force(
    model: LoadedModel, head: Path, path: Path, stop: threading.Event
) -> list[dict[int, float]]:
    """Make the model read these very tokens; return what it held likely at each."""
    body = _continuation(head, len(path)) | {"grammar": _only(path)}
    read = [model.complete(body, stop)]
    if _taken(read) == path:
        return _readings(read)
    # Nothing is reported of a token that ends in the middle of a character, except as a runner-up.
    return [_whole(model, head + path[:depth], path[depth], stop) for depth in range(len(path))]


def _whole(model: LoadedModel, head: Path, wanted: int, stop: threading.Event) -> dict[int, float]:
    """Return the probability of every token after a prompt."""
    letter = model.tokens("a")[:1]
    body = _continuation(head, 1) | {"n_probs": EVERYTHING, "grammar": _only(letter)}
    reading = _readings([model.complete(body, stop)])[0]
    if wanted not in reading:
        raise InvalidResponse(
            "llama.cpp doesn't say how likely a token of a choice is",
            remedy="report this with the choices and the versions of xllamacpp and the model file",
        )
    return reading


def _continuation(head: Path, count: int) -> dict[str, Any]:
    return {"prompt": [*head], "max_tokens": count, "temperature": 0.0, "n_probs": SIBLINGS}


def _only(path: Path) -> str:
    """Return the grammar of exactly these tokens."""
    return "%llguidance {}\nstart: " + " ".join(f"<[{token}]>" for token in path)


def _taken(answers: Iterable[Mapping[str, Any]]) -> Path:
    return tuple(token["id"] for token in token_facts(answers))


def _readings(answers: Iterable[Mapping[str, Any]]) -> list[dict[int, float]]:
    return [
        {seen["id"]: seen["logprob"] for seen in (*token["top_logprobs"], token)}
        for token in token_facts(answers)
    ]


def _cached(chunks: Sequence[Mapping[str, Any]]) -> int:
    return int(chunks[-1]["usage"]["prompt_tokens_details"]["cached_tokens"])
