"""Scorers: from 0 to 1, and what counts as the same."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stanchion import Stanchion
from stanchion.evaluate import (
    Attempt,
    Case,
    CaseResult,
    Dataset,
    Experiment,
    Scorer,
    estimate,
    evaluate,
    exact,
    fields_f1,
    human,
    is_json,
    numeric,
    slices,
    state_check,
    tool_calls,
)
from tests.evaluate.shop import quote

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=6,
)


@pytest.fixture
def attempt() -> Attempt:
    """Return an attempt whose record nobody reads."""
    nothing: Any = None
    return Attempt(Case("in"), "out", nothing, nothing)


def scored(scorer: Scorer, output: Any, expected: Any) -> float:
    """Return what a scorer that reads no record says."""
    nothing: Any = None
    found = scorer(Attempt(Case("in", expected, id="1"), output, nothing, nothing))
    assert not inspect.isawaitable(found)
    return found


@pytest.mark.parametrize(
    ("output", "expected", "score"),
    [
        ("a", "a", 1),
        ("a", "A", 0),
        (1, 1.0, 1),
        ([1, {"n": 2.0}], [1.0, {"n": 2}], 1),
        (1, True, 0),
        (0, False, 0),
        (None, False, 0),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, 1),
        ([1, 2], [2, 1], 0),
    ],
)
def test_exact_is_the_same_json_value(output: Any, expected: Any, score: float) -> None:
    assert scored(exact(), output, expected) == score


def test_a_field_is_found_by_its_path_and_a_missing_one_is_nothing() -> None:
    assert scored(exact("order.total"), {"order": {"total": 5, "x": 1}}, {"order": {"total": 5}})
    assert not scored(exact("order.total"), "no object", {"order": {"total": 5}})


@pytest.mark.parametrize(
    ("output", "expected", "score"),
    [
        ({"a": 1, "b": 2}, {"a": 1, "b": 3}, 0.5),
        ({"a": 1}, {"a": 1, "b": 3}, 2 / 3),
        ({"a": 1, "b": 2, "c": [1, 2]}, {"a": 1}, 0.4),
        ({}, {"a": 1}, 0),
        ({}, {}, 1),
        ({"a": None}, {}, 1),
        ({"lines": [{"n": 1}, {"n": 2}]}, {"lines": [{"n": 1}, {"n": 3}]}, 0.5),
    ],
)
def test_fields_are_leaves_by_their_paths(output: Any, expected: Any, score: float) -> None:
    assert scored(fields_f1(), output, expected) == pytest.approx(score)


@given(json_values)
def test_any_value_is_wholly_itself(value: Any) -> None:
    assert scored(exact(), value, value) == 1
    assert scored(fields_f1(), value, value) == 1


@pytest.mark.parametrize(
    ("output", "expected", "score"),
    [
        ("3.04", 3, 1),
        (2.9, "3", 1),
        (3.2, 3, 0),
        ("three", 3, 0),
        (True, 1, 0),
        (None, 0, 0),
        ("NaN", "NaN", 0),
        ("1e999", 1, 0),
    ],
)
def test_numbers_are_compared_within_a_tolerance(output: Any, expected: Any, score: float) -> None:
    assert scored(numeric(absolute=0.1), output, expected) == score


def test_the_larger_tolerance_counts() -> None:
    assert scored(numeric(relative=0.1), 109, 100) == 1
    assert scored(numeric(relative=0.1, absolute=1), 112, 100) == 0


@pytest.mark.parametrize(
    ("output", "score"),
    [('{"n": 1}', 1), ({"n": 1}, 1), ('{"n": "x"}', 0), ("```json\n{}```", 0), ("{}", 0)],
)
def test_json_has_to_parse_and_to_fit(output: Any, score: float) -> None:
    schema = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}

    assert scored(is_json(schema), output, None) == score
    assert scored(is_json(), '{"anything": 1}', None) == 1


def test_people_are_asked_by_the_case_and_silence_is_no_score() -> None:
    scorer = human([CaseResult("1", {"good": 0.5}), CaseResult("2", {})], "good")

    assert scored(scorer, "out", None) == 0.5
    with pytest.raises(LookupError, match="nobody has labelled"):
        scored(human([], "good"), "out", None)


async def test_the_state_of_the_environment_is_checked_by_the_users_own_code(
    attempt: Attempt,
) -> None:
    async def later(found: Attempt) -> bool:
        return found.output == "out"

    def never(_: Attempt) -> bool:
        return False

    for check, score in ((later, 1), (never, 0)):
        found = state_check(check)(attempt)
        assert inspect.isawaitable(found)
        assert await found == score


@pytest.mark.parametrize(
    ("expected", "in_order", "with_arguments", "score"),
    [
        ([{"name": "price", "arguments": {"item": "tea"}}], True, True, 2 / 3),
        ([{"name": "price"}, {"name": "price"}], True, True, 1),
        ([{"name": "price", "arguments": {"item": "gold"}}] * 2, True, True, 0),
        ([{"name": "price", "arguments": {"item": "gold"}}] * 2, True, False, 1),
        ([{"name": "refund"}], False, True, 0),
        (
            [{"name": "price", "arguments": {"item": item}} for item in ("jam", "tea")],
            False,
            True,
            1,
        ),
        ([], True, True, 0),
    ],
)
async def test_tool_calls_are_matched_with_what_was_expected(
    expected: list[Any], in_order: bool, with_arguments: bool, score: float
) -> None:
    scorer = tool_calls(in_order=in_order, with_arguments=with_arguments)
    dataset = Dataset((Case(["tea", "jam"], {"calls": expected}),))
    async with Stanchion("sqlite://:memory:") as app:
        (found,) = (await evaluate(app, Experiment(quote, dataset, {"calls": scorer}))).results

    assert found.scores["calls"] == pytest.approx(score)


def test_the_worst_slice_is_the_one_that_is_surely_bad() -> None:
    results = [
        CaseResult(f"{n}", {"exact": float(n % 10 < good)}, facts={"lang": lang})
        for lang, good, cases in (("en", 9, 100), ("de", 3, 100), ("fr", 0, 2))
        for n in range(cases)
    ]

    found = slices(results, "exact", by="lang")

    assert [each.name for each in found] == ["de", "fr", "en"]
    assert [each.cases for each in found] == [100, 2, 100]
    assert found[0].high < found[2].low


def test_an_estimate_counts_what_has_no_score_as_a_failure_and_says_how_many() -> None:
    results = [CaseResult(f"{n}", {"exact": 1.0} if n else {}) for n in range(50)]
    grouped = [CaseResult(f"{n}", {"exact": 1.0}, f"g{n % 4}") for n in range(50)]

    found = estimate(results, "exact")

    assert (found.value, found.unscored) == (0.98, 1)
    assert 0.85 < found.low < 0.98 < found.high < 1
    assert "too few clusters" in str(estimate(grouped, "exact"))
    assert estimate([CaseResult("1", {"f1": 0.5})], "f1").reason == "one score has no spread"
