"""Rules that let a write run without a person, and what they refuse to mean."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from stanchion.errors import ContractError
from stanchion.tools import tool
from stanchion.trust import allow
from stanchion.values import Money
from tests.tools.bank import find_account, refund, send_letter


@tool(write=True, needs_review=True)
async def close_account(number: str) -> None:
    """Close it.

    Args:
        number: Which.
    """
    del number


def test_a_rule_reads_as_it_was_written() -> None:
    rule = allow(refund, target="initiator.account", max_amount="50.00", reason={"late", "broken"})
    assert str(rule) == (
        "allow(refund, target=initiator.account, max_amount=50.00, reason=broken|late)"
    )
    assert str(allow(send_letter)) == "allow(send_letter)"


def test_a_rule_does_not_depend_on_the_order_of_a_set() -> None:
    assert allow(refund, reason={"a", "b"}) == allow(refund, reason={"b", "a"})


@pytest.mark.parametrize(
    "limit", ["50.00 EUR", Money(Decimal("50.00"), "EUR")], ids=["text", "money"]
)
def test_a_limit_may_name_its_currency(limit: Any) -> None:
    assert str(allow(refund, max_amount=limit)) == "allow(refund, max_amount=50.00 EUR)"


MEANINGLESS: list[tuple[dict[str, Any], str, str]] = [
    ({"max_total": 5}, "no parameter for the bound 'max_total'", "account_number, amount, reason"),
    ({"ammount": 5}, "no parameter for the bound 'ammount'", "account_number, amount, reason"),
    ({"max_reason": 5}, "reason isn't a number", "reason={...}"),
    ({"max_amount": "much"}, "isn't an amount", "50.00"),
    ({"max_amount": "NaN"}, "isn't an amount", "finite"),
    ({"max_amount": "Infinity"}, "isn't an amount", "finite"),
    ({"max_amount": "-1"}, "isn't an amount", "negative"),
    ({"max_amount": 0.1}, "isn't an amount", "Decimal"),
    ({"max_amount": True}, "isn't an amount", "Decimal"),
    ({"max_amount": None}, "isn't an amount", "Decimal"),
    ({"target": "account"}, "isn't a claim of the initiator", "initiator.account"),
    ({"target": "initiator."}, "isn't a claim of the initiator", "initiator.account"),
    ({"target": "counterparty.account"}, "isn't a claim of the initiator", "initiator.account"),
]


@pytest.mark.parametrize(("bounds", "problem", "remedy"), MEANINGLESS)
def test_a_bound_that_would_check_nothing_is_refused(
    bounds: dict[str, Any], problem: str, remedy: str
) -> None:
    with pytest.raises(ContractError, match=problem) as refusal:
        allow(refund, **bounds)
    assert remedy in refusal.value.remedy


def test_a_target_bound_needs_declared_targets() -> None:
    with pytest.raises(ContractError, match="declares no target"):
        allow(send_letter, target="initiator.address")


def test_a_rule_for_a_read_is_refused() -> None:
    with pytest.raises(ContractError, match="a read needs no rule"):
        allow(find_account)


def test_a_rule_can_not_override_a_contract_that_wants_a_person() -> None:
    with pytest.raises(ContractError, match="a person sees every call"):
        allow(close_account)
