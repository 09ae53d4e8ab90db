"""What an evaluation of one system brought, case by case, as JSON lines; and two of them paired."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from stanchion.errors import ConfigurationError

__all__ = ["CaseResult", "Pair", "paired", "read_results", "write_results"]


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What one case brought. Scores lie between 0 and 1, and more is better."""

    case: str
    scores: Mapping[str, float]
    group: str = ""
    """What the case shares with others: a customer, a document. Empty: nothing."""
    error: str = ""
    """Why there are no scores."""
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What else is known of it: the run, its cost, its seconds, slices."""


@dataclass(frozen=True, slots=True)
class Pair:
    """The same case of two systems."""

    case: str
    group: str
    candidate: CaseResult | None
    """None: not evaluated yet."""
    baseline: CaseResult


def read_results(path: Path) -> tuple[CaseResult, ...]:
    """Read results from JSON lines: ``{"case": "17", "scores": {"exact": 1}, "group": "anna"}``."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"{path} can't be read: {error}",
            remedy="give a file of results, one JSON object a line",
        ) from error
    found = tuple(_read(path, n, line) for n, line in enumerate(lines, 1) if line.strip())
    if not found:
        raise ConfigurationError(f"{path} holds no results", remedy="run the evaluation first")
    return found


def write_results(path: Path, results: Iterable[CaseResult]) -> None:
    """Write results as JSON lines."""
    lines = [json.dumps(asdict(result), ensure_ascii=False) + "\n" for result in results]
    path.write_text("".join(lines), encoding="utf-8")


def paired(candidate: Sequence[CaseResult], baseline: Sequence[CaseResult]) -> tuple[Pair, ...]:
    """Return the baseline's cases, in its order, with the candidate's result where there is one.

    Refuses a candidate with cases that the baseline lacks, or with other groups.
    """
    new, old = _by_case("candidate", candidate), _by_case("baseline", baseline)
    if strange := [case for case in new if case not in old]:
        raise ConfigurationError(
            f"{len(strange)} cases of the candidate aren't the baseline's, {strange[0]!r} for one",
            remedy="evaluate both on the same dataset",
        )
    if moved := [case for case in new if new[case].group != old[case].group]:
        raise ConfigurationError(
            f"the case {moved[0]!r} is in another group for the candidate than for the baseline",
            remedy="evaluate both on the same version of the dataset",
        )
    return tuple(Pair(case, one.group, new.get(case), one) for case, one in old.items())


def _by_case(side: str, results: Sequence[CaseResult]) -> dict[str, CaseResult]:
    found: dict[str, CaseResult] = {}
    for result in results:
        if result.case in found:
            raise ConfigurationError(
                f"the {side} has two results of the case {result.case!r}",
                remedy="keep one, or average trials of a case into one score",
            )
        found[result.case] = result
    return found


def _read(path: Path, number: int, line: str) -> CaseResult:
    try:
        data = json.loads(line)
        scores = {str(name): float(score) for name, score in data.get("scores", {}).items()}
        found = CaseResult(
            str(data["case"]),
            scores,
            str(data.get("group") or ""),
            str(data.get("error") or ""),
            dict(data.get("facts") or {}),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigurationError(
            f"line {number} of {path} isn't a result: {type(error).__name__}: {error}",
            remedy='write {"case": "17", "scores": {"exact": 1}}',
        ) from error
    if bad := [name for name, score in scores.items() if not (0 <= score <= 1)]:
        raise ConfigurationError(
            f"line {number} of {path}: the score {bad[0]!r} is {scores[bad[0]]:g}",
            remedy="scale scores to 0 to 1, where more is better",
        )
    return found
