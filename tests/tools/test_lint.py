"""What a contract's score takes off, rule by rule, and what it says to mend."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from stanchion.tools import Tool, lint, tool


@dataclass(frozen=True, slots=True)
class Receipt:
    """Proof of a payment."""

    id: str


@tool(write=True, accepts_key=True, targets=["account_number"])
async def pay_invoice(
    account_number: str, amount_eur: int, speed: Literal["slow", "fast"]
) -> Receipt:
    """Pay an invoice from a customer's account, after it was approved.

    Args:
        account_number: The customer's account, as find_account returned it.
        amount_eur: How much, in whole euros.
        speed: How soon it has to arrive.
    """
    return Receipt(f"{account_number}{amount_eur}{speed}")


def rules(*tools: Tool[..., Any]) -> list[tuple[str, str]]:
    return [(f.rule, f.at) for f in lint(tools)[0].findings]


def test_a_contract_with_nothing_to_mend_has_a_hundred_points() -> None:
    (judged,) = lint([pay_invoice])
    assert (judged.tool, judged.score, judged.findings) == ("pay_invoice", 100, ())


def read(fn: Callable[..., Any], **said: Any) -> Tool[..., Any]:
    return tool(read=True, **said)(fn)


def described(text: str = "Find the orders of a customer.", **parameters: str) -> str:
    lines = [f"    {name}: {said}" for name, said in parameters.items()]
    return "\n".join([text, "", "Args:", *lines]) if lines else text


def named(name: str, annotation: Any, text: str = "What it is.") -> Tool[..., Any]:
    """Make a tool with one parameter."""
    namespace: dict[str, Any] = {"T": annotation, "Receipt": Receipt}
    exec(f"async def find_orders({name}: T) -> Receipt: ...", namespace)  # noqa: S102 (a fixture)
    fn = namespace["find_orders"]
    fn.__doc__ = described(**({name: text} if text else {}))
    return read(fn)


@pytest.mark.parametrize(
    ("which", "found"),
    [
        (named("city", str, ""), [("parameter-undescribed", "city")]),
        (named("data", str), [("parameter-ambiguous", "data")]),
        (named("x", str), [("parameter-ambiguous", "x")]),
        (named("length", int), [("number-without-unit", "length")]),
        (named("length", int, "In metres."), []),
        (named("length_km", float), []),
        (named("length", int | None), [("number-without-unit", "length")]),
        (named("sort", str, "One of newest or oldest."), [("choice-in-words", "sort")]),
        (named("sort", Literal["newest", "oldest"], "One of newest or oldest."), []),
        (
            named("filters", dict[str, Any]),
            [("no-example", ""), ("object-without-fields", "filters")],
        ),
        (named("order_id", str), [("target-undeclared", "order_id")]),
        (
            named("account_number", str, "Has 10 digits."),
            [("target-undeclared", "account_number"), ("form-of-identifier", "account_number")],
        ),
        (
            named("account_number", Annotated[str, Field(pattern=r"^\d{10}$")]),
            [("target-undeclared", "account_number"), ("form-of-identifier", "account_number")],
        ),
    ],
)
def test_each_rule_about_a_parameter_names_it(
    which: Tool[..., Any], found: list[tuple[str, str]]
) -> None:
    assert rules(which) == found


async def get() -> Receipt:
    """Find the orders of a customer."""
    return Receipt("")


async def terse() -> Receipt:
    """Orders."""
    return Receipt("")


async def wordy() -> Receipt:
    return Receipt("")


async def anything() -> dict[str, Any]:
    """Find the orders of a customer."""
    return {}


@pytest.mark.parametrize(
    ("which", "rule"),
    [
        (read(get), "name-vague"),
        (read(terse, name="find_orders"), "description-short"),
        (read(wordy, name="find_orders", description="word " * 300), "description-long"),
        (read(anything, name="find_orders"), "result-untyped"),
    ],
)
def test_each_rule_about_a_tool_stands_by_itself(which: Tool[..., Any], rule: str) -> None:
    assert rules(which) == [(rule, "")]


def test_a_write_whose_outcome_nothing_can_tell_is_marked() -> None:
    @tool(write=True)
    async def post_letter(text: str) -> Receipt:
        """Post a letter to a customer.

        Args:
            text: What it says.
        """
        return Receipt(text)

    assert rules(post_letter) == [("unknown-outcome", "")]


def test_an_undeclared_target_costs_a_write_more_than_a_read() -> None:
    def cost(which: Tool[..., Any]) -> int:
        return next(f.points for f in lint([which])[0].findings if f.rule == "target-undeclared")

    @tool(write=True, accepts_key=True)
    async def cancel_order(order_id: str) -> Receipt:
        """Cancel an order of a customer.

        Args:
            order_id: Which.
        """
        return Receipt(order_id)

    assert cost(cancel_order) > cost(named("order_id", str))


def test_tools_told_in_the_same_words_are_named_to_each_other() -> None:
    async def find_old_orders() -> Receipt:
        """Find the orders of a customer."""
        return Receipt("")

    async def find_orders() -> Receipt:
        """Find the orders of a customer."""
        return Receipt("")

    both = [read(find_orders), read(find_old_orders)]
    assert [[f.rule for f in each.findings] for each in lint(both)] == [["tools-overlap"]] * 2
    assert "find_old_orders" in lint(both)[0].findings[0].problem
    assert rules(read(find_orders), pay_invoice) == []


def test_many_parameters_and_no_example_are_marked() -> None:
    names = [f"word_{letter}" for letter in "abcdefghi"]
    namespace: dict[str, Any] = {"Receipt": Receipt}
    exec(f"async def find_orders({': str, '.join(names)}: str) -> Receipt: ...", namespace)  # noqa: S102
    fn = namespace["find_orders"]
    fn.__doc__ = described(**dict.fromkeys(names, "A word to look for."))

    assert rules(read(fn)) == [("many-parameters", ""), ("no-example", "")]
    assert rules(read(fn, examples=[dict.fromkeys(names, "tea")])) == [("many-parameters", "")]


def test_the_score_never_falls_below_zero_and_every_finding_says_how_to_mend_it() -> None:
    names = [f"{letter}" for letter in "abcdefghijk"]
    namespace: dict[str, Any] = {}
    exec(f"async def get({': dict, '.join(names)}: dict) -> dict: ...", namespace)  # noqa: S102
    (judged,) = lint([read(namespace["get"], description="Get.")])

    assert judged.score == 0
    assert all(finding.mend and finding.problem for finding in judged.findings)
