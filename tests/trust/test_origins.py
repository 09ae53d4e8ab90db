"""Where an argument's value stands in what a run has read."""

from __future__ import annotations

from decimal import Decimal
from enum import Enum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stanchion.trust import Origin, find_origins
from stanchion.values import Money
from tests.properties import quick

TICKET = """Hello,
please refund $1,250.50 to my account 12 3456-7890.
My old one was 1234567890123.
Thank you, Ada (ada@example.org)"""


def places(value: Any, text: str = TICKET) -> list[tuple[int, int]]:
    return [(origin.line, origin.column) for origin in find_origins(value, {"ticket": text})]


def test_an_origin_names_the_source_the_line_and_the_column() -> None:
    (origin,) = find_origins("1234567890", {"input": {"subject": "Refund", "body": TICKET}})
    assert origin == Origin(
        source="input.body",
        line=2,
        column=39,
        excerpt="please refund $1,250.50 to my account 12 3456-7890.",
    )


def test_digits_in_groups_are_found_and_parts_of_longer_numbers_are_not() -> None:
    assert places("1234567890") == [(2, 39)]
    assert places("123456789") == []
    assert places("34567890") == [(2, 42)]
    assert places("1234567890", "x1234567890 1234567890x") == []


@pytest.mark.parametrize(
    "amount",
    [
        Decimal("1250.50"),
        Decimal("1250.5"),
        1250.5,
        Money(Decimal("1250.50")),
        {"amount": "1250.50", "currency": "USD"},
    ],
    ids=str,
)
def test_an_amount_is_found_however_it_is_typed(amount: Any) -> None:
    assert places(amount) == [(2, 16)]


@pytest.mark.parametrize("written", ["1.250,50", "1 250,50", "1'250.50", "1\u2019250.50", "1250,5"])
def test_an_amount_is_found_however_it_is_written(written: str) -> None:
    assert places(Decimal("1250.50"), f"pay €{written}!") == [(1, 6)]


@pytest.mark.parametrize("written", ["12505", "1250.501", "11250.50", "A1250.50", "125050"])
def test_another_amount_is_not_found(written: str) -> None:
    assert places(Decimal("1250.50"), f"pay {written} now") == []


def test_text_is_found_whatever_its_case_width_or_hidden_characters() -> None:
    assert places("ADA@example.org") == [(4, 17)]
    assert places(
        "1234567890", "to \uff11\uff12\uff13\uff14\uff15\uff16\uff17\uff18\uff19\uff10"
    ) == [(1, 4)]
    assert places("1234567890", "to 12\u200b345\u206067890") == [(1, 4)]
    assert places("GB29NWBK60161331926819", "IBAN GB29 NWBK 6016 1331 9268 19 please") == [(1, 6)]


class Speed(Enum):
    FAST = "fast"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Speed.FAST, [(1, 4)]),
        (None, []),
        (True, []),
        ("", []),
        ("...", []),
        (["fast"], []),
        ({"x": "fast"}, []),
        ({"amount": "x", "currency": "y"}, []),
        (Decimal("NaN"), []),
        (Decimal("sNaN"), []),
        (float("inf"), []),
        ("fast" * 1000, []),
    ],
    ids=repr,
)
def test_values_that_can_not_be_looked_for_are_found_nowhere(
    value: Any, expected: list[tuple[int, int]]
) -> None:
    assert places(value, "go fast, not true or NaN") == expected


def test_sources_are_searched_in_order_down_to_their_numbers() -> None:
    sources: dict[str, Any] = {"a": [{"n": 7}, "x"], "b": "seven 7"}
    assert [(o.source, o.excerpt) for o in find_origins(7, sources)] == [
        ("a.0.n", "7"),
        ("b", "seven 7"),
    ]


def test_what_is_found_is_bounded() -> None:
    assert len(find_origins(7, {"t": "7 " * 1000})) == 8
    assert find_origins("needle", {"t": "x" * 70_000 + " needle"}) == ()
    (origin,) = find_origins("needle", {"t": "a " * 300 + "needle" + " b" * 300})
    assert len(origin.excerpt) <= 160
    assert "needle" in origin.excerpt


def test_deeply_nested_sources_do_no_harm() -> None:
    nested: Any = "7"
    for _ in range(2000):
        nested = [nested]
    assert len(find_origins(7, {"t": nested})) == 1


@quick
@given(st.text(max_size=60), st.text(max_size=60), st.text(alphabet="abc123", min_size=1))
def test_a_value_that_stands_apart_is_always_found_where_it_stands(
    before: str, after: str, value: str
) -> None:
    text = f"{before} {value} {after}"
    found = find_origins(value, {"t": text})
    assert found
    lines = text.split("\n")
    for origin in found:
        assert lines[origin.line - 1][origin.column - 1].isalnum()


@quick
@given(st.text(alphabet="0123456789.,' €", max_size=80), st.integers() | st.decimals())
def test_any_text_may_be_searched_for_any_number(text: str, number: Any) -> None:
    for origin in find_origins(number, {"t": text}):
        assert origin.line == 1
