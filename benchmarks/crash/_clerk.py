"""Everybody else: who starts the runs, answers their questions, and notes how they ended.

One process a store, never killed. It takes orders from a file that the parent appends to, approves
whatever is put before it, and says the truth about unknown effects: what the target's log holds,
looking again for a while before it says that something did not happen.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.crash._desk import WORKFLOWS, Client, input_of
from benchmarks.crash._faults import Trigger
from benchmarks.crash._processes import outlive_nobody
from benchmarks.crash._world import CARE_SECONDS, UNDOING, Order
from stanchion.ledger import NewRun, Store, open_store
from stanchion.review import ReviewInbox, ReviewRefused, reply
from stanchion.values import Question, QuestionKind, RunState

__all__ = ["Tail", "add_line", "serve_clerk"]

_PAUSE_SECONDS = 0.04
_ENDED = {RunState.COMPLETED, RunState.FAILED, RunState.CANCELLED}


class Tail:
    """Reads the lines that others append to a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._at = 0

    def lines(self) -> Iterator[Any]:
        """Yield the values of whole lines that came since the last call."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._at)
                data = file.read()
        except FileNotFoundError:
            return
        whole = data[: data.rfind(b"\n") + 1]
        self._at += len(whole)
        for line in whole.splitlines():
            yield json.loads(line)


def add_line(path: Path, value: Any) -> None:
    """Append one value, in one write."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        os.write(file, json.dumps(value).encode() + b"\n")
    finally:
        os.close(file)


def serve_clerk(url: str, folder: Path) -> None:
    """Serve until the parent is gone."""
    asyncio.run(_serve(url, folder))


async def _serve(url: str, folder: Path) -> None:
    clerk = Clerk(open_store(url), folder, Client(folder / "target.sock", Trigger(None)))
    task = asyncio.create_task(clerk.work())
    gone = asyncio.create_task(outlive_nobody())
    await asyncio.wait([task, gone], return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        task.result()


@dataclass
class Clerk:
    """The state of one clerk."""

    store: Store
    folder: Path
    client: Client
    going: set[str] = field(default_factory=set[str])
    looked_since: dict[str, float] = field(default_factory=dict[str, float])

    async def work(self) -> None:
        """Do everything, again and again."""
        orders = Tail(self.folder / "orders")
        inbox = ReviewInbox(self.store)
        while True:
            for order in orders.lines():
                await self._create(order)
            for question in await inbox.pending():
                await self._answer(inbox, question)
            await self._note_ends()
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _create(self, order: dict[str, Any]) -> None:
        definition = WORKFLOWS[order["workflow"]]
        encoded = input_of(definition, Order(**order["order"]))
        run = NewRun(order["run"], definition.name, definition.version, encoded)
        await self.store.create(run)
        self.going.add(order["run"])

    async def _answer(self, inbox: ReviewInbox, question: Question) -> None:
        choice, value = question.choices[0], None
        if question.kind is QuestionKind.UNKNOWN:
            item = _item(question)
            value = await self.client.ask(do="find item", item=item)
            since = self.looked_since.setdefault(question.id, time.monotonic())
            if value is None and time.monotonic() - since < CARE_SECONDS:
                return
            choice = "did_not_happen" if value is None else "happened"
            tool = question.subject["tool"]
            value = None if tool in UNDOING else value
            add_line(self.folder / "answers", {"item": item, "tool": tool, "answer": choice})
        answer = reply(question, choice, by="the clerk", at=datetime.now(UTC), value=value)
        with contextlib.suppress(ReviewRefused):  # the run has found out by itself meanwhile
            await inbox.answer(answer)

    async def _note_ends(self) -> None:
        if not self.going:
            return
        states = await self.store.states(sorted(self.going))
        for run in [run for run, state in states.items() if state in _ENDED]:
            self.going.discard(run)
            record = await self.store.get(run)
            output = await self._output(record.tenant, record.result)
            ended = {"run": run, "state": record.state, "reason": record.reason, "output": output}
            add_line(self.folder / "ended", ended)

    async def _output(self, tenant: str, result: bytes | None) -> list[str]:
        if result is None:
            return []
        data = await self.store.payloads(tenant, [result])
        outcome = json.loads(data[result])
        return [outcome["value"]] if isinstance(outcome, dict) else outcome


def _item(question: Question) -> str:
    arguments: dict[str, Any] = question.subject["arguments"]
    if "outcome" in arguments:
        return f"{arguments['arguments']['item']}/undone"
    return arguments["item"] if "item" in arguments else arguments["arguments"][0][0]
