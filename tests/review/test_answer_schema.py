"""Values held against the schemas that Pydantic writes."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from stanchion.review import Occasion, ReviewRefused, ask, check_answer, reply
from stanchion.values import Json
from tests.properties import quick
from tests.tools.bank import NOW


class Leaf(BaseModel):
    model_config = ConfigDict(extra="forbid")

    a: int
    b: Literal["x", 1] = 1


class Tree(BaseModel):
    children: Annotated[list[Tree], Field(max_length=2)] = []
    leaf: Leaf | None = None


@dataclass
class Pair:
    a: Annotated[int, Field(ge=0, lt=5, multiple_of=2)]
    b: Annotated[str, Field(min_length=1, max_length=2, pattern="^[ab]+$")]


TYPES: tuple[Any, ...] = (
    None,
    bool,
    int,
    float,
    str,
    Leaf,
    Tree,
    Pair,
    list[int],
    tuple[int, str],
    dict[str, int],
    Annotated[dict[str, int], Field(max_length=1)],
    Literal["a", 1, True],
    int | str | None,
    Annotated[list[int], Field(min_length=1)],
    Json,
)

leaves = (
    st.none()
    | st.booleans()
    | st.integers(-2, 9)
    | st.sampled_from([0.5, 2.0, "", "a", "ab", "abc", "x"])
)
values: st.SearchStrategy[Any] = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "leaf", "children"]), inner, max_size=3)
    ),
    max_leaves=6,
)


def refused(value: Any, schema: Any) -> str:
    question = ask(Occasion("run-1", "[0]"), prompt="?", schema=schema)
    try:
        check_answer(question, reply(question, "answer", by="lena", at=NOW, value=value), NOW)
    except ReviewRefused as refusal:
        return refusal.message
    return ""


def pydantic_takes(value: Any, adapter: TypeAdapter[Any], *, strict: bool) -> bool:
    try:
        adapter.validate_json(json.dumps(value), strict=strict)
    except ValidationError:
        return False
    return True


@quick
@given(st.sampled_from(TYPES), values)
def test_a_value_is_refused_just_as_pydantic_would(type_: Any, value: Any) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(type_)
    is_refused = bool(refused(value, adapter.json_schema()))
    if pydantic_takes(value, adapter, strict=True):
        assert not is_refused
    if not pydantic_takes(value, adapter, strict=False):
        assert is_refused


@pytest.mark.parametrize(
    ("value", "type_", "message"),
    [
        ({"a": "x"}, Leaf, "a must be of type integer"),
        ({"b": 1}, Leaf, "a is missing"),
        ({"a": 1, "zz": 2}, Leaf, "expected only a, b"),
        ({"children": [{"leaf": {"a": 1, "b": 2}}]}, Tree, "fits none of the forms"),
        ({"a": 6, "b": "a"}, Pair, "a must be under 5"),
        ({"a": 1, "b": "a"}, Pair, "a must be a multiple of 2"),
        ([1, 2, "x"], list[int], "2 must be of type integer"),
        ([1, 1], set[int], "same item twice"),
        ({"k": "v"}, dict[str, int], r"\* must be of type integer"),
        ("z", Literal["a", "b"], "must be one of a, b"),
    ],
)
def test_a_refusal_names_the_field_and_what_was_expected(
    value: Any, type_: Any, message: str
) -> None:

    assert re.search(message, refused(value, TypeAdapter(type_).json_schema()))


def test_a_value_as_deep_as_can_be_recorded_is_taken() -> None:
    nested: Any = {}
    for _ in range(31):
        nested = {"children": [nested]}
    assert refused(nested, TypeAdapter(Tree).json_schema()) == ""
    for _ in range(2):
        nested = {"children": [nested]}
    assert "levels deep" in refused(nested, TypeAdapter(Tree).json_schema())


def test_a_schema_that_goes_in_a_circle_takes_nothing() -> None:
    circle = {"$defs": {"A": {"$ref": "#/$defs/A"}}, "$ref": "#/$defs/A"}
    assert refused(1, circle) != ""


def test_a_pattern_that_python_can_not_read_is_left_to_the_run() -> None:
    assert refused("x", {"type": "string", "pattern": r"\p{L}(?<"}) == ""


def test_decimal_steps_are_exact() -> None:
    schema = {"type": "number", "multipleOf": 0.1}
    assert refused(0.3, schema) == ""
    assert refused(float(Decimal("0.35")), schema)
