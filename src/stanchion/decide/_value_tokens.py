"""How likely the values of a JSON answer were, without the syntax that its schema forces.

Braces, names, colons and white space say nothing about a decision, and a model that would rather
have begun with a sentence gives them next to no probability. Counted is each token that writes a
part of a value (a text with its quotes, a number up to what ends it, a literal), or says whether a
list goes on. Where a token also holds syntax, its probability is that of all the reported tokens
which write the same part of the value, among those that write the same syntax before it. Nothing
here calls a model.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stanchion.models import TokenChoice

__all__ = ["value_probability"]

_PIECES = re.compile(
    r"""(?P<name>"(?:[^"\\]|\\.)*"(?=\s*:))
      | (?P<text>"(?:[^"\\]|\\.)*")
      | (?P<number>-?\d[\d.eE+-]*)
      | (?P<literal>true|false|null)
      | (?P<open>[\[{])
      | (?P<close>[\]}])
      | (?P<comma>,)""",
    re.VERBOSE,
)
_GOES_ON = re.compile(r"[\d.eE+-]")
"""What a number may go on with."""
_LARGEST_EXPONENT = 700.0


@dataclass(frozen=True, slots=True)
class _Span:
    """Where a value stands."""

    start: int
    end: int
    is_number: bool

    def touches(self, start: int, end: int) -> bool:
        """Tell whether a token between two offsets writes a part of it, or what ends it."""
        last = self.end + 1 if self.is_number else self.end
        return start < last and end > self.start


def value_probability(tokens: Sequence[TokenChoice]) -> float | None:
    """Return the joint probability of the values in an answer; None if it isn't JSON."""
    text = "".join(token.token for token in tokens)
    try:
        json.loads(text)
    except ValueError:
        return None
    spans, total, start = list(_spans(text)), 0.0, 0
    for token in tokens:
        end = start + len(token.token)
        touched = [span for span in spans if span.touches(start, end)]
        if touched:
            total += _share(text, token, start, touched)
        start = end
    return math.exp(total)


def _spans(text: str) -> Iterator[_Span]:
    within: list[str] = []
    for piece in _PIECES.finditer(text):
        match piece.lastgroup:
            case "name":
                continue
            case "open":
                within.append(piece[0])
                continue
            case "close":
                is_value = within.pop() == "["  # here the list ends
            case "comma":
                is_value = within[-1] == "["  # here it goes on
            case _:
                is_value = True
        if is_value:
            yield _Span(*piece.span(), is_number=piece.lastgroup == "number")


def _share(text: str, token: TokenChoice, start: int, touched: Sequence[_Span]) -> float:
    """Return the logarithm of how likely the token's part of the values was."""
    own = min(0.0, token.logprob)
    first, last = touched[0], touched[-1]
    begins = max(start, first.start)
    forced = text[start:begins].rstrip()
    part, rest = text[begins : min(last.end, start + len(token.token))], text[begins : last.end]
    same = given = 0.0
    for other, logprob in {**dict(token.top), token.token: own}.items():
        if not other.startswith(forced):
            continue
        weight = math.exp(min(_LARGEST_EXPONENT, logprob - own))
        given += weight
        tail = other[len(forced) :]
        if _writes(tail.lstrip() if start <= first.start else tail, part, rest, last):
            same += weight
    if forced:
        return math.log(same / given)
    return min(0.0, own + math.log(same))


def _writes(other: str, part: str, rest: str, span: _Span) -> bool:
    """Tell whether a token writes this part of the values and contradicts nothing of the rest."""
    if len(other) <= len(rest):
        return other.startswith(part) and rest.startswith(other)
    goes_on = span.is_number and _GOES_ON.match(other[len(rest) :])
    return other.startswith(rest) and not goes_on
