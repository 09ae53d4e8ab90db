"""DBOS Transact: one workflow that calls one ``@DBOS.step()`` so many times, synchronous.

DBOS keeps its own SQLite engine with its own settings (IMMEDIATE transactions, busy time-out);
a listener on SQLAlchemy's connections sets journal mode and level for the jobs at the same
settings. Several runs at once are started with ``start_workflow`` in its own threads.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from dbos import DBOS
from dbos._dbos import _get_dbos_instance
from sqlalchemy import event
from sqlalchemy.engine import Engine

from benchmarks.steps._contender import Answer, Job, Pragmas, folded, serve, text

wanted: list[str] = []


@event.listens_for(Engine, "connect")
def set_pragmas(connection: Any, _: Any) -> None:
    for statement in wanted:
        connection.execute(statement)


@DBOS.step()
def produce(step: int, run: int, steps: int) -> str:
    return text(step, run, steps)


@DBOS.workflow()
def steps_in_a_row(run: int, steps: int) -> int:
    for step in range(steps):
        produce(step, run, steps)
    return steps


def measure(job: Job, folder: Path) -> Answer:
    file = folder / "dbos.db"
    wanted[:] = job.pragmas.statements() if job.settings == "same" else ()
    DBOS(
        config={
            "name": "steps",
            "system_database_url": f"sqlite:///{file}",
            "log_level": "ERROR",
        }
    )
    DBOS.launch()
    try:
        engine = _get_dbos_instance()._sys_db.engine
        empty = folded(file)
        began = time.perf_counter()
        handles = [DBOS.start_workflow(steps_in_a_row, run, job.steps) for run in range(job.runs)]
        for handle in handles:
            handle.get_result(polling_interval_sec=0.005)
        seconds = time.perf_counter() - began
        with engine.connect() as connection:
            pragmas = Pragmas.of(lambda sql: connection.exec_driver_sql(sql).scalar())
        return Answer(seconds, folded(file), empty, pragmas)
    finally:
        DBOS.destroy()


if __name__ == "__main__":
    serve(measure)
