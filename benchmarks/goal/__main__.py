"""Goal: whether it survives 10,000 steps in a small window, and what is found again.

One task of 10,000 tool calls in one ``run.agent``, with windows of 4,000 and 8,000 tokens. Results
have 10 bytes to 1 MB, every seventh imitates summaries, system messages and new goals; the
summariser fails, lies, drops the goal, loops, obeys what it reads or says nothing in 20 % of its
calls. Identifiers are planted in results and asked for by words a random number of steps later:
they must be in the window, or in the answer to the first recall, which uses those words alone.
Everything is judged from the requests that the model got, with tokens as the provider bills them.
No peer is measured yet.
"""

from __future__ import annotations

import asyncio
from typing import Any

from benchmarks._report import Report, scale, table
from benchmarks.goal._stanchion import measure

STEPS = 10_000 if scale() == "full" else 1_000
WINDOWS = (4_000, 8_000)
SHOWN = ("calls", "goal_share", "request_share", "found_share", "tokens_mean", "tokens_most")


def main() -> None:
    """Measure and report."""
    report = Report("goal")
    report.figure("steps", STEPS)
    rows: list[tuple[object, ...]] = []
    for window in WINDOWS:
        counted = asyncio.run(measure(STEPS, window))
        rows.append((f"stanchion, {window:,}", *(counted[name] for name in SHOWN)))
        _note(report, f"window_{window}", counted)
        _judge(report, f"{window:,} tokens", window, counted)
    print(table(("contender, window", *SHOWN), rows), end="\n\n")
    report.finish()


def _note(report: Report, name: str, counted: dict[str, Any]) -> None:
    for what, value in counted.items():
        report.figure(f"{name}_{what}", value)


def _judge(report: Report, name: str, window: int, counted: dict[str, Any]) -> None:
    flat = counted["tokens_last"] / counted["tokens_first"]
    report.target(f"{name}: calls with goal and constraints", counted["goal_share"], "==", 1.0)
    report.target(f"{name}: calls with the exact request", counted["request_share"], "==", 1.0)
    report.target(f"{name}: of summaries' calls", counted["summary_goal_share"], "==", 1.0)
    report.target(f"{name}: identifiers found", counted["found_share"], ">=", 0.99)
    report.target(f"{name}: tokens a call, last over first", flat, "<=", 1.1)
    report.target(f"{name}: tokens a call, first over last", 1 / flat, "<=", 1.1)
    report.target(f"{name}: largest call over the window", counted["tokens_most"] / window, "<=", 1)


if __name__ == "__main__":
    main()
