"""Loops: calls that stuck models waste until they are stopped, and honest work that is left alone.

Scripted models under seeds on which nothing was tuned (tuning used those below ``FIRST_SEED``). A
wasted call is a proposal that brought nothing, the one that is stopped included. Every contender
has its default limits, but Stanchion's number of turns (10, as a last bound) is lifted: with it any
work of more than 10 turns would end, as it does where turns are all that is counted.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence

from benchmarks._report import Report, scale, table
from benchmarks.loops._contender import (
    HONEST_PATTERNS,
    STUCK_PATTERNS,
    Outcome,
    Trial,
    ask,
)
from benchmarks.loops._world import LIMIT

FIRST_SEED = 2000
US = "stanchion"
PEERS = {
    "langgraph": "benchmarks.loops.peers._langgraph",
    "pydantic-ai": "benchmarks.loops.peers._pydantic_ai",
    "openai-agents": "benchmarks.loops.peers._openai_agents",
}
CONTENDERS = {US: "benchmarks.loops._stanchion", **PEERS}
MOST_WASTED = 10

Played = dict[str, list[Outcome]]
"""Outcomes by pattern."""


def main() -> None:
    """Measure and report."""
    stuck_seeds, honest_seeds, size = (40, 8, 500) if scale() == "full" else (2, 1, 80)
    report = Report("loops")
    stuck: dict[str, Played] = {}
    worked: dict[str, Played] = {}
    for name, module in CONTENDERS.items():
        stuck[name] = play(module, STUCK_PATTERNS, stuck_seeds)
        honest = honest_seeds if name == US else 1
        worked[name] = play(module, tuple(HONEST_PATTERNS), honest, size)
        figures(report, name, stuck[name], worked[name])
    print(f"Stuck: stopped, wasted calls on average and at most ({LIMIT}: ended by the harness)")
    print(table(("pattern", *stuck), [row(p, stuck, of_stuck) for p in STUCK_PATTERNS]))
    print("\nHonest work: falsely stopped, of trials")
    print(table(("pattern", *worked), [row(p, worked, of_honest) for p in HONEST_PATTERNS]))
    print()
    targets(report, stuck[US], worked[US])
    report.finish()


def play(module: str, patterns: Sequence[str], seeds: int, size: int = 0) -> Played:
    """Play each pattern under each seed."""
    each = range(FIRST_SEED, FIRST_SEED + seeds)
    trials = [Trial(pattern, seed, size) for pattern in patterns for seed in each]
    played: Played = {pattern: [] for pattern in patterns}
    for trial, outcome in zip(trials, ask(module, trials), strict=True):
        played[trial.pattern].append(outcome)
    return played


def row(
    pattern: str, by_contender: dict[str, Played], cell: Callable[[Sequence[Outcome]], str]
) -> tuple[str, ...]:
    """Return a pattern's row, a cell for each contender."""
    return pattern, *(cell(played[pattern]) for played in by_contender.values())


def of_stuck(outcomes: Sequence[Outcome]) -> str:
    """Say how often stuck models were stopped and how much they wasted."""
    wasted = [max(o.wasted, 0) for o in outcomes]
    share = f"{stopped(outcomes)}/{len(outcomes)}"
    return f"{share} {statistics.mean(wasted):.1f} {max(wasted)}"


def of_honest(outcomes: Sequence[Outcome]) -> str:
    """Say how often honest work was stopped."""
    return f"{stopped(outcomes)}/{len(outcomes)}"


def stopped(outcomes: Sequence[Outcome]) -> int:
    """Count those that the contender stopped."""
    return sum(o.end == "stopped" for o in outcomes)


def figures(report: Report, name: str, stuck: Played, worked: Played) -> None:
    """Note the rates per pattern and their sums."""
    flat = [o for outcomes in stuck.values() for o in outcomes]
    honest = [o for outcomes in worked.values() for o in outcomes]
    report.figure(f"{name}_stuck_trials", len(flat))
    report.figure(f"{name}_stop_rate", stopped(flat) / len(flat))
    report.figure(f"{name}_wasted_mean", statistics.mean(max(o.wasted, 0) for o in flat))
    report.figure(f"{name}_wasted_most", max(o.wasted for o in flat))
    report.figure(f"{name}_stopped_while_useful", sum(o.wasted <= 0 for o in flat))
    report.figure(f"{name}_honest_trials", len(honest))
    report.figure(f"{name}_false_stop_rate", stopped(honest) / len(honest))
    rates = {p: stopped(outcomes) / len(outcomes) for p, outcomes in stuck.items()}
    report.figure(f"{name}_stop_rates", rates)
    false = {p: stopped(outcomes) / len(outcomes) for p, outcomes in worked.items()}
    report.figure(f"{name}_false_stop_rates", false)


def targets(report: Report, stuck: Played, worked: Played) -> None:
    """Note what is wanted of Stanchion."""
    flat = [o for outcomes in stuck.values() for o in outcomes]
    most = max(o.wasted for o in flat)
    report.target("patterns of stuck models", len(stuck), ">=", 8)
    report.target("share of stuck models stopped", stopped(flat) / len(flat), "==", 1)
    report.target("most calls wasted by one", most, "<=", MOST_WASTED)
    report.target("stopped with the partial result", sum(o.kept for o in flat), "==", len(flat))
    report.target("patterns of honest work", len(worked), ">=", 20)
    false = sum(stopped(outcomes) for outcomes in worked.values())
    report.target("honest work stopped or refused", false, "==", 0)


if __name__ == "__main__":
    main()
