"""Probabilities of a few choices, from the token probabilities of one answer.

Follows the answer token by token as long as several choices could still come of it. At each token
the runners-up give their mass to the choices they would lead to, in equal parts where one leads to
several, which only another reading could tell apart. What leads to no choice is left out and the
rest is normalised. Nothing here calls a model.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence

from stanchion.models._model import TokenChoice

__all__ = ["choice_probabilities"]


def choice_probabilities(
    text: str, choice: str, tokens: Sequence[TokenChoice], choices: Sequence[str]
) -> tuple[tuple[str, float], ...]:
    """Return each choice with its probability, likeliest first; empty if the tokens don't tell.

    ``text`` is the whole answer, in which ``choice`` stands, bare or as a JSON string.
    """
    targets = _targets(text, choice, choices)
    written = "".join(token.token for token in tokens)
    if not targets or choice not in targets or not all(token.top for token in tokens):
        return ()
    if not written.startswith(targets[choice]):
        return ()
    masses = _masses(targets, tokens)
    total = sum(masses.values())
    if not total > 0 or not math.isfinite(total):
        return ()
    return tuple(
        sorted(((name, masses[name] / total) for name in choices), key=lambda item: -item[1])
    )


def _targets(text: str, choice: str, choices: Sequence[str]) -> dict[str, str]:
    """Return what the answer's text would begin with for each choice."""
    for quote in (_ascii, _unicode, str):
        start = text.rfind(quote(choice))
        if start >= 0:
            return {name: text[:start] + quote(name) for name in choices}
    return {}


def _ascii(text: str) -> str:
    return json.dumps(text)


def _unicode(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _masses(targets: dict[str, str], tokens: Sequence[TokenChoice]) -> dict[str, float]:
    masses = dict.fromkeys(targets, 0.0)
    open_, before, path = list(targets), "", 0.0
    for token in tokens:
        for other, logprob in token.top:
            if other != token.token:
                led = _led(before + other, targets, open_)
                for name in led:
                    masses[name] += math.exp(path + logprob) / len(led)
        path += token.logprob
        before += token.token
        open_ = _led(before, targets, open_)
        if len(open_) < 2:
            break
    for name in open_:
        masses[name] += math.exp(path) / len(open_)
    return masses


def _led(written: str, targets: dict[str, str], open_: Iterable[str]) -> list[str]:
    return [
        name
        for name in open_
        if targets[name].startswith(written) or written.startswith(targets[name])
    ]
