"""Replay: what it takes to bring a long run back, beside executing it and beside reading its rows.

A workflow makes so many steps that do nothing (``run.call`` of a read, or ``run.read``; each has a
result of its own of some hundred characters) and then waits for an event. Its first ``advance`` is
the execution. Each further one is a replay: the run is claimed and loaded, every step is asked for
again and compared with the record, and the run waits as before. The floor is bare ``sqlite3``: the
same run's entries and the payloads of their results, selected in bulk from the same file,
decompressed, and decoded as JSON. The three take turns within a round, on a new file each round,
and ratios are medians of the ratios within one. Memory is the most that Python's own count of it
reaches while a run is replayed.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sqlite3
import statistics
import tempfile
import time
import tracemalloc
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zstandard import ZstdDecompressor

from benchmarks._report import Report, scale, table
from stanchion import Run, tool, workflow
from stanchion.ledger import NewRun, open_store
from stanchion.values import RunState
from stanchion.workflows import Host, Workflow, Workflows, advance

FULL = scale() == "full"
STEPS = 10_000 if FULL else 2_000
ROUNDS = 5 if FULL else 3
REPLAYS = 3
"""Replays, and readings of the floor, in each round."""
MEMORY = (2_500, 5_000, 10_000, 20_000) if FULL else (1_000, 2_000, 4_000)

WORDS = "the export of the night was found where it had been left, and nothing else was touched: "


@dataclass(frozen=True, slots=True)
class Release:
    """The event that the run waits for; it never comes."""


def found(step: int) -> str:
    """Return the result of a step."""
    return f"{step}: {WORDS}{step * 7919}"


@tool(read=True)
async def look_up(step: int) -> str:
    """Return the text of a step."""
    return found(step)


async def produce(step: int) -> str:
    """Return the text of a step."""
    return found(step)


@workflow(tools=[look_up])
async def calls(run: Run, steps: int) -> None:
    """Call a tool so many times, then wait."""
    for step in range(steps):
        if await run.call(look_up, step) != found(step):
            raise AssertionError(step)
    await run.receive(Release)


@workflow
async def reads(run: Run, steps: int) -> None:
    """Read so many times, then wait."""
    for step in range(steps):
        if await run.read(produce, step) != found(step):
            raise AssertionError(step)
    await run.receive(Release)


KINDS: dict[str, Workflow[Any, Any, Any]] = {"call": calls, "read": reads}


@dataclass(frozen=True, slots=True)
class Round:
    """Seconds that the same run took; of those repeated, the median."""

    executed: float
    replayed: float
    floor: float


async def execute(file: Path, kind: str, steps: int) -> float:
    """Create a run and move it to its wait; return the seconds of that."""
    definition = KINDS[kind]
    store = open_store(f"sqlite:///{file}")
    try:
        encoded = definition.input_codec.encode(steps)
        await store.create(NewRun("run", definition.name, definition.version, encoded))
        return await moved(Host(store, Workflows([definition]), "bench"))
    finally:
        await store.close()


async def replay(file: Path, kind: str) -> float:
    """Move a run that waits; return the seconds until it waits again."""
    store = open_store(f"sqlite:///{file}")
    try:
        before = (await store.get("run")).seq
        seconds = await moved(Host(store, Workflows([KINDS[kind]]), "bench"))
        if (await store.get("run")).seq != before:
            raise RuntimeError("the replay recorded something")
        return seconds
    finally:
        await store.close()


async def moved(host: Host) -> float:
    """Advance the run once and return the seconds."""
    gc.collect()
    began = time.perf_counter()
    record = await advance(host, "run")
    seconds = time.perf_counter() - began
    if record is None or record.state is not RunState.WAITING:
        raise RuntimeError(f"the run doesn't wait: {record}")
    return seconds


def read_floor(file: Path) -> float:
    """Select and decode what a replay needs, with nothing else; return the seconds."""
    gc.collect()
    began = time.perf_counter()
    connection = sqlite3.connect(file)
    entries = connection.execute(
        "SELECT seq, lane, ordinal, phase, kind, name, request, result, facts, epoch, recorded_at, "
        "chain FROM entries WHERE run = 1 ORDER BY seq"
    ).fetchall()
    payloads = connection.execute(
        "SELECT p.digest, p.encoding, p.data FROM entries e JOIN payloads p "
        "ON p.tenant = '' AND p.digest = e.result WHERE e.run = 1"
    ).fetchall()
    decompress = ZstdDecompressor().decompress
    facts = [json.loads(row[8]) for row in entries]
    results = {
        digest: json.loads(decompress(data) if encoding else data)
        for digest, encoding, data in payloads
    }
    seconds = time.perf_counter() - began
    connection.close()
    if len(facts) != len(entries) or len(results) + 2 < len(entries):
        raise RuntimeError("the floor missed rows")
    return seconds


def one_round(folder: Path, kind: str, number: int) -> Round:
    """Execute a run on a new file, then replay it and read the floor in turns."""
    file = folder / f"{kind}-{number}.db"
    executed = asyncio.run(execute(file, kind, STEPS))
    turns = [(asyncio.run(replay(file, kind)), read_floor(file)) for _ in range(REPLAYS)]
    replayed, floor = (statistics.median(times) for times in zip(*turns, strict=True))
    file.unlink()
    return Round(executed, replayed, floor)


# Memory


def memory_of(file: Path, kind: str) -> int:
    """Return the most bytes that replaying a run holds at once, by Python's own count."""
    tracemalloc.start()
    try:
        asyncio.run(replay(file, kind))
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def measure_memory(folder: Path) -> dict[int, int]:
    """Return the most bytes held by the run's steps."""
    held: dict[int, int] = {}
    for steps in MEMORY:
        file = folder / f"memory-{steps}.db"
        asyncio.run(execute(file, "call", steps))
        held[steps] = memory_of(file, "call")
        file.unlink()
    return held


