"""Arguments: bound, validated, encoded."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from stanchion.errors import EncodingError
from stanchion.tools import tool
from stanchion.values import Money
from tests.properties import quick
from tests.tools.bank import ACCOUNT, refund

FIFTY = Money(Decimal("50.00"))

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)


@tool(read=True, max_argument_bytes=200)
def search(query: str, *, limit: int = 10, tags: list[str] | None = None) -> list[str]:
    """Search.

    Args:
        query: Words.
        limit: At most so many.
        tags: Only with these.
    """
    return [query] * limit + (tags or [])


def test_positional_arguments_get_their_names() -> None:
    assert search.contract.arguments.bind(("a",), {"limit": 2}) == {"query": "a", "limit": 2}


@pytest.mark.parametrize(("args", "kwargs"), [(("a", 2), {}), (("a",), {"query": "b"})])
def test_a_call_that_python_would_refuse_is_refused(
    args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    with pytest.raises(TypeError):
        search.contract.arguments.bind(args, kwargs)


def test_validated_arguments_are_typed_and_have_their_defaults() -> None:
    given_as_json = {"account_number": ACCOUNT, "amount": {"amount": "50.00"}}
    assert refund.contract.validate(given_as_json) == {
        "account_number": ACCOUNT,
        "amount": FIFTY,
        "reason": "goodwill",
    }


def test_a_default_is_not_shared_between_calls() -> None:
    @tool(read=True)
    def collect(items: list[int] = []) -> int:  # noqa: B006 - what authors write
        """Collect.

        Args:
            items: What.
        """
        return len(items)

    collect.contract.validate({})["items"].append(1)
    assert collect.contract.validate({}) == {"items": []}


def test_the_same_call_has_the_same_bytes_whether_typed_or_json_with_or_without_defaults() -> None:
    typed = {"account_number": ACCOUNT, "amount": FIFTY}
    as_json = {
        "reason": "goodwill",
        "amount": {"currency": "USD", "amount": "50.00"},
        "account_number": ACCOUNT,
    }
    encode = refund.contract.encode_arguments
    assert encode(typed) == encode(as_json)
    assert encode(typed) == (
        b'{"account_number":"1234567890","amount":{"amount":"50.00","currency":"USD"},'
        b'"reason":"goodwill"}'
    )


def test_arguments_over_the_limit_are_refused_by_size() -> None:
    assert search.contract.validate({"query": "x" * 150})
    with pytest.raises(EncodingError, match="limit of 200"):
        search.contract.validate({"query": "x" * 200})


@quick
@given(st.dictionaries(st.sampled_from(["query", "limit", "tags", "x"]), json_values))
def test_whatever_passes_validation_fits_the_declared_types(arguments: dict[str, Any]) -> None:
    try:
        values = search.contract.validate(arguments)
    except (ValidationError, EncodingError):
        return
    assert list(values) == ["query", "limit", "tags"]
    assert isinstance(values["query"], str)
    assert type(values["limit"]) is int
    assert values["tags"] is None or all(isinstance(tag, str) for tag in values["tags"])
    assert search.contract.validate(values) == values
