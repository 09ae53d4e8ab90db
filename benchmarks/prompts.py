"""Prompts: what an agent's loop stores when every full prompt and response is kept.

Each call sends all that is in view, so the sum of the prompts grows with the square of the calls.
Measured is the whole database file, everything else of the run included, over the bytes of the
distinct messages (canonical JSON) in all prompts and responses. Tool results are random text of
200 to 8,192 characters, which hardly compresses. Four windows: ``whole`` is ``run.agent``;
``sliding`` sends the newest messages only; ``cleared`` replaces older tool results by a line that
says so; ``compacted`` replaces the middle by a summary now and then. Every prompt and response is
then rebuilt from the file and compared with what the model was sent and said: with a single one
that differs, the figure counts as a million.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
import string
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from benchmarks._report import Report, scale, table
from stanchion import Run, tool, workflow
from stanchion.ledger import Entry, NewRun, Store, open_store, read_message, read_prompt
from stanchion.ledger import codec_for as codec
from stanchion.models import ScriptedModel
from stanchion.values import Message, Part, RunState, TextPart, ToolCallPart, ToolResponsePart
from stanchion.workflows import Host, Incarnation, Workflow, Workflows, advance

# Three of the loops edit their window between two calls, which no method of a run does.
from stanchion.workflows._models import ModelCall, call_model

CALLS = 300 if scale() == "full" else 60
SLIDING, RECENT, EVERY = 40, 20, 10
"""Messages that a sliding window sends, whose results aren't cleared, calls between two edits."""

SIZES = (200, 8192)
"""Characters that a search finds, at least and at most."""

INVALID = 1e6
GOAL = "Find out why the nightly export fails, and say what to change."
WORDS = [
    "export",
    "job",
    "disk",
    "table",
    "index",
    "retry",
    "timeout",
    "queue",
    "batch",
    "upload",
    "checksum",
    "worker",
    "log",
]

Edit: TypeAlias = Callable[[list[Message], int], list[Message]]
"""Returns the window for the call with this number, given the one before and what came since."""

_symbols = [c for c in string.ascii_letters + string.digits + string.punctuation if c not in '"\\']
_table = bytes(ord(_symbols[i % len(_symbols)]) for i in range(256))


# The loops: a scripted model searches in every call but the last


def found(number: int) -> str:
    """Return what a search finds."""
    source = random.Random(f"found {number}")
    return source.randbytes(source.randint(*SIZES)).translate(_table).decode()


def thought(number: int) -> str:
    """Return what the model says before it searches."""
    source = random.Random(f"thought {number}")
    return " ".join(source.choice(WORDS) for _ in range(source.randint(5, 40)))


@tool(read=True, trusted=True)
async def search(number: int, query: str) -> str:
    """Search the logs; ``number`` counts the searches."""
    del query
    return found(number)


def answers() -> Iterator[str | Sequence[Part]]:
    """Return what the model says, call by call."""
    for number in range(1, CALLS):
        arguments = {"number": number, "query": thought(number)[:30]}
        call = ToolCallPart(f"call_{number}", "search", arguments)
        yield TextPart(thought(number)), call
    yield "The export fails because the disk is full."


@workflow(tools=[search])
async def whole(run: Run, task: str) -> str | None:
    """Leave the window to the agent's loop."""
    done = await run.agent(goal=GOAL, tools=[search], input=task, max_turns=CALLS)
    return done.output


def edited(name: str, edit: Edit, loaded: list[Incarnation]) -> Workflow[Run, str, int]:
    """Return a workflow with a loop of its own, which edits its window before each call."""

    @workflow(name=name, tools=[search])
    async def loop(run: Run, task: str) -> int:
        window = [message("user", task)]
        for number in range(1, CALLS + 1):
            window = edit(window, number)
            sections = {"system": [message("system", GOAL)], "turns": tuple(window)}
            call = ModelCall("strong", sections, (search.contract.spec(),))
            said = (await call_model(loaded[-1], call)).message
            window = [*window, said]
            if number < CALLS:
                result = await run.call(search, number=number, query=thought(number)[:30])
                answer = ToolResponsePart(f"call_{number}", result)
                window = [*window, Message("tool", (answer,))]
        return CALLS

    return loop


def sliding(window: list[Message], number: int) -> list[Message]:
    """Keep the newest messages; a result keeps its call."""
    del number
    newest = window[-SLIDING:]
    return newest if newest[0].role != "tool" else newest[1:]


def cleared(window: list[Message], number: int) -> list[Message]:
    """Clear older results, as context editing does: all at once, now and then."""
    if number % EVERY:
        return window
    return [*(without_result(m) for m in window[:-RECENT]), *window[-RECENT:]]


