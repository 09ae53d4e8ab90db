"""The confidence of a filled model: what its values were worth, not what its syntax was."""

from __future__ import annotations

import math

import pytest
from pydantic import BaseModel

from stanchion.decide import options_of, read_response
from stanchion.models import ModelResponse, TokenChoice
from stanchion.values import Decision, Message, TextPart


class Anything(BaseModel, extra="allow"):
    """Takes any object."""


def token(text: str, share: float, **others: float) -> TokenChoice:
    top = tuple((other, math.log(p)) for other, p in others.items())
    return TokenChoice(text, math.log(share), ((text, math.log(share)), *top))


def confidence(*tokens: TokenChoice) -> float:
    text = "".join(each.token for each in tokens)
    response = ModelResponse(Message("assistant", (TextPart(text),)), tokens=tokens)
    decision: Decision[Anything] | None = read_response(options_of(Anything), response)
    assert decision is not None
    return round(decision.confidence, 4)


def among(text: str, share: float, others: dict[str, float]) -> TokenChoice:
    return token(text, share, **others)


FORCED = 1e-6
"""What a model that would rather have written something else gives to syntax."""


def test_braces_names_colons_and_spaces_dont_count() -> None:
    told = (
        token("{", FORCED),
        token('"guilty"', FORCED),
        token(":", FORCED),
        token(" ", FORCED),
        token("true", 0.9),
        token("\n}", FORCED),
    )

    assert confidence(*told) == 0.9


def test_several_values_are_multiplied() -> None:
    told = (
        token('{"a":', FORCED),
        token("true", 0.9),
        token(',"b":', FORCED),
        token("null", 0.5),
        token("}", FORCED),
    )

    assert confidence(*told) == 0.45


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        ([token('"', 1.0), token("re", 0.8), token("d", 1.0), token('"', 0.5)], 0.4),
        ([token('"', 1.0), token("red", 0.8), among('",', 0.2, {'"': 0.3, "dish": 0.5})], 0.4),
        ([token('"red"', 0.6)], 0.6),
        ([among('"', 0.6, {' "': 0.2, "null": 0.2}), token('red"', 1.0)], 0.8),
        ([token('"', 1.0), token('"', 0.3)], 0.3),
        ([token('"a: 1, [b]"', 0.7)], 0.7),
    ],
    ids=["pieces", "its end", "whole", "other white space", "empty", "syntax inside"],
)
def test_a_text_counts_with_its_quotes_however_it_is_split(
    tokens: list[TokenChoice], expected: float
) -> None:
    rest = [] if "," in tokens[-1].token[-1:] else [token(",", FORCED)]
    told = [token('{"colour":', FORCED), *tokens, *rest, token('"b":', FORCED), token("null", 1.0)]

    assert confidence(*told, token("}", FORCED)) == expected


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        ([token("12", 0.9), among("}", 0.1, {"5": 0.6, ",": 0.3})], 0.36),
        ([token("1", 0.5), token("2", 1.0), token("}", 1.0)], 0.5),
        ([among("12}", 0.3, {"123": 0.2, "12": 0.2, "7": 0.3})], 0.5),
    ],
    ids=["its end", "pieces", "with its end"],
)
def test_a_number_counts_up_to_what_ends_it(tokens: list[TokenChoice], expected: float) -> None:
    assert confidence(token('{"n":', FORCED), *tokens) == expected


def test_a_list_counts_where_it_goes_on_and_where_it_ends() -> None:
    told = (
        token('{"all":[', FORCED),
        token("true", 0.9),
        token(",", 0.8),
        token("false", 0.5),
        token("]", 0.5),
        token("}", FORCED),
    )

    assert confidence(*told) == 0.18
    assert confidence(token('{"all":[', FORCED), token("]", 0.25), token("}", FORCED)) == 0.25


def test_a_token_that_holds_syntax_too_counts_by_what_it_says_after_it() -> None:
    shared = among('{"guilty":true', 0.003, {'{"guilty":false': 0.001, "Guilty": 0.9})

    assert confidence(shared, token("}", FORCED)) == 0.75


def test_an_answer_that_cant_be_read_token_by_token_counts_as_a_whole() -> None:
    text = '{"guilty":true}'
    tokens = (token("\ufffd", 0.5), token(text, 0.5))
    response = ModelResponse(Message("assistant", (TextPart(text),)), tokens=tokens)

    decision = read_response(options_of(Anything), response)

    assert decision is not None
    assert decision.confidence == pytest.approx(0.25)
