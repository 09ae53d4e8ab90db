"""Datasets: cases with what is expected of them, from JSON lines, CSV or recorded runs.

A version is the digest of its content. Splits keep together what belongs together, so that nothing
of a test set was seen before: cases of one group, and cases with the same input.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import accumulate
from pathlib import Path
from typing import Any, cast

from stanchion.errors import ConfigurationError, EncodingError
from stanchion.ledger import canonical

__all__ = ["Case", "Dataset", "leaks", "load_dataset"]

SALT = "stanchion split 1"


@dataclass(frozen=True, slots=True)
class Case:
    """One input, and what is expected of it. All JSON-native."""

    input: Any
    expected: Any = None
    id: str = ""
    """Empty: the beginning of the input's digest."""
    group: str = ""
    """What the case shares with others, so that they aren't independent: a customer, a document."""
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What the results can be sliced by, and where the case comes from."""

    @property
    def digest(self) -> str:
        """Return the digest of the input."""
        return hashlib.sha256(canonical(self.input, what="the case's input")).hexdigest()


@dataclass(frozen=True, slots=True)
class Dataset:
    """Cases, each with an id of its own."""

    cases: tuple[Case, ...]

    def __post_init__(self) -> None:
        named = tuple(replace(c, id=c.id or c.digest[:12]) for c in self.cases)
        ids = [case.id for case in named]
        if twice := sorted({each for each in ids if ids.count(each) > 1}) if _repeats(ids) else []:
            raise ConfigurationError(
                f"{len(twice)} cases have the same id or input as another, {twice[0]!r} for one",
                remedy="leave out the repetition, or give each case an id of its own",
            )
        object.__setattr__(self, "cases", named)

    @property
    def digest(self) -> str:
        """Return the version: the same content, in whatever order, has the same digest."""
        lines = sorted(canonical(asdict(case), what=f"the case {case.id}") for case in self.cases)
        return hashlib.sha256(b"\n".join(lines)).hexdigest()

    def split(self, **shares: float) -> Mapping[str, Dataset]:
        """Split into parts of about these shares, which sum to 1: ``split(tune=0.3, test=0.7)``.

        A case's part depends on its group (without one, on its input) alone: it stays where it is
        when the dataset grows, unless new cases tie two groups together by an equal input.
        """
        if abs(sum(shares.values()) - 1) > 1e-9 or min(shares.values()) <= 0:
            raise ConfigurationError(
                f"shares of {', '.join(map(str, shares.values()))} aren't a split",
                remedy="give positive shares that sum to 1",
            )
        edges = list(zip(accumulate(shares.values()), shares, strict=True))
        parts: dict[str, list[Case]] = {name: [] for name in shares}
        for family in families(self.cases):
            names = min(case.group or case.digest for case in family)
            at = int.from_bytes(hashlib.sha256(f"{SALT}\0{names}".encode()).digest()[:8]) / 2**64
            part = next((name for edge, name in edges if at < edge), edges[-1][1])
            parts[part].extend(family)
        return {name: Dataset(tuple(cases)) for name, cases in parts.items()}

    def save(self, path: Path) -> None:
        """Write JSON lines."""
        lines = [json.dumps(asdict(case), ensure_ascii=False) + "\n" for case in self.cases]
        path.write_text("".join(lines), encoding="utf-8")


def load_dataset(path: Path) -> Dataset:
    """Read a dataset: CSV by its suffix, else JSON lines.

    A line is ``{"input": ..., "expected": ..., "id": ..., "group": ..., "facts": {...}}``, all but
    the input optional. CSV has columns of these names, values are texts; others become facts.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"{path} can't be read: {error}", remedy="give a file of cases, UTF-8"
        ) from error
    rows = _csv_rows(text) if path.suffix.lower() == ".csv" else _json_rows(path, text)
    found = Dataset(tuple(_case(path, number, row) for number, row in rows))
    if not found.cases:
        raise ConfigurationError(f"{path} holds no cases", remedy='write {"input": ...} lines')
    return found


def leaks(train: Iterable[Case], test: Iterable[Case]) -> tuple[Case, ...]:
    """Return the cases of a test set of which training saw the input, or another of their group."""
    seen = list(train)
    inputs, groups = {case.digest for case in seen}, {case.group for case in seen} - {""}
    return tuple(case for case in test if case.digest in inputs or case.group in groups)


def families(cases: Sequence[Case]) -> list[list[Case]]:
    """Return cases that must not be parted: linked by a group or by an equal input."""
    parent = list(range(len(cases)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    first: dict[tuple[str, str], int] = {}
    for i, case in enumerate(cases):
        for name in (("input", case.digest), *([("group", case.group)] if case.group else ())):
            parent[root(i)] = root(first.setdefault(name, i))
    found: dict[int, list[Case]] = {}
    for i, case in enumerate(cases):
        found.setdefault(root(i), []).append(case)
    return list(found.values())


def _repeats(ids: Sequence[str]) -> bool:
    return len(set(ids)) < len(ids)


def _json_rows(path: Path, text: str) -> Iterable[tuple[int, Mapping[str, Any]]]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise _misfit(path, number, str(error)) from error
        if not isinstance(row, dict):
            raise _misfit(path, number, "not an object")
        yield number, cast("Mapping[str, Any]", row)


def _csv_rows(text: str) -> Iterable[tuple[int, Mapping[str, Any]]]:
    reader = csv.DictReader(io.StringIO(text, newline=""))
    for row in reader:
        own = {k: v for k, v in row.items() if k in {"input", "expected", "id", "group"}}
        facts = {k: v for k, v in row.items() if k and k not in own}
        yield reader.line_num, {**own, "facts": facts}


def _case(path: Path, number: int, row: Mapping[str, Any]) -> Case:
    if "input" not in row:
        raise _misfit(path, number, "no input")
    case = Case(
        row["input"],
        row.get("expected"),
        str(row.get("id") or ""),
        str(row.get("group") or ""),
        dict(row.get("facts") or {}),
    )
    try:
        canonical(asdict(case), what="the case")
    except EncodingError as error:
        raise _misfit(path, number, error.message) from error
    return case


def _misfit(path: Path, number: int, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"line {number} of {path} isn't a case: {why}",
        remedy='write {"input": ..., "expected": ...} on a line of its own, or a CSV with a column '
        "input",
    )
