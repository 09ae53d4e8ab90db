"""A run watched until it ends, or until only a person can move it.

What ``run`` and every command with ``--app`` do after they gave their order. The exit code says how
the run stands: 0 completed, 1 ended otherwise, 3 waiting for the outside.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import typer

from stanchion.cli._answering import Said, answer_at_terminal
from stanchion.cli._console import console_for, draw, glyphs_for
from stanchion.cli._evidence import initiator_of, read_value
from stanchion.cli._follow import News, follow
from stanchion.cli._output import emit_json, note
from stanchion.cli._plain import run_of
from stanchion.cli._progress import progress_lines
from stanchion.cli._question_picture import question_picture
from stanchion.cli._text import shown
from stanchion.engine import Stanchion
from stanchion.ledger import RunRecord, Store
from stanchion.review import ReviewRefused, question_to_body
from stanchion.values import Question, RunState

__all__ = ["HELD", "Manner", "interruptible", "pending_for", "watch"]

T = TypeVar("T")

HELD = 3
"""Exit code of a command that leaves a run waiting for a person or an event."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How a run is watched."""

    as_json: bool = False
    is_quiet: bool = False
    """Without progress."""
    keeps_waiting: bool = False
    """Even when only the outside can move the run."""
    asker: str = ""
    """Ask this person at the terminal; nobody if empty."""
    options: str = ""
    """What the commands that are suggested need besides, such as ``--store``."""


def interruptible(work: Coroutine[Any, Any, T], *, hint: Mapping[str, str] | None = None) -> T:
    """Run async work; Ctrl-C ends it in good order, says how to go on, and exits with 130.

    ``hint["command"]`` is what goes on with the work, once there is something to go on with.
    """
    try:
        return asyncio.run(work)
    except KeyboardInterrupt:
        command = (hint or {}).get("command")
        note("\nstopped: nothing is lost" + (f"; go on with: {command}" if command else ""))
        raise typer.Exit(130) from None


async def watch(app: Stanchion, run: str, manner: Manner) -> int:
    """Follow a run that the app moves; print how it ended, or what it waits for."""
    left_open: set[str] = set()
    async for news in follow(app.store, run):
        await _tell(app.store, news, manner)
        if news.standing == "ended":
            return await _ended(app.store, news.record, manner)
        if news.standing == "held":
            questions = await pending_for(app, run)
            unasked = [each for each in questions if each.id not in left_open]
            if manner.asker and unasked:
                left_open |= await _ask(app, unasked[0], manner)
            elif not manner.keeps_waiting:
                return await _held(app.store, news.record, questions, manner)
    raise AssertionError  # the last news of a run says that it ended


async def pending_for(app: Stanchion, run: str) -> list[Question]:
    """Return the open questions of a run and of the children that it waits for."""
    found = list(await app.reviews.pending(run=run))
    for wait in await app.store.waits(run=run, kind="child"):
        found += await pending_for(app, wait.body["child"])
    return found


async def _tell(store: Store, news: News, manner: Manner) -> None:
    if manner.is_quiet or manner.as_json or not news.entries:
        return
    console = console_for(err=True)
    for line in await progress_lines(store, news.record, news.entries, glyphs_for(console)):
        console.print(line, no_wrap=True, overflow="ellipsis")


async def _ask(app: Stanchion, question: Question, manner: Manner) -> set[str]:
    """Put one question to the person at the terminal; return its id if it is left open."""
    await _put(app.store, question, None, err=True)
    said: Said | None = await asyncio.to_thread(answer_at_terminal, question)
    if said is None:
        return {question.id}
    try:
        await app.answer(
            question.id, said.choice, said.value, by=manner.asker, comment=said.comment
        )
    except ReviewRefused as refused:
        note(shown(str(refused)))
    return set()


async def _put(store: Store, question: Question, options: str | None, *, err: bool = False) -> None:
    record = await store.get(question.run)
    who = await initiator_of(store, record)
    typer.echo(err=err)
    draw(question_picture(question, record, who, datetime.now(UTC), options=options), err=err)


async def _held(
    store: Store, record: RunRecord, questions: Sequence[Question], manner: Manner
) -> int:
    if manner.as_json:
        asked = [question_to_body(question) for question in questions]
        emit_json({"run": run_of(record), "questions": asked})
        return HELD
    for question in questions:
        await _put(store, question, manner.options)
    note(f"\nrun {record.id} waits" + ("" if questions else f": {shown(record.reason)}"))
    return HELD


async def _ended(store: Store, record: RunRecord, manner: Manner) -> int:
    output = await read_value(store, record.tenant, record.result)
    if manner.as_json:
        error = await read_value(store, record.tenant, record.error)
        emit_json({"run": run_of(record), "output": output, "error": error})
    elif record.state is RunState.COMPLETED:
        text = output if isinstance(output, str) else json.dumps(output, indent=2)
        typer.echo(shown(text) if sys.stdout.isatty() else text)
    else:
        note(f"run {record.id} {record.state}: {shown(record.reason)}")
        note(f"look at it with: stanchion runs show {record.id}{manner.options}")
    return 0 if record.state is RunState.COMPLETED else 1
