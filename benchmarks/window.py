"""Window: what assembling the prompt of a long run costs at its end, over its beginning.

One window of 100,000 tokens is fed 10,000 turns. Timed is what each call costs beside the model:
counting what is new, deciding what leaves, assembling, the check of what is pinned, and the spans
of the prompt for the ledger. Compared are the median calls of the first 1,000 after the window was
full for the first time and of the last 1,000.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import time

from benchmarks._report import Report, scale
from stanchion.context import Calibration, Pinned, Shares, Summary, Turn, Window, check_pinned
from stanchion.ledger import PromptLog
from stanchion.models import ScriptedModel
from stanchion.values import (
    Integrity,
    Label,
    Message,
    TextPart,
    ToolCallPart,
    ToolResponsePart,
)
from stanchion.workflows._sizes import Sizes

TURNS = 10_000 if scale() == "full" else 2_500
BUDGET = 100_000
COMPARED = 1_000 if scale() == "full" else 400
PINNED = Pinned("Read the whole log.", ("Open no box.",), "Please begin.")


def turn(number: int) -> Turn:
    """Return a turn with a result of 100 to 2,000 characters."""
    source = random.Random(number)
    call = ToolCallPart(f"c{number}", "read", {"page": number})
    text = "".join(source.choices("abcdefghij klmno", k=source.randrange(100, 2_000)))
    said = Message("assistant", (TextPart("On to the next."), call))
    return Turn(number, (said, Message("tool", (ToolResponsePart(call.id, text),))))


async def measure() -> tuple[list[float], int]:
    """Return the seconds of each call, and the call at which turns left for the first time."""
    window = Window.begin(PINNED, Shares(BUDGET), "0a1b2c")
    sizes, log, model = Sizes(Calibration()), PromptLog(), ScriptedModel([])
    seconds: list[float] = []
    full = 0
    for number in range(1, TURNS + 1):
        new = turn(number)
        began = time.perf_counter()
        window = window.add(new)
        sections = window.sections()
        await sizes.count([m for each in sections.values() for m in each], (), model)
        if through := window.leaving(sections, 0, sizes):
            full = full or number
            label = Label(Integrity.UNTRUSTED)
            done = tuple(f"page {n} was read" for n in range(through - 20, through))
            window = window.summarise(through, [Summary(1, through, label, done=done)])
            sections = window.sections()
            await sizes.count([m for each in sections.values() for m in each], (), model)
        assembled = window.assemble(sections, 0, sizes)
        check_pinned(window.pinned.texts(), assembled.sections)
        log.record(assembled.sections)
        seconds.append(time.perf_counter() - began)
    return seconds, full


def main() -> None:
    """Measure and report."""
    report = Report("window")
    seconds, full = asyncio.run(measure())
    first = statistics.median(seconds[full : full + COMPARED])
    last = statistics.median(seconds[-COMPARED:])
    report.figure("turns", TURNS)
    report.figure("full_after_turns", full)
    report.figure("first_ms", first * 1e3)
    report.figure("last_ms", last * 1e3)
    report.target("a call at the end over one at the beginning", last / first, "<=", 1.2)
    report.finish()


if __name__ == "__main__":
    main()
