"""LangGraph with its SQLite saver, at ``durability="sync"``: persisted before the next step begins.

``graph``: a graph whose one node is a step and loops, as an agent's does; the state holds the
results so far in a list with a reducer, as an agent's state holds its messages. ``delta``: the same
with the list in a ``DeltaChannel`` (beta, opt-in), which stores what was added only. ``tasks``: the
functional API, one ``@task`` a step. One run uses the synchronous saver, several at once the async
one on one event loop.
"""

from __future__ import annotations

import asyncio
import operator
import sqlite3
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, TypedDict

import aiosqlite
from langgraph.channels.delta import DeltaChannel
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.func import entrypoint, task
from langgraph.graph import END, START, StateGraph

from benchmarks.steps._contender import Answer, Job, Pragmas, folded, serve, text

warnings.simplefilter("ignore")


class State(TypedDict):
    run: int
    steps: int
    results: Annotated[list[str], operator.add]


def added(state: list[str], writes: Sequence[list[str]]) -> list[str]:
    return [*state, *(result for write in writes for result in write)]


class DeltaState(TypedDict):
    run: int
    steps: int
    results: Annotated[list[str], DeltaChannel(added)]


def step(state: Any) -> dict[str, Any]:
    return {"results": [text(len(state["results"]), state["run"], state["steps"])]}


async def async_step(state: Any) -> dict[str, Any]:
    return step(state)


def route(state: Any) -> str:
    return END if len(state["results"]) >= state["steps"] else "step"


def graph_of(node: Any, state: Any, saver: Any) -> Any:
    builder = StateGraph(state)
    builder.add_node("step", node)
    builder.add_edge(START, "step")
    builder.add_conditional_edges("step", route, ["step", END])
    return builder.compile(checkpointer=saver)


@task
def produce(number: int, run: int, steps: int) -> str:
    return text(number, run, steps)


def tasks_of(saver: Any) -> Any:
    @entrypoint(checkpointer=saver)
    def in_a_row(given: dict[str, int]) -> int:
        for number in range(given["steps"]):
            produce(number, given["run"], given["steps"]).result()
        return given["steps"]

    return in_a_row


def measure(job: Job, folder: Path) -> Answer:
    file = folder / "langgraph.db"
    return measure_one(job, file) if job.runs == 1 else asyncio.run(measure_many(job, file))


def measure_one(job: Job, file: Path) -> Answer:
    connection = sqlite3.connect(file, check_same_thread=False)
    saver = SqliteSaver(connection)
    saver.setup()
    if job.settings == "same":
        for statement in job.pragmas.statements():
            connection.execute(statement)
    empty = folded(file)
    states = {"graph": State, "delta": DeltaState}
    runnable = (
        tasks_of(saver) if job.variant == "tasks" else graph_of(step, states[job.variant], saver)
    )
    began = time.perf_counter()
    runnable.invoke(given(job, 0), config(job, 0), durability="sync")
    seconds = time.perf_counter() - began
    pragmas = Pragmas.of(lambda sql: connection.execute(sql).fetchone()[0])
    answer = Answer(seconds, folded(file), empty, pragmas)
    connection.close()
    return answer


async def measure_many(job: Job, file: Path) -> Answer:
    async with aiosqlite.connect(file) as connection:
        saver = AsyncSqliteSaver(connection)
        await saver.setup()
        if job.settings == "same":
            for statement in job.pragmas.statements():
                await connection.execute(statement)
        empty = folded(file)
        runnable = graph_of(async_step, State, saver)
        began = time.perf_counter()
        await asyncio.gather(
            *(
                runnable.ainvoke(given(job, run), config(job, run), durability="sync")
                for run in range(job.runs)
            )
        )
        seconds = time.perf_counter() - began
        found: dict[str, Any] = {}
        for name in ("journal_mode", "synchronous", "wal_autocheckpoint"):
            async with connection.execute(f"PRAGMA {name}") as cursor:
                row = await cursor.fetchone()
                found[f"PRAGMA {name}"] = row[0] if row else None
        return Answer(seconds, folded(file), empty, Pragmas.of(found.__getitem__))


def given(job: Job, run: int) -> dict[str, Any]:
    results = {} if job.variant == "tasks" else {"results": []}
    return {"run": run, "steps": job.steps, **results}


def config(job: Job, run: int) -> dict[str, Any]:
    return {"configurable": {"thread_id": str(run)}, "recursion_limit": job.steps + 10}


if __name__ == "__main__":
    serve(measure)