def compacted(window: list[Message], number: int) -> list[Message]:
    """Clear older results, and replace the middle by a summary four times in all."""
    window = cleared(window, number)
    if number % (CALLS // 5):
        return window
    summary = message("user", f"Summary of what was done: {found(number)[:2000]}")
    return [window[0], summary, *window[-RECENT:]]


def without_result(given: Message) -> Message:
    """Return a message with a line in place of its result."""
    match given.parts:
        case (ToolResponsePart(id=call, response=str(result)),) if len(result) > 100:
            line = f"[{len(result)} characters found by {call} were removed from view]"
            return Message("tool", (ToolResponsePart(call, line),))
        case _:
            return given


def message(role: Any, text: str) -> Message:
    """Return a message of text."""
    return Message(role, (TextPart(text),))


# Measuring


@dataclass(frozen=True, slots=True)
class Measured:
    """What one loop sent and what it left."""

    calls: int
    distinct: int
    """Bytes of the distinct messages."""
    naive: int
    """Bytes of all prompts and responses."""
    stored: int
    """Bytes of the file."""
    rebuilt: int
    """Calls whose prompt and response were read back exactly."""
    seconds: float

    @property
    def ratio(self) -> float:
        """Stored over distinct bytes; a million if anything can't be read back."""
        return self.stored / self.distinct if self.rebuilt == self.calls else INVALID


def main() -> None:
    """Measure and report."""
    report = Report("prompts")
    report.figure("calls", CALLS)
    report.figure("empty_ledger_bytes", asyncio.run(empty_size()))
    loaded: list[Incarnation] = []
    edits: dict[str, Edit] = {"sliding": sliding, "cleared": cleared, "compacted": compacted}
    loops = [whole, *(edited(name, edit, loaded) for name, edit in edits.items())]
    rows: list[tuple[object, ...]] = []
    for definition in loops:
        measured = asyncio.run(measure(definition, loaded))
        name = definition.name
        ratio, naive = measured.ratio, measured.naive / measured.stored
        sizes = (measured.distinct, measured.naive, measured.stored)
        rows.append((name, *sizes, ratio, naive, measured.rebuilt, measured.seconds))
        report.figure(f"{name}_distinct_message_bytes", measured.distinct)
        report.figure(f"{name}_full_prompt_bytes", measured.naive)
        report.figure(f"{name}_stored_bytes", measured.stored)
        report.figure(f"{name}_full_prompts_over_stored", naive)
        report.figure(f"{name}_seconds", measured.seconds)
        report.target(f"{name}: stored over distinct message bytes", ratio, "<=", 1.5)
        report.target(f"{name}: calls rebuilt exactly", measured.rebuilt, "==", CALLS)
    header = ("window", "distinct B", "full prompts B", "stored B", "stored/distinct")
    print(table((*header, "full/stored", "rebuilt", "seconds"), rows), end="\n\n")
    report.finish()


async def empty_size() -> int:
    """Return the bytes of a ledger that holds nothing; every other size includes them."""
    with tempfile.TemporaryDirectory(prefix="bench-prompts-") as folder:
        file = Path(folder) / "ledger.db"
        await open_store(f"sqlite:///{file}").close()
        return size_of(file)


async def measure(definition: Workflow[Any, Any, Any], loaded: list[Incarnation]) -> Measured:
    """Run one loop on a file of its own."""
    with tempfile.TemporaryDirectory(prefix="bench-prompts-") as folder:
        file = Path(folder) / "ledger.db"
        store = open_store(f"sqlite:///{file}")
        try:
            model = ScriptedModel(answers())
            host = Host(store, Workflows([definition]), "bench", {"strong": model})
            task = definition.input_codec.encode("Look at last night's export.")
            run = await store.create(NewRun("run", definition.name, "1", task))
            began = time.perf_counter()
            ended = await advance(host, run.id, loaded.append)
            seconds = time.perf_counter() - began
            if ended is None or ended.state is not RunState.COMPLETED:
                raise RuntimeError(f"the loop didn't end: {ended}")
            sent = [request.messages for request in model.requests]
            said = [_message(answer) for answer in answers()]
            entries = [e for e in await store.entries(run.id) if e.kind == "model"]
            rebuilt = await read_back(store, entries, sent, said)
        finally:
            await store.close()
        stored = size_of(file)
    sizes = [
        [len(encoded(m)) for m in (*prompt, reply)]
        for prompt, reply in zip(sent, said, strict=False)
    ]
    distinct = {
        encoded(m) for prompt, reply in zip(sent, said, strict=False) for m in (*prompt, reply)
    }
    return Measured(
        len(sent), sum(map(len, distinct)), sum(map(sum, sizes)), stored, rebuilt, seconds
    )


async def read_back(
    store: Store,
    entries: Sequence[Entry],
    sent: Sequence[Sequence[Message]],
    said: Sequence[Message],
) -> int:
    """Return of how many calls the prompt and the response come back as they were."""
    same = 0
    for entry, prompt, reply in zip(entries, sent, said, strict=True):
        sections = await read_prompt(store, "", entry)
        told = await read_message(store, "", [bytes.fromhex(entry.facts["message"])])
        whole_prompt = [m for section in sections.values() for m in section]
        same += whole_prompt == list(prompt) and told == [reply]
    return same


def _message(answer: str | Sequence[Part]) -> Message:
    parts = (TextPart(answer),) if isinstance(answer, str) else tuple(answer)
    return Message("assistant", parts)


def encoded(given: Message) -> bytes:
    """Return a message's canonical bytes."""
    return codec(Message).encode(given).data


def size_of(file: Path) -> int:
    """Fold the WAL into the file and return the bytes of both; nothing is vacuumed."""
    connection = sqlite3.connect(file)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    wal = file.with_name(f"{file.name}-wal")
    return file.stat().st_size + (wal.stat().st_size if wal.exists() else 0)


if __name__ == "__main__":
    main()
