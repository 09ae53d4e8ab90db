"""Proof that the tests of a promise can fail: take the mechanism out and watch them.

Each ``[[promise.mutation]]`` of ``promises.toml`` is applied to a copy of the tree, never to the
work tree, and the promise's own tests run there. They must fail: a failing assertion or an
unexpected error, not a module that can't be imported, and not a hang. First the same tests must
pass on an untouched copy. Exits 1 if a mutant survives or says nothing.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path

from scripts.promises import Mutation, find_tests, load

__all__ = ["Mutant", "Outcome", "Verdict", "mutants", "run", "try_mutant"]

LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "dist", "build")
HUNG_AFTER_S = 120


class Verdict(StrEnum):
    """What a mutant taught us."""

    CAUGHT = "caught"
    SURVIVED = "SURVIVED"
    """The tests pass without the mechanism: they prove nothing."""
    STALE = "STALE"
    """The text to replace isn't in the file exactly once."""
    UNTESTED = "UNTESTED"
    """No test ran."""
    BROKEN = "BROKEN"
    """pytest couldn't run the tests, so nothing is known about them."""
    HUNG = "HUNG"
    """The tests didn't end: bound their waits."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One mutation with the tests that must catch it."""

    promise: str
    mutation: Mutation | None
    """None is the untouched copy."""
    nodes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """A mutant, what became of it, and the end of what pytest printed."""

    mutant: Mutant
    verdict: Verdict
    seconds: float = 0.0
    told: str = ""


def mutants(root: Path) -> list[Mutant]:
    """Return the mutants that the manifest lists, in its order."""
    tests = find_tests(root)
    return [
        Mutant(
            promise.id, mutation, tuple(test.node for test in tests if test.promise == promise.id)
        )
        for promise in load(root)
        for mutation in promise.mutation
    ]


def run(root: Path, jobs: int) -> tuple[Outcome, list[Outcome]]:
    """Try the untouched copy and every mutant, ``jobs`` at a time."""
    listed = mutants(root)
    nodes = tuple(dict.fromkeys(node for mutant in listed for node in mutant.nodes))
    with ThreadPoolExecutor(max_workers=jobs) as pool:
        untouched, *rest = pool.map(partial(try_mutant, root), [Mutant("", None, nodes), *listed])
    return untouched, rest


def try_mutant(root: Path, mutant: Mutant, hung_after: float = HUNG_AFTER_S) -> Outcome:
    """Apply one mutation to a copy of the tree and run its tests there, for so many seconds."""
    if not mutant.nodes:
        return Outcome(mutant, Verdict.UNTESTED)
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        copy = Path(folder) / "tree"
        shutil.copytree(root, copy, ignore=LEFT_OUT)
        if mutant.mutation and not _apply(mutant.mutation, copy):
            return Outcome(mutant, Verdict.STALE)
        began = time.monotonic()
        verdict, told = _test(copy, mutant, hung_after)
        return Outcome(mutant, verdict, time.monotonic() - began, told)


def _apply(mutation: Mutation, tree: Path) -> bool:
    """Replace the text; False, and nothing done, if it isn't there exactly once."""
    file = tree / mutation.file
    source = file.read_text(encoding="utf-8") if file.is_file() else ""
    if source.count(mutation.find) != 1:
        return False
    file.write_text(source.replace(mutation.find, mutation.replace), encoding="utf-8")
    return True


def _test(tree: Path, mutant: Mutant, hung_after: float) -> tuple[Verdict, str]:
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
    if mutant.mutation and mutant.mutation.select:
        command += ["-k", mutant.mutation.select]
    # The copy's source comes before the installed package, also for processes the tests start.
    variables = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(tree / "src"), str(tree)]),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    # A session of its own, so that a hung test's children are stopped with it.
    process = subprocess.Popen(
        [*command, *mutant.nodes],
        cwd=tree,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        told, _ = process.communicate(timeout=hung_after)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        told, _ = process.communicate()
        return Verdict.HUNG, told
    return _judge(process.returncode), told


def _judge(code: int) -> Verdict:
    """Read pytest's exit code: 1 is a failed test, 2 a module that can't be imported, 5 no test."""
    if code == 0:
        return Verdict.SURVIVED
    if code == 1:
        return Verdict.CAUGHT
    return Verdict.UNTESTED if code == 5 else Verdict.BROKEN


def report(untouched: Outcome, outcomes: Sequence[Outcome], seconds: float) -> int:
    """Print a table and what to look at; return the exit code."""
    if untouched.verdict not in (Verdict.SURVIVED, Verdict.UNTESTED):
        print(f"Without any mutation the tests don't pass:\n{untouched.told[-3000:]}")
        return 1
    for outcome in outcomes:
        file = outcome.mutant.mutation.file if outcome.mutant.mutation else ""
        print(f"{outcome.mutant.promise:12} {outcome.verdict:9} {outcome.seconds:5.1f} s  {file}")
    missed = [outcome for outcome in outcomes if outcome.verdict is not Verdict.CAUGHT]
    for outcome in missed:
        find = outcome.mutant.mutation.find if outcome.mutant.mutation else ""
        told = outcome.told[-1500:] if outcome.verdict is not Verdict.SURVIVED else ""
        print(f"\n{outcome.mutant.promise}: {outcome.verdict}, replacing\n{find}\n{told}")
    caught = len(outcomes) - len(missed)
    print(f"{caught} of {len(outcomes)} mutants caught in {seconds:.0f} s")
    return 1 if missed else 0


def main() -> None:
    """Run the mutants of the tree in the current folder."""
    parser = argparse.ArgumentParser(prog="python -m scripts.mutate", description=__doc__)
    parser.add_argument("--jobs", type=int, default=2, help="how many at a time")
    jobs: int = parser.parse_args().jobs
    if not mutants(Path()):
        print("No mutation listed in promises.toml")
        return
    began = time.monotonic()
    untouched, outcomes = run(Path(), jobs)
    sys.exit(report(untouched, outcomes, time.monotonic() - began))


if __name__ == "__main__":
    main()
