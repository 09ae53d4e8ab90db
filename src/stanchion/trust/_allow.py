"""Rules with which an operator lets a write run without a person.

A rule names a tool and bounds on its arguments. A bound that the tool's contract gives no meaning
to is refused when the rule is made, so that a rule never promises what it doesn't check.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import Any, Literal, Protocol, TypeAlias, cast

from stanchion.errors import ContractError
from stanchion.values import Money

__all__ = [
    "INITIATOR",
    "Allow",
    "Bound",
    "ChoiceBound",
    "HasContract",
    "MaxBound",
    "TargetBound",
    "ToolContract",
    "allow",
    "plain",
]

INITIATOR = "initiator."


class ToolContract(Protocol):
    """What a rule needs to know of a tool's contract."""

    @property
    def name(self) -> str: ...
    @property
    def effect(self) -> Literal["read", "write"]: ...
    @property
    def needs_review(self) -> bool: ...
    @property
    def irreversible(self) -> bool: ...
    @property
    def targets(self) -> Mapping[str, Any]: ...
    @property
    def parameters(self) -> Mapping[str, Any]: ...


class HasContract(Protocol):
    """A tool."""

    @property
    def contract(self) -> ToolContract: ...


@dataclass(frozen=True, slots=True)
class TargetBound:
    """Every target argument equals this claim of the initiator's."""

    claim: str

    def __str__(self) -> str:
        return f"target={INITIATOR}{self.claim}"


@dataclass(frozen=True, slots=True)
class MaxBound:
    """The argument is a number from 0 to the limit, in its currency if it has one."""

    argument: str
    limit: Decimal
    currency: str | None

    def __str__(self) -> str:
        unit = f" {self.currency}" if self.currency else ""
        return f"max_{self.argument}={self.limit}{unit}"


@dataclass(frozen=True, slots=True)
class ChoiceBound:
    """The argument is one of these values."""

    argument: str
    values: tuple[Any, ...]

    def __str__(self) -> str:
        shown = "|".join(str(plain(value)) for value in self.values)
        return f"{self.argument}={shown}"


Bound: TypeAlias = TargetBound | MaxBound | ChoiceBound


@dataclass(frozen=True, slots=True)
class Allow:
    """A rule made by ``allow``."""

    tool: str
    bounds: tuple[Bound, ...]

    def __str__(self) -> str:
        return f"allow({', '.join([self.tool, *map(str, self.bounds)])})"


def allow(tool: HasContract, *, target: str | None = None, **bounds: Any) -> Allow:
    """Let a tool run without a person while every bound holds.

    ``target="initiator.account"``: each target argument equals that claim of the authenticated
    initiator. ``max_<argument>="50.00"``: the number isn't above it (money: ``"50.00 EUR"`` or a
    Money; without a currency US dollars). ``<argument>=value`` or a set of values: it is one of
    them. Raises ContractError for a bound that the tool's contract gives no meaning to.
    """
    contract = tool.contract
    where = f"allow({contract.name})"
    if contract.effect == "read":
        raise ContractError(f"{where}: a read needs no rule", remedy="remove it")
    if contract.needs_review:
        raise ContractError(
            f"{where}: the contract says that a person sees every call",
            remedy="remove the rule, or needs_review from the contract",
        )
    made: list[Bound] = [] if target is None else [_target(target, contract, where)]
    made += [_bound(name, value, contract, where) for name, value in bounds.items()]
    return Allow(contract.name, tuple(made))


def _target(target: str, contract: ToolContract, where: str) -> TargetBound:
    claim = target.removeprefix(INITIATOR)
    if claim == target or not claim:
        raise ContractError(
            f"{where}: target={target!r} isn't a claim of the initiator",
            remedy='write target="initiator.<claim>", for example "initiator.account"',
        )
    if not contract.targets:
        raise ContractError(
            f"{where}: {contract.name} declares no target arguments",
            remedy="declare targets={...} in its contract, or bound an argument by its name",
        )
    return TargetBound(claim)


def _bound(name: str, value: Any, contract: ToolContract, where: str) -> Bound:
    parameters: Mapping[str, Any] = contract.parameters.get("properties", {})
    if name in parameters:
        return ChoiceBound(name, _values(value))
    argument = name.removeprefix("max_")
    if argument == name or argument not in parameters:
        raise ContractError(
            f"{where}: no parameter for the bound {name!r}",
            remedy=f"{contract.name} takes: {', '.join(parameters) or 'nothing'}; bound one by its "
            "name or by max_<name>",
        )
    if parameters[argument].get("type") in {"string", "boolean", "array", "null"}:
        raise ContractError(
            f"{where}: {argument} isn't a number, so {name} can't bound it",
            remedy=f"list the values allowed: {argument}={{...}}",
        )
    return _maximum(argument, value, where)


def _values(value: Any) -> tuple[Any, ...]:
    if isinstance(value, set | frozenset | list | tuple):
        several = cast("Collection[Any]", value)
        return tuple(sorted(several, key=lambda each: str(plain(each))))
    return (value,)


def _maximum(argument: str, value: Any, where: str) -> MaxBound:
    try:
        number, currency = _parse_limit(value)
        if number.is_finite() and number >= 0:
            return MaxBound(argument, number, currency)
    except (InvalidOperation, ValueError, TypeError):
        pass
    raise ContractError(
        f"{where}: max_{argument}={value!r} isn't an amount",
        remedy='give a finite amount that isn\'t negative: "50.00", "50.00 EUR", Decimal or Money',
    )


def _parse_limit(value: Any) -> tuple[Decimal, str | None]:
    if isinstance(value, Money):
        return value.amount, value.currency
    if isinstance(value, bool | float):
        raise TypeError
    number, _, currency = str(value).strip().partition(" ")
    return Decimal(number), currency.strip() or None


def plain(value: Any) -> Any:
    """Return an enum's value, anything else as it is."""
    return value.value if isinstance(value, Enum) else value