# Reporting


def main() -> None:
    """Measure and report."""
    report = Report("replay")
    report.figure("steps", STEPS)
    with tempfile.TemporaryDirectory(prefix="bench-replay-") as name:
        folder = Path(name)
        rounds: dict[str, list[Round]] = {kind: [] for kind in KINDS}
        for number in range(ROUNDS):
            for kind, taken in rounds.items():
                taken.append(one_round(folder, kind, number))
        held = measure_memory(folder)
    print(table(("step", "executed s", "replayed s", "floor s"), rows_of(rounds)), end="\n\n")
    for kind, taken in rounds.items():
        report_times(report, kind, taken)
    report_memory(report, held)
    report.finish()


def rows_of(rounds: dict[str, list[Round]]) -> list[tuple[object, ...]]:
    """Return the table of the times."""
    every = [(kind, r) for kind, taken in rounds.items() for r in taken]
    return [(kind, r.executed, r.replayed, r.floor) for kind, r in every]


def report_times(report: Report, kind: str, taken: list[Round]) -> None:
    """Note the times of one kind of step, in microseconds a step, and their ratios."""
    for part in Round.__slots__:
        seconds = statistics.median(getattr(r, part) for r in taken)
        report.figure(f"{kind}_{part}_micros_per_step", seconds / STEPS * 1e6)
    over_execution = statistics.median(r.replayed / r.executed for r in taken)
    over_floor = statistics.median(r.replayed / r.floor for r in taken)
    report.target(f"{kind}: replay's time over execution's", over_execution, "<=", 0.2)
    report.target(f"{kind}: replay's time over reading the rows", over_floor, "<=", 5)


def report_memory(report: Report, held: dict[int, int]) -> None:
    """Note how the memory of a replay grows with the steps."""
    for steps, most_bytes in held.items():
        report.figure(f"peak_bytes_per_step_at_{steps}", most_bytes / steps)
    fewest, *_, most = MEMORY
    ratio = (held[most] / most) / (held[fewest] / fewest)
    what = f"peak bytes a step at {most} steps over those at {fewest}"
    report.target(what, ratio, "<=", 1.2)


if __name__ == "__main__":
    main()
