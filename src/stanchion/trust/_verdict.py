"""What policy says about one exact call.

Pure. A call is covered by a rule if every bound holds for the typed arguments. What can't be
compared (a NaN, another currency, a text where a number belongs) isn't covered. An explanation
names the bound that decided.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, assert_never

from stanchion.trust._allow import (
    Allow,
    Bound,
    ChoiceBound,
    MaxBound,
    TargetBound,
    ToolContract,
    plain,
)
from stanchion.values import Money, Principal

__all__ = ["Verdict", "judge_bounds"]

_LONGEST_AMOUNT = 40


@dataclass(frozen=True, slots=True)
class Verdict:
    """What policy says about one exact call."""

    allowed: bool
    """Without it a person is asked."""
    rule: str
    """The rule that decided, or ``default``."""
    explanation: str


def judge_bounds(
    rules: Sequence[Allow],
    contract: ToolContract,
    arguments: Mapping[str, Any],
    principal: Principal | None,
) -> Verdict:
    """Judge one call with typed arguments. The first rule that covers it allows it.

    Without a covering rule a read is allowed, and so is a write that can be undone if no rule
    bounds it; everything else needs a person.
    """
    name = contract.name
    if contract.effect == "read":
        return Verdict(allowed=True, rule="read", explanation=f"{name} is a read")
    if contract.needs_review:
        why = f"a person sees every call of {name}, says its contract"
        return Verdict(allowed=False, rule="needs_review", explanation=why)
    reasons: list[str] = []
    for rule in (rule for rule in rules if rule.tool == name):
        checked = (_fails(bound, contract, arguments, principal) for bound in rule.bounds)
        failing = next(filter(None, checked), "")
        if not failing:
            named = str(rule)
            return Verdict(allowed=True, rule=named, explanation=f"covered by {named}")
        reasons.append(f"{failing} of allow({name})")
    if reasons:
        return Verdict(allowed=False, rule="default", explanation="; ".join(reasons))
    if not contract.irreversible:
        why = f"{name} can be undone and no rule bounds it"
        return Verdict(allowed=True, rule="compensable", explanation=why)
    why = f"{name} can't be undone and no rule allows it"
    return Verdict(allowed=False, rule="default", explanation=why)


def _fails(
    bound: Bound,
    contract: ToolContract,
    arguments: Mapping[str, Any],
    principal: Principal | None,
) -> str:
    """Say why a bound doesn't hold, naming it; empty if it holds."""
    match bound:
        case TargetBound():
            return _fails_target(bound, contract, arguments, principal)
        case MaxBound():
            return _fails_max(bound, arguments.get(bound.argument))
        case ChoiceBound():
            value = plain(arguments.get(bound.argument))
            if any(_same(value, plain(each)) for each in bound.values):
                return ""
            return f"{bound.argument} isn't within {bound}"
    assert_never(bound)


def _fails_target(
    bound: TargetBound,
    contract: ToolContract,
    arguments: Mapping[str, Any],
    principal: Principal | None,
) -> str:
    if principal is None or principal.kind != "initiator":
        return f"there is no authenticated initiator for {bound}"
    claim = principal.claims.get(bound.claim)
    if not claim:
        return f"the initiator has no claim {bound.claim!r} for {bound}"
    for name in contract.targets:
        value = plain(arguments.get(name))
        if not isinstance(value, str | int) or isinstance(value, bool) or str(value) != claim:
            return f"{name} isn't the initiator's own {bound.claim}, {bound}"
    return ""


def _fails_max(bound: MaxBound, value: Any) -> str:
    name = bound.argument
    amount, currency = _amount(value)
    if amount is None or not amount.is_finite():
        return f"{name} isn't a finite number, {bound}"
    wanted = bound.currency or (Money(amount).currency if currency else None)
    if currency != wanted:
        return f"{name} isn't in {wanted or 'a plain number'}, {bound}"
    if amount < 0:
        return f"{name} {_shown(amount)} is negative, {bound}"
    if amount > bound.limit:
        return f"{name} {_shown(amount)} is over {bound}"
    return ""


def _shown(amount: Decimal) -> str:
    """Write an amount out, unless it is absurdly long."""
    text = str(amount)
    return text if len(text) <= _LONGEST_AMOUNT else f"{amount:.3e}"


def _amount(value: Any) -> tuple[Decimal | None, str | None]:
    """Read a number, or an amount with its currency."""
    inner, currency = getattr(value, "amount", None), getattr(value, "currency", None)
    if inner is not None and currency is not None:
        return _amount(inner)[0], str(plain(currency))
    if isinstance(value, Decimal):
        return value, None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Decimal(repr(value)), None
    return None, None


def _same(left: Any, right: Any) -> bool:
    """Compare without letting True be 1."""
    return isinstance(left, bool) is isinstance(right, bool) and bool(left == right)
