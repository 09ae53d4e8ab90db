"""How usable a tool's contract is for a model, and what to mend: a score and its findings.

A contract that can't be understood is refused at registration; what is merely poor is found here.
Each rule is one small function over one contract, and the points that it takes off say how much it
costs. Only the declaration is read, so the score says nothing about what the tool does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from stanchion.tools._contract import Contract
from stanchion.tools._identifiers import is_identifier
from stanchion.tools._tool import Tool

__all__ = ["Finding", "Lint", "lint"]

PERFECT = 100


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to mend."""

    rule: str
    points: int
    """What it takes off the score."""
    at: str
    """The parameter concerned; empty for the tool as a whole."""
    problem: str
    mend: str


@dataclass(frozen=True, slots=True)
class Lint:
    """What is to be said about one tool."""

    tool: str
    findings: tuple[Finding, ...]

    @property
    def score(self) -> int:
        """100 for nothing to mend, 0 at least."""
        return max(0, PERFECT - sum(finding.points for finding in self.findings))


def lint(tools: Iterable[Tool[..., Any]]) -> tuple[Lint, ...]:
    """Judge tools that a model is given together, each by itself and beside the others."""
    contracts = [each.contract for each in tools]
    return tuple(
        Lint(
            contract.name,
            (
                *(finding for rule in _OF_A_TOOL for finding in rule(contract)),
                *(f for n, s in _parameters(contract) for r in _OF_ONE for f in r(contract, n, s)),
                *_overlaps(contract, contracts),
            ),
        )
        for contract in contracts
    )


Schema: TypeAlias = Mapping[str, Any]
_ToolRule: TypeAlias = Callable[[Contract], Iterator[Finding]]
_ParameterRule: TypeAlias = Callable[[Contract, str, Schema], Iterator[Finding]]


def _parameters(contract: Contract) -> Iterator[tuple[str, Schema]]:
    """Yield each parameter with its schema, a reference or an option beside null resolved."""
    definitions: Schema = contract.parameters.get("$defs", {})
    for name, schema in contract.parameters.get("properties", {}).items():
        options = [s for s in schema.get("anyOf", ()) if s.get("type") != "null"]
        merged = {**schema, **options[0]} if len(options) == 1 else schema
        target = definitions.get(str(merged.get("$ref", "")).rsplit("/", 1)[-1], {})
        yield name, {**target, **merged}


# The tool as a whole -----------------------------------------------------------------------------


def _description(contract: Contract) -> Iterator[Finding]:
    words = len(contract.description.split())
    if words < 4:
        yield Finding(
            "description-short",
            15,
            "",
            f"its description has {words} word(s)",
            "say what it does, on what, and when to use it",
        )
    elif words > 250:
        yield Finding(
            "description-long",
            10,
            "",
            f"its description has {words} words, read anew with every call of the model",
            "keep what decides whether and how to call it; move the rest to the parameters",
        )


def _name(contract: Contract) -> Iterator[Finding]:
    words = _words(contract.name)
    if words and words <= _VAGUE_VERBS:
        yield Finding(
            "name-vague", 10, "", "its name doesn't say on what it acts", "name verb and object"
        )


def _many(contract: Contract) -> Iterator[Finding]:
    if len(contract.arguments.names) > 8:
        yield Finding(
            "many-parameters",
            5,
            "",
            f"it takes {len(contract.arguments.names)} parameters",
            "split it by purpose, or group what belongs together in a model",
        )


def _examples(contract: Contract) -> Iterator[Finding]:
    is_nested = any(_is_nested(schema) for _, schema in _parameters(contract))
    if not contract.examples and (is_nested or len(contract.arguments.names) > 3):
        yield Finding(
            "no-example", 5, "", "its arguments take explaining", "add one with examples=[{...}]"
        )


def _result(contract: Contract) -> Iterator[Finding]:
    if not contract.returns.keys() - {"description"} or _is_free(contract.returns):
        yield Finding(
            "result-untyped",
            5,
            "",
            "its result may be anything",
            "return a dataclass or a model, so that what comes back has names",
        )


def _unsettled(contract: Contract) -> Iterator[Finding]:
    can_tell = contract.accepts_key or contract.reconcile is not None
    if contract.effect == "write" and not can_tell:
        yield Finding(
            "unknown-outcome",
            5,
            "",
            "a lost answer can only be settled by a person",
            "declare accepts_key or reconcile, if the target has one",
        )


_OF_A_TOOL: tuple[_ToolRule, ...] = (_description, _name, _many, _examples, _result, _unsettled)


# Its parameters ----------------------------------------------------------------------------------


def _undescribed(_: Contract, name: str, schema: Schema) -> Iterator[Finding]:
    if not schema.get("description"):
        yield Finding(
            "parameter-undescribed",
            10,
            name,
            "it has no description",
            "say under `Args:` in the docstring what it is and where it comes from",
        )


