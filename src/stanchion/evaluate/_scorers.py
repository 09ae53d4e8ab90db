"""Scorers: how good an output is, from 0 to 1. Each is made by a function and used by its name."""

from __future__ import annotations

import inspect
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, TypeAlias, cast

from stanchion.evaluate._attempt import Attempt, Scorer, ToolUse
from stanchion.evaluate._results import CaseResult
from stanchion.ledger import canonical

__all__ = [
    "exact",
    "fields_f1",
    "human",
    "is_json",
    "numeric",
    "state_check",
    "tool_calls",
]


Path: TypeAlias = tuple[str | int, ...]


def exact(field: str = "") -> Scorer:
    """Score 1 if the output, or one field of it, is what is expected: the same JSON value."""

    def score(attempt: Attempt) -> float:
        return float(_same(_at(attempt.output, field), _at(attempt.case.expected, field)))

    return score


def fields_f1() -> Scorer:
    """Score the F1 of the fields: those right, over those given and those expected.

    Fields are the leaves of the objects and lists, by their paths. Both empty: 1.
    """

    def score(attempt: Attempt) -> float:
        given, wanted = dict(_leaves(attempt.output)), dict(_leaves(attempt.case.expected))
        right = sum(path in wanted and _same(value, wanted[path]) for path, value in given.items())
        return 2 * right / (len(given) + len(wanted)) if given or wanted else 1.0

    return score


def numeric(*, absolute: float = 0.0, relative: float = 0.0, field: str = "") -> Scorer:
    """Score 1 if the number is within a tolerance of the expected one; texts are read as numbers.

    The larger of the tolerances counts, and numbers are decimal: 2.9 is within 0.1 of 3.
    What isn't a number scores 0.
    """

    def score(attempt: Attempt) -> float:
        given, wanted = (_number(_at(v, field)) for v in (attempt.output, attempt.case.expected))
        if given is None or wanted is None:
            return 0.0
        allowed = max(Decimal(str(absolute)), Decimal(str(relative)) * abs(wanted))
        return float(abs(given - wanted) <= allowed)

    return score


def is_json(schema: Mapping[str, Any] | None = None) -> Scorer:
    """Score 1 if the output is JSON, or a text that is, and fits the schema if there is one."""

    def score(attempt: Attempt) -> float:
        # Start-up time.
        from jsonschema import Draft202012Validator

        checker: Any = Draft202012Validator(dict(schema or {}))
        value = attempt.output
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except ValueError:
                return 0.0
        return float(checker.is_valid(value))

    return score


def tool_calls(*, in_order: bool = True, with_arguments: bool = True) -> Scorer:
    """Score the F1 of the tool calls against ``{"calls": [{"name": ..., "arguments": {...}}]}``.

    Right are those in common: in order the longest common subsequence, else however they come.
    Expected arguments have to be among a call's; others are free. No calls and none expected: 1.
    """

    async def score(attempt: Attempt) -> float:
        wanted = cast("list[Mapping[str, Any]]", _at(attempt.case.expected, "calls") or [])
        made = await attempt.calls()

        table = [[_fits(call, each, with_arguments) for each in wanted] for call in made]
        right = _in_order(table) if in_order else _matched(table)
        return 2 * right / (len(made) + len(wanted)) if made or wanted else 1.0

    return score


def state_check(check: Callable[[Attempt], bool | Awaitable[bool]]) -> Scorer:
    """Score 1 if the environment is as it should be: what counts is what was done, not said."""

    async def score(attempt: Attempt) -> float:
        found = check(attempt)
        return float(await found if inspect.isawaitable(found) else found)

    return score


def human(labels: Sequence[CaseResult], metric: str) -> Scorer:
    """Score as people did, from a file of results; a case without a label has no score."""
    known = {each.case: each.scores[metric] for each in labels if metric in each.scores}

    def score(attempt: Attempt) -> float:
        if attempt.case.id not in known:
            raise LookupError(f"nobody has labelled the case {attempt.case.id}")
        return known[attempt.case.id]

    return score


def _fits(call: ToolUse, expected: Mapping[str, Any], with_arguments: bool) -> bool:  # noqa: FBT001
    wanted = cast("Mapping[str, Any]", (expected.get("arguments") or {}) if with_arguments else {})
    given = cast("Mapping[str, Any]", call.arguments)
    named = call.name == expected.get("name")
    return named and all(k in given and _same(given[k], v) for k, v in wanted.items())


def _same(one: Any, other: Any) -> bool:
    """Compare JSON values: 1 and 1.0 are one number, 1 and true two values."""
    return canonical(_plain(one)) == canonical(_plain(other))


def _plain(value: Any) -> Any:
    match value:
        case float() if value.is_integer() and abs(value) < 2**53:
            return int(value)
        case dict():
            return {k: _plain(v) for k, v in cast("dict[str, Any]", value).items()}
        case list() | tuple():
            return [_plain(v) for v in cast("list[Any]", value)]
        case _:
            return value


def _at(value: Any, field: str) -> Any:
    """Return a field of an object by its dotted path; None if it isn't there."""
    for name in field.split(".") if field else ():
        value = cast("Mapping[str, Any]", value).get(name) if isinstance(value, Mapping) else None
    return value


def _leaves(
    value: Any, path: tuple[str | int, ...] = ()
) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    match value:
        case dict():
            for name, each in cast("dict[str, Any]", value).items():
                yield from _leaves(each, (*path, name))
        case list() | tuple():
            for i, each in enumerate(cast("list[Any]", value)):
                yield from _leaves(each, (*path, i))
        case None:
            return
        case _:
            yield path, value


def _number(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


def _in_order(table: Sequence[Sequence[bool]]) -> int:
    """Return the length of the longest common subsequence, from who fits whom."""
    best = [0] * (len(table[0]) + 1 if table else 1)
    for row in table:
        above = best.copy()
        for i, fits in enumerate(row, 1):
            best[i] = above[i - 1] + 1 if fits else max(above[i], best[i - 1])
    return best[-1]


def _matched(table: Sequence[Sequence[bool]]) -> int:
    """Return how many calls can be matched to an expected one each: augmenting paths."""
    owner: dict[int, int] = {}

    def place(call: int, tried: set[int]) -> bool:
        for i, fits in enumerate(table[call]):
            if fits and i not in tried:
                tried.add(i)
                if i not in owner or place(owner[i], tried):
                    owner[i] = call
                    return True
        return False

    return sum(place(call, set()) for call in range(len(table)))
