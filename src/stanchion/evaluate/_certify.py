"""Certificates for decision nodes, from labelled decisions that the node took on its own.

Four sets that share no case: on one the calibration was fitted, on one the thresholds to try are
chosen, on one they are tested, on one the result is looked at once more. A case that occurs in two
of them is refused; equal cases of one set, and cases of one group, count once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from stanchion.decide import Certificate, Slice
from stanchion.errors import ConfigurationError

__all__ = ["Decided", "ErrorBudget", "certify"]


@dataclass(frozen=True, slots=True)
class Decided:
    """What a node decided on a labelled case, whatever its threshold then was."""

    case: str
    """The digest of the case's input, or the id of the group whose cases resemble each other."""
    confidence: float
    right: bool
    slice: str = ""
    """What part of the cases it belongs to, for the worst of them to be shown."""


@dataclass(frozen=True, slots=True)
class ErrorBudget:
    """The error that all certificates of a workflow may have together: nodes and refits share it.

    Each node has the same part, and its n-th certificate 1/(n(n+1)) of that, which sums to all of
    it over refits without end: the first has a half.
    """

    confidence: float = 0.9
    nodes: int = 1

    def confidence_of(self, certificate: int) -> float:
        """Return the confidence that a node's first (1), second (2)... certificate must have."""
        share = (1 - self.confidence) / self.nodes / (certificate * (certificate + 1))
        return 1 - share


def certify(
    *,
    node: str,
    risk: float,
    confidence: float = 0.9,
    tuning: Iterable[Decided],
    threshold: Iterable[Decided],
    test: Iterable[Decided] = (),
    fitted: Collection[str] = (),
    expires_at: datetime | None = None,
) -> Certificate:
    """Return from which confidence on a node may decide alone, with at most ``risk`` wrong.

    ``node`` is ``Node.identity(model)`` of what took the decisions, ``fitted`` the cases of its
    calibration. Raises ConfigurationError for sets that share a case. If nothing can be certified,
    the certificate says how many labels are missing at least.
    """
    # An optional extra.
    from stanchion.evaluate.statistics import fewest_cases, select_threshold, threshold_sequence

    sets = {"tuning": _once(tuning), "threshold": _once(threshold), "test": _once(test)}
    _check_disjoint({**{k: [d.case for d in v] for k, v in sets.items()}, "fitted": fitted})
    tuned, tested, kept = sets.values()
    alpha = 1 - confidence
    chosen = None
    if tuned and tested:
        sequence = threshold_sequence(*_columns(tuned), size=len(tested), risk=risk, alpha=alpha)
        if sequence.size:
            chosen = select_threshold(sequence, *_columns(tested), risk=risk, alpha=alpha)
    missing = max(0, fewest_cases(risk, alpha) - len(tested))
    if chosen is None:
        return Certificate(node, risk, confidence, None, len(tested), 0, 0.0, missing or 1)
    above = [each for each in tested if each.confidence >= chosen.threshold]
    return Certificate(
        node,
        risk,
        confidence,
        chosen.threshold,
        chosen.cases,
        chosen.errors,
        chosen.cases / len(tested),
        0,
        _slice("test", [d for d in kept if d.confidence >= chosen.threshold]) if kept else None,
        _worst(above),
        expires_at,
    )


def _once(cases: Iterable[Decided]) -> Sequence[Decided]:
    """Return one of the equal cases, without looking at what came of it: the first in order."""
    found: dict[str, Decided] = {}
    for each in cases:
        found.setdefault(each.case, each)
    return list(found.values())


def _check_disjoint(sets: dict[str, Collection[str]]) -> None:
    seen: dict[str, str] = {}
    for name, cases in sets.items():
        for case in cases:
            other = seen.setdefault(case, name)
            if other != name:
                raise ConfigurationError(
                    f"the case {case[:12]!r} is in both {other} and {name}",
                    remedy="split by case before anything is fitted: Dataset.split keeps equal "
                    "cases and groups together",
                )


def _columns(cases: Sequence[Decided]) -> tuple[list[float], list[float]]:
    return [d.confidence for d in cases], [float(not d.right) for d in cases]


def _slice(name: str, cases: Sequence[Decided]) -> Slice:
    return Slice(name, sum(not each.right for each in cases), len(cases))


def _worst(cases: Sequence[Decided]) -> Slice | None:
    """Return the named part with the highest share of errors, half an error added to each."""
    parts: dict[str, list[Decided]] = {}
    for each in cases:
        parts.setdefault(each.slice, []).append(each)
    found = [_slice(name, part) for name, part in sorted(parts.items()) if name]
    return max(found, key=lambda part: (part.errors + 0.5) / (part.cases + 1), default=None)
