"""Export the support desk everywhere, read it back, and print who shows what: ``make interop``.

The table is also a page of the documentation: ``--write`` renews it. A field that isn't shown needs
its reason here, and a reason that isn't needed any more fails too. ``--only Phoenix`` tries one.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks._report import Report, scale, table
from benchmarks.interop._desk import run_desk
from benchmarks.interop._fields import FIELDS, missing, shown
from benchmarks.interop._readers import DESTINATIONS, read
from stanchion.ledger import open_store

PAGE = Path("docs/interop.md")
HEAD = """# What each destination shows

Made by `make interop ARGS=--write`, never by hand: the support desk's runs are exported, and read back through each destination's own interface. Phoenix 20.26 and MLflow 3.17 are real servers, Weave is its own converter (0.52.43); Langfuse and LangSmith are stand-ins that refuse what theirs refuse and read attributes in the order of Langfuse's source and LangSmith's page. OTLP is a collector that keeps every attribute.

"""  # noqa: E501

KNOWN: Mapping[tuple[str, str], str] = {
    ("MLflow", "reasoning tokens"): "its usage has no reasoning; they are in the span's attributes",
    ("Weave calls", "reasoning tokens"): "its usage has no reasoning; they are in the raw span",
    ("Weave calls", "our cost"): "it prices by its own table; ours is in the raw span",
}
"""By destination and field: why it isn't shown."""


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="renew the page")
    parser.add_argument("--only", default="", help="one destination")
    given = parser.parse_args()
    names = [given.only] if given.only else list(DESTINATIONS)
    if scale() == "small" and not given.only:
        names = ["OTLP", "Langfuse", "LangSmith"]
    report, found = Report("interop"), asyncio.run(measure(names))
    problems: list[str] = []
    for name, (lost, where) in found.items():
        report.target(f"{name}: spans that didn't arrive", len(lost), "==", 0)
        problems += [f"{name}: {p}" for p in judged(name, where)]
    rows = page_rows(found)
    print(table(("field", *found), rows))
    for problem in problems:
        print(problem)
    report.target(
        "fields that aren't shown and have no reason, or the reverse", len(problems), "==", 0
    )
    if given.write:
        PAGE.write_text(HEAD + markdown(list(found), rows) + reasons(), encoding="utf-8")
    report.finish()
    sys.exit(int(not all(target.met for target in report.targets)))


async def measure(names: Sequence[str]) -> dict[str, tuple[list[str], dict[str, str]]]:
    """Return, by destination, the spans that are missing and where each field isn't shown."""
    found: dict[str, tuple[list[str], dict[str, str]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/ledger.db"
        spans = await run_desk(url, Path(folder))
        store = open_store(url)
        try:
            for name in names:
                print(f"{name}...", flush=True)
                seen = await read(name, store, spans)
                found[name] = missing(spans, seen), shown(spans, seen)
        finally:
            await store.close()
    return found


def judged(name: str, where: Mapping[str, str]) -> list[str]:
    """Return what differs from what is known."""
    problems: list[str] = []
    for field, span in where.items():
        reason = KNOWN.get((name, field))
        if span and reason is None:
            problems.append(f"{field} isn't shown as it ought to be, first in {span!r}")
        if not span and reason is not None:
            problems.append(f"{field} is shown now; take its reason away")
    return problems


def page_rows(found: Mapping[str, tuple[list[str], dict[str, str]]]) -> list[tuple[str, ...]]:
    """Return the table: yes, or the number of the reason."""
    numbers = {reason: str(n) for n, reason in enumerate(dict.fromkeys(KNOWN.values()), 1)}

    def cell(name: str, field: str) -> str:
        if not found[name][1][field]:
            return "yes"
        return f"no ({numbers.get(KNOWN.get((name, field), ''), '?')})"

    return [(field, *(cell(name, field) for name in found)) for field in FIELDS]


def markdown(names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return the table for the page."""
    lines = ["| field | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)]) + "\n"


def reasons() -> str:
    """Return the reasons by number."""
    each = dict.fromkeys(KNOWN.values())
    return "\n" + "\n".join(f"{n}. {reason}" for n, reason in enumerate(each, 1)) + "\n"


if __name__ == "__main__":
    main()