def _ambiguous(_: Contract, name: str, __: Schema) -> Iterator[Finding]:
    if name.lower() in _AMBIGUOUS or len(name) == 1:
        yield Finding(
            "parameter-ambiguous", 5, name, "its name says little", "name it after what it holds"
        )


def _unit(contract: Contract, name: str, schema: Schema) -> Iterator[Finding]:
    is_number = schema.get("type") in {"integer", "number"} and "enum" not in schema
    if not is_number or is_identifier(name, schema, contract.targets):
        return
    if not _words(f"{name} {schema.get('description', '')}") & _UNITS:
        yield Finding(
            "number-without-unit",
            5,
            name,
            "it is a number of nothing",
            "put the unit into its name or its description: seconds, euros, items",
        )


def _choice(_: Contract, name: str, schema: Schema) -> Iterator[Finding]:
    says_choices = _CHOICES.search(schema.get("description", ""))
    if schema.get("type") == "string" and "enum" not in schema and says_choices:
        yield Finding(
            "choice-in-words",
            5,
            name,
            "its choices stand in its description only",
            "use an enum or a Literal, so that another value can't be sent",
        )


def _free(_: Contract, name: str, schema: Schema) -> Iterator[Finding]:
    if _is_free(schema):
        yield Finding(
            "object-without-fields",
            10,
            name,
            "it is an object of any form",
            "declare its fields with a dataclass or a model",
        )


def _untargeted(contract: Contract, name: str, schema: Schema) -> Iterator[Finding]:
    if is_identifier(name, schema, ()) and name not in contract.targets:
        yield Finding(
            "target-undeclared",
            15 if contract.effect == "write" else 5,
            name,
            "it says on whom or what the tool acts, and isn't declared a target",
            f'add it: targets={{"{name}"}}',
        )


def _recipe(contract: Contract, name: str, schema: Schema) -> Iterator[Finding]:
    tells_form = "pattern" in schema or _FORM.search(schema.get("description", ""))
    if is_identifier(name, schema, contract.targets) and tells_form:
        yield Finding(
            "form-of-identifier",
            5,
            name,
            "its form is a recipe for a made-up value",
            "say where it comes from instead, and check the form in the tool",
        )


_OF_ONE: tuple[_ParameterRule, ...] = (
    _undescribed,
    _ambiguous,
    _unit,
    _choice,
    _free,
    _untargeted,
    _recipe,
)


# Beside the others -------------------------------------------------------------------------------


def _overlaps(contract: Contract, contracts: Iterable[Contract]) -> Iterator[Finding]:
    mine = _said(contract)
    for other in contracts:
        theirs = _said(other)
        if other is not contract and len(mine & theirs) > 0.6 * len(mine | theirs):
            yield Finding(
                "tools-overlap",
                10,
                "",
                f"it is told in nearly the same words as {other.name}",
                "say in each when to use it and not the other, or make one of them",
            )


def _said(contract: Contract) -> frozenset[str]:
    return frozenset(_words(f"{contract.name} {contract.description}") - _FILLERS)


# Words -------------------------------------------------------------------------------------------

_CHOICES = re.compile(
    r"\b(one of|either)\b|\b(\w+), (\w+) or (\w+)\b|'\w+' or '\w+'", re.IGNORECASE
)
_FORM = re.compile(r"\b(\d+|\w+) ?-?(digits?|characters?|letters?)\b", re.IGNORECASE)
_VAGUE_VERBS = {
    "call", "data", "do", "execute", "fetch", "get", "handle", "helper", "make", "process", "query",
    "run", "send", "set", "tool", "update", "util",
}  # fmt: skip
_AMBIGUOUS = {
    "arg", "args", "config", "data", "id", "info", "input", "item", "misc", "name", "obj",
    "object", "options", "param", "params", "payload", "value", "values",
}  # fmt: skip
_FILLERS = {"a", "an", "and", "at", "by", "for", "in", "is", "it", "of", "on", "the", "to", "with"}
_UNITS = {
    "amount", "bytes", "celsius", "cents", "chf", "count", "counts", "days", "degrees", "dollars",
    "eur", "euro", "euros", "gb", "gbp", "gram", "grams", "hours", "index", "items", "kb", "kg",
    "kilograms", "kilometers", "km", "latitude", "level", "limit", "longitude", "many", "max",
    "maximum", "mb", "meters", "metres", "milliseconds", "minutes", "mm", "months", "ms", "number",
    "offset", "page", "pages", "people", "percent", "pieces", "pounds", "rank", "rating", "score",
    "seconds", "size", "steps", "times", "tokens", "usd", "weeks", "whole", "year", "years",
}  # fmt: skip


def _words(text: str) -> set[str]:
    return set(re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text).lower()))


def _is_free(schema: Schema) -> bool:
    if schema.get("type") == "array":
        return _is_free(cast("Schema", schema.get("items", {})))
    return schema.get("type") == "object" and not schema.get("properties")


def _is_nested(schema: Schema) -> bool:
    return schema.get("type") in {"array", "object"}
