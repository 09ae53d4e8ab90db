"""What every benchmark says: a table for people, then one JSON object as the last line.

It knows figures, targets and the machine; it refuses to know what is measured. The machine is
described without its name.
"""

from __future__ import annotations

import json
import operator
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

__all__ = ["Op", "Report", "Scale", "Target", "machine", "scale", "table"]

Op: TypeAlias = Literal["<=", ">=", "=="]
Scale: TypeAlias = Literal["full", "small"]

COMPARE = {"<=": operator.le, ">=": operator.ge, "==": operator.eq}


def scale() -> Scale:
    """Return what ``SCALE`` asks for; ``small`` ends within 50 seconds."""
    match os.environ.get("SCALE") or "full":
        case "full":
            return "full"
        case "small":
            return "small"
        case other:
            sys.exit(f"SCALE is {other!r}; it can be full or small")


@dataclass(frozen=True, slots=True)
class Target:
    """A measured value beside what it ought to be."""

    what: str
    value: float
    op: Op
    target: float

    @property
    def met(self) -> bool:
        """Whether the value is as it ought to be."""
        return bool(COMPARE[self.op](self.value, self.target))


class Report:
    """Collects what one run of a benchmark measured."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.figures: dict[str, Any] = {}
        self.targets: list[Target] = []

    def figure(self, name: str, value: Any) -> None:
        """Note a measured value, JSON-native; its name carries the unit: ``import_seconds``."""
        self.figures[name] = _rounded(value)

    def target(self, what: str, value: float, op: Op, target: float) -> None:
        """Note a value that has a target, in the target's unit."""
        self.targets.append(Target(what, _rounded(value), op, target))

    def finish(self) -> None:
        """Print everything; the last line is the JSON object."""
        scalars = [(k, v) for k, v in self.figures.items() if not isinstance(v, list | dict)]
        print(table(("figure", "value"), scalars))
        if self.targets:
            rows = [
                (t.what, t.value, f"{t.op} {t.target:g}", "met" if t.met else "MISSED")
                for t in self.targets
            ]
            print(f"\n{table(('target', 'value', 'wanted', ''), rows)}")
        print(json.dumps(self.as_json(), ensure_ascii=False), flush=True)

    def as_json(self) -> Mapping[str, Any]:
        """Return the object of the last line."""
        return {
            "benchmark": self.name,
            "machine": machine(),
            "figures": self.figures,
            "targets": [asdict(target) for target in self.targets],
        }


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return aligned text: the first column to the left, the others to the right."""
    cells = [list(header), *([_shown(cell) for cell in row] for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    lines = [
        "  ".join(
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]
    return "\n".join([lines[0], "-" * (sum(widths) + 2 * (len(widths) - 1)), *lines[1:]])


def machine() -> Mapping[str, Any]:
    """Return what a figure depends on: processor, cores usable here, Python, platform."""
    affinity = getattr(os, "sched_getaffinity", None)
    return {
        "cpu": _processor(),
        "cores": len(affinity(0)) if affinity else os.cpu_count(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "platform": platform.platform(),
    }


def _processor() -> str:
    listed = Path("/proc/cpuinfo")
    for line in listed.read_text(encoding="utf-8").splitlines() if listed.exists() else ():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _rounded(value: Any) -> Any:
    """Keep six significant digits: the rest is noise."""
    return float(f"{value:.6g}") if isinstance(value, float) else value


def _shown(cell: object) -> str:
    match cell:
        case bool():
            return str(cell)
        case int():
            return f"{cell:,}"
        case float():
            return f"{cell:,.4g}" if abs(cell) < 10_000 else f"{cell:,.0f}"
        case _:
            return str(cell)
