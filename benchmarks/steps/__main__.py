"""Steps: what a durable step with a 1 KB result costs, beside LangGraph, DBOS and bare ``sqlite3``.

Contenders take turns within each repetition, and ratios are medians of the ratios within one: on a
shared machine two times are comparable only if they were taken one after the other.
"""

from __future__ import annotations

import importlib.util
import statistics
from collections import defaultdict
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

from benchmarks._report import Report, scale, table
from benchmarks.steps._contender import Answer, Job, Pragmas, Settings
from benchmarks.steps._process import Contender

FLOOR, READ, CALL = "sqlite3 (floor)", "stanchion read", "stanchion call"
GRAPH, DELTA, TASKS = "langgraph", "langgraph delta", "langgraph tasks"
DBOS = "dbos"

MODULES = {
    "floor": "benchmarks.steps._floor",
    "stanchion": "benchmarks.steps._stanchion",
    "langgraph": "benchmarks.steps.peers._langgraph",
    "dbos": "benchmarks.steps.peers._dbos",
}
VARIANTS = {
    FLOOR: ("floor", ""),
    READ: ("stanchion", "read"),
    CALL: ("stanchion", "call"),
    GRAPH: ("langgraph", "graph"),
    DELTA: ("langgraph", "delta"),
    TASKS: ("langgraph", "tasks"),
    DBOS: ("dbos", ""),
}
OURS, SIDE_BY_SIDE = (FLOOR, READ, CALL), (FLOOR, READ, CALL, DBOS, GRAPH)

Key: TypeAlias = tuple[str, int, int, Settings]


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured."""

    sizes: tuple[int, ...] = (50, 200, 800)
    rounds: tuple[int, ...] = (5, 5, 5)
    large: int = 10_000
    large_rounds: int = 5
    runs: int = 100
    run_steps: int = 20
    run_rounds: int = 3
    own_steps: int = 200
    beside: bool = True
    """Also LangGraph's delta channel and tasks."""


SMALL = Plan((50, 200, 400), (2, 2, 1), 2_000, 2, 100, 4, 1, 50, beside=False)


@dataclass(slots=True)
class Bench:
    """The contenders and what they answered."""

    contenders: Mapping[str, Contender]
    pragmas: Pragmas = field(default_factory=Pragmas)
    answers: defaultdict[Key, list[Answer]] = field(default_factory=lambda: defaultdict(list))

    def known(self, *names: str) -> list[str]:
        """Return those that take part."""
        return [name for name in names if VARIANTS[name][0] in self.contenders]

    def measure(self, name: str, steps: int, runs: int = 1, settings: Settings = "same") -> None:
        """Measure once and keep the answer."""
        contender, variant = VARIANTS[name]
        job = Job(variant, steps, runs, settings, self.pragmas)
        answer = self.contenders[contender].measure(job)
        self.answers[name, steps, runs, settings].append(answer)

    def seconds(self, name: str, steps: int, runs: int = 1) -> list[float]:
        """Return the seconds a step, by round."""
        answers = self.answers[name, steps, runs, "same"]
        return [answer.seconds / steps / runs for answer in answers]

    def ratio(self, one: str, other: str, steps: int) -> float:
        """Return the median over rounds of how much longer one takes than the other."""
        pairs = zip(self.seconds(one, steps), self.seconds(other, steps), strict=True)
        return statistics.median(a / b for a, b in pairs)

    def bytes_per_step(self, name: str, steps: int, *, whole: bool) -> float:
        """Return the bytes a step, of the whole file or beyond an empty one."""
        answers = self.answers[name, steps, 1, "same"]
        sizes = [a.bytes - (0 if whole else a.empty_bytes) for a in answers]
        return statistics.median(sizes) / steps


def main() -> None:
    """Measure and report."""
    plan = Plan() if scale() == "full" else SMALL
    with contenders() as found:
        bench = Bench(found)
        prepare(bench)
        measure(bench, plan)
    rows = [row(bench, key) for key in sorted(bench.answers, key=lambda k: (k[3], k[2], k[1]))]
    header = ("contender", "steps", "runs", "settings", "µs a step", "least", "bytes a step")
    print(table((*header, "journal", "sync", "rounds"), rows), end="\n\n")
    report(bench, plan).finish()


@contextmanager
def contenders() -> Generator[Mapping[str, Contender]]:
    """Start every contender that is installed here."""
    with ExitStack() as stack:
        found: dict[str, Contender] = {}
        for name, module in MODULES.items():
            if name in {"floor", "stanchion"} or importlib.util.find_spec(name):
                found[name] = stack.enter_context(Contender(module))
            else:
                print(f"{name} isn't installed here: left out (make bench NAME=steps installs it)")
        for contender in found.values():
            contender.wait_ready()
        yield found


