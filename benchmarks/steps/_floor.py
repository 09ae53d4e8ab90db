"""The floor: bare ``sqlite3``, the same results in as many commits at the same settings.

One table, one row a step under an integer key, a statement that stays prepared. As many commits as
the ledger makes in a run: one a step and four more (created, claimed, started, ended).
"""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from benchmarks.steps._contender import Answer, Job, Pragmas, folded, serve, text

COMMITS_BESIDE_STEPS = 4


def measure(job: Job, folder: Path) -> Answer:
    """Insert the results of all runs, one after another."""
    file = folder / "floor.db"
    connection = sqlite3.connect(file, isolation_level=None)
    if job.settings == "same":
        for statement in job.pragmas.statements():
            connection.execute(statement)
    connection.execute("CREATE TABLE steps (n INTEGER PRIMARY KEY, result BLOB NOT NULL)")
    empty = folded(file)
    began = time.perf_counter()
    for run in range(job.runs):
        for step in range(job.steps):
            _commit(connection, text(step, run, job.steps).encode())
        for _ in range(COMMITS_BESIDE_STEPS):
            _commit(connection, b"")
    seconds = time.perf_counter() - began
    pragmas = Pragmas.of(lambda statement: connection.execute(statement).fetchone()[0])
    connection.close()
    return Answer(seconds, folded(file), empty, pragmas)


def _commit(connection: sqlite3.Connection, result: bytes) -> None:
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("INSERT INTO steps (result) VALUES (?)", (result,))
    connection.execute("COMMIT")


if __name__ == "__main__":
    serve(measure)
