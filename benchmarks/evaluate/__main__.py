"""Evaluate: 1,000 cases with a model that needs 50 ms, 100 at a time, and again after a kill.

The bound is what the models alone need. Every contender scores by equality, in a process of its
own, in turns; the fastest of the rounds counts. pydantic-evals records nothing, inspect-ai writes
its log, Stanchion commits each step of each run to a SQLite file. What a crash costs is read from
the model's own log: half way Stanchion is killed with SIGKILL and started again.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import asdict
from pathlib import Path

from benchmarks._report import Report, scale, table
from benchmarks.evaluate._contender import Answer, Job, ask

US = "stanchion"
CONTENDERS = {
    US: "benchmarks.evaluate._stanchion",
    "inspect-ai": "benchmarks.evaluate.peers._inspect",
    "pydantic-evals": "benchmarks.evaluate.peers._pydantic_evals",
}
ROUNDS = 5 if scale() == "full" else 2
KILLED_AFTER = 537
"""Cases: in the middle of a burst, so that others are in flight."""
JOB = Job(cases=1000, concurrency=100, latency_seconds=0.05)


def main() -> None:
    """Measure and report."""
    report = Report("evaluate")
    best: dict[str, Answer] = {}
    for _ in range(ROUNDS):
        for name, module in CONTENDERS.items():
            found = ask(module, JOB)
            if name not in best or found.seconds < best[name].seconds:
                best[name] = found
    rows = [
        (name, each.seconds, each.seconds / JOB.bound, each.cpu_seconds, each.right)
        for name, each in best.items()
    ]
    print(f"{JOB.cases} cases, {JOB.concurrency} at a time, bound {JOB.bound} s, load {load()}")
    print(table(("contender", "seconds", "of the bound", "CPU seconds", "right"), rows))
    again, finished, asked = after_a_kill()
    print(
        f"\nkilled after {finished} cases: {asked} calls in all, {again} of finished cases again\n"
    )
    for name, each in best.items():
        report.figure(f"{name}_seconds", each.seconds)
        report.figure(f"{name}_cpu_seconds", each.cpu_seconds)
    report.target("seconds / bound", best[US].seconds / JOB.bound, "<=", 1.3)
    report.target("cases scored as right", best[US].right, "==", JOB.cases)
    report.target("finished cases that were run again", again, "==", 0)
    report.finish()


def after_a_kill() -> tuple[int, int, int]:
    """Kill an evaluation half way, start it again: finished cases asked again, finished, calls."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "asked.log")
        with start(folder) as running:
            assert running.stdout is not None
            finished = next(n for n in map(int, running.stdout) if n >= KILLED_AFTER)
            running.send_signal(signal.SIGKILL)
        before = log.read_text(encoding="utf-8").splitlines()
        with start(folder) as running:
            running.communicate()
        calls = Counter(log.read_text(encoding="utf-8").splitlines())
    repeated = sum(count - 1 for count in calls.values())
    in_flight = len(before) - finished
    return max(0, repeated - in_flight), finished, calls.total()


def start(folder: str) -> subprocess.Popen[str]:
    """Start our evaluation in a folder; runs of a process that is gone are taken over soon."""
    root = str(Path(__file__).parents[2])
    return subprocess.Popen(
        [sys.executable, "-m", CONTENDERS[US], json.dumps(asdict(JOB))],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": root, "STANCHION_LEASE_SECONDS": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )


def load() -> str:
    """Return how busy the machine is: other work on it counts against everyone here."""
    return f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


if __name__ == "__main__":
    main()