def prepare(bench: Bench) -> None:
    """Warm everybody up, and take the settings from the ledger's own connection."""
    bench.measure(READ, 50, settings="own")
    bench.pragmas = bench.answers[READ, 50, 1, "own"][-1].pragmas
    for name in bench.known(*VARIANTS):
        bench.measure(name, 50)
    bench.answers.clear()


def measure(bench: Bench, plan: Plan) -> None:
    """Measure everything; whoever is compared is measured in turns."""
    for steps, rounds in zip(plan.sizes, plan.rounds, strict=True):
        for _ in range(rounds):
            for name in bench.known(*SIDE_BY_SIDE):
                bench.measure(name, steps)
    for _ in range(plan.large_rounds):
        for name in OURS:
            bench.measure(name, plan.large)
        for _ in range(3):
            bench.measure(READ, plan.sizes[1])
    for _ in range(plan.run_rounds):
        for name in bench.known(*SIDE_BY_SIDE):
            bench.measure(name, plan.run_steps, plan.runs)
    for name in bench.known(READ, DBOS, GRAPH):
        bench.measure(name, plan.own_steps, settings="own")
    for name in bench.known(DELTA, TASKS) if plan.beside else ():
        bench.measure(name, plan.sizes[-1])


def row(bench: Bench, key: Key) -> tuple[object, ...]:
    """Return one line of the table."""
    name, steps, runs, settings = key
    answers = bench.answers[key]
    micros = [a.seconds / steps / runs * 1e6 for a in answers]
    size = statistics.median(a.bytes for a in answers) / steps / runs
    pragmas = answers[-1].pragmas
    level = {0: "off", 1: "normal", 2: "full", 3: "extra"}[pragmas.synchronous]
    measured = (round(statistics.median(micros)), round(min(micros)), round(size))
    return name, steps, runs, settings, *measured, pragmas.journal_mode, level, len(answers)


def report(bench: Bench, plan: Plan) -> Report:
    """Return the figures and the targets."""
    told = Report("steps")
    small, most, large = plan.sizes[1], plan.sizes[-1], plan.large
    told.figure("settings", vars_of(bench.pragmas))
    told.figure("rows", [figures(bench, key) for key in bench.answers])
    for name in bench.known(DBOS, GRAPH):
        ratio = bench.ratio(name, READ, most)
        told.figure(f"{name}_over_stanchion_call_at_{most}", bench.ratio(name, CALL, most))
        told.target(f"{name}'s time a step over Stanchion's, at {most} steps", ratio, ">=", 10)
    if bench.known(GRAPH):
        theirs = bench.bytes_per_step(GRAPH, most, whole=True)
        ratio = theirs / bench.bytes_per_step(READ, most, whole=True)
        told.target(f"langgraph's bytes a step over Stanchion's, at {most} steps", ratio, ">=", 50)
    told.target(
        f"time a step at {large} steps over that at {small}", growth(bench, plan), "<=", 1.2
    )
    bytes_at = {n: bench.bytes_per_step(READ, n, whole=False) for n in (small, large)}
    told.target(
        f"bytes a step at {large} steps over that at {small}, an empty ledger's subtracted",
        bytes_at[large] / bytes_at[small],
        "<=",
        1.2,
    )
    told.figure(f"stanchion_call_over_floor_at_{most}", bench.ratio(CALL, FLOOR, most))
    told.target(
        f"Stanchion's time a step over bare sqlite3's, at {most} steps",
        bench.ratio(READ, FLOOR, most),
        "<=",
        4,
    )
    return told


def growth(bench: Bench, plan: Plan) -> float:
    """Return the median over rounds of the large run's time a step over the small ones' beside."""
    large = bench.seconds(READ, plan.large)
    small = bench.seconds(READ, plan.sizes[1])[-3 * len(large) :]
    beside = [statistics.median(small[3 * i : 3 * i + 3]) for i in range(len(large))]
    return statistics.median(a / b for a, b in zip(large, beside, strict=True))


def figures(bench: Bench, key: Key) -> dict[str, object]:
    """Return one line of the table, for programs."""
    names = "contender steps runs settings micros_per_step least_micros_per_step bytes_per_step"
    columns = [*names.split(), "journal_mode", "synchronous", "rounds"]
    return dict(zip(columns, row(bench, key), strict=True))


def vars_of(pragmas: Pragmas) -> dict[str, object]:
    """Return the settings as the figures show them."""
    return {name: getattr(pragmas, name) for name in Pragmas.__slots__}


if __name__ == "__main__":
    main()
