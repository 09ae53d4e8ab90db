"""Getting spans taken, whatever the destination does: again, in halves, alone, cut, or given up.

What to do next is decided purely, from a verdict and what was tried before (``next_move``); the
rest is a loop. A span is given up only if it was sent alone and the destination was seen to take
another meanwhile; a destination that takes nothing is waited for, as long as that takes, unless
whoever exports has less patience.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum, auto

from stanchion.errors import DestinationFailed
from stanchion.observe._response import Meaning, Verdict, judge
from stanchion.observe._send import Sender
from stanchion.observe._span import Attributes, Span
from stanchion.workflows import Clock

__all__ = ["Batch", "DeadLetter", "Delivery", "Move", "next_move"]

LONGEST_PAUSE = 300.0
PATIENCE = 4
"""Failures in a row after which the spans themselves are suspected, not the destination."""
ALONE = 6
"""Refusals after which a span that was sent alone is given up."""
FORSAKEN = 5 * PATIENCE
"""Failures in a row after which a span that was sent alone is given up."""
CUT = 32 * 1024
"""Characters of a text that are left in a span that is too large by itself."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A span that a destination wouldn't take. It is read again from its run if it's wanted."""

    run: str
    seq: int
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Batch:
    """Spans of one request, and what came of them so far."""

    spans: tuple[Span, ...]
    refused: int = 0
    """How often it was refused."""
    failed: int = 0
    """How often in a row it got no useful answer."""
    is_cut: bool = False


class Move(Enum):
    """What to do with a batch."""

    DONE = auto()
    WAIT = auto()
    HALVE = auto()
    CUT = auto()
    SUSPECT = auto()
    """Find out whether the destination works: if so, its spans are at fault."""
    GIVE_UP = auto()


def next_move(batch: Batch, verdict: Verdict) -> Move:
    """Return what becomes of a batch after a verdict that its counts already include."""
    alone = len(batch.spans) == 1
    match verdict.meaning:
        case Meaning.TAKEN:
            return Move.DONE
        case Meaning.SMALLER if alone:
            return Move.GIVE_UP if batch.is_cut else Move.CUT
        case Meaning.REFUSED if alone:
            return Move.SUSPECT if batch.refused >= ALONE else Move.WAIT
        case Meaning.SMALLER | Meaning.REFUSED:
            return Move.HALVE
        case Meaning.AGAIN if batch.failed % (FORSAKEN if alone else PATIENCE) == 0:
            return Move.SUSPECT
        case Meaning.AGAIN | Meaning.MISCONFIGURED:
            return Move.WAIT


def pause_for(batch: Batch, verdict: Verdict, jitter: float) -> float:
    """Return the seconds to wait: twice as long each time, never less than asked for."""
    if verdict.meaning is Meaning.MISCONFIGURED:
        return LONGEST_PAUSE
    if verdict.meaning is Meaning.REFUSED:
        return 0.5
    backed_off = min(LONGEST_PAUSE, 0.5 * 2 ** min(batch.failed, 12)) * (0.5 + jitter / 2)
    return max(backed_off, verdict.after or 0.0)


class Delivery:
    """Delivers spans to one destination."""

    def __init__(
        self,
        sender: Sender,
        clock: Clock,
        probe: Span,
        *,
        patience: timedelta | None = None,
        troubled: Callable[[str], Awaitable[None]] | None = None,
    ) -> None:
        self._sender = sender
        self._clock = clock
        self._probe = probe
        self._patience = patience
        """How long nothing at all may be taken; None is for ever."""
        self._taken_at = clock.now()
        self._troubled = troubled
        """Told why something had to be sent again."""
        self._jitter = random.Random()  # noqa: S311 (when to try again)

    async def deliver(self, spans: Sequence[Span]) -> list[DeadLetter]:
        """Return once each span was taken or given up; those given up with the reason.

        Raises DestinationFailed when patience is at an end.
        """
        self._taken_at = self._clock.now()
        queue, dead = deque([Batch(tuple(spans))] if spans else ()), list[DeadLetter]()
        while queue:
            batch = queue.popleft()
            verdict = judge(await self._sender.send(batch.spans))
            self._watch(verdict)
            batch = _counted(batch, verdict)
            move = next_move(batch, verdict)
            if move is Move.SUSPECT:
                move = await self._accused(batch)
            match move:
                case Move.DONE:
                    continue
                case Move.HALVE:
                    queue.extendleft(reversed(_halves(batch)))
                case Move.CUT:
                    queue.appendleft(replace(batch, spans=(cut(batch.spans[0]),), is_cut=True))
                case Move.GIVE_UP:
                    dead += [_letter(span, verdict.reason) for span in batch.spans]
                case Move.WAIT | Move.SUSPECT:
                    await self._wait(verdict, pause_for(batch, verdict, self._jitter.random()))
                    queue.appendleft(batch)
        return dead

    def _watch(self, verdict: Verdict) -> None:
        """Note when something was taken; raise when it was too long ago."""
        now = self._clock.now()
        if verdict.meaning is Meaning.TAKEN:
            self._taken_at = now
        elif self._patience is not None and (
            verdict.meaning is Meaning.MISCONFIGURED or now - self._taken_at > self._patience
        ):
            raise DestinationFailed(
                f"the destination takes nothing: {verdict.reason}",
                remedy="`stanchion export check` says what it lacks; the rest is sent next time",
            )

    async def _accused(self, batch: Batch) -> Move:
        """Blame the spans if the destination takes another: one alone is given up."""
        if judge(await self._sender.send([self._probe])).meaning is not Meaning.TAKEN:
            return Move.WAIT
        return Move.GIVE_UP if len(batch.spans) == 1 else Move.HALVE

    async def _wait(self, verdict: Verdict, seconds: float) -> None:
        if self._troubled is not None:
            await self._troubled(verdict.reason)
        await self._clock.sleep_until(self._clock.now() + timedelta(seconds=seconds))


def _counted(batch: Batch, verdict: Verdict) -> Batch:
    match verdict.meaning:
        case Meaning.REFUSED:
            return replace(batch, refused=batch.refused + 1, failed=0)
        case Meaning.AGAIN:
            return replace(batch, failed=batch.failed + 1)
        case _:
            return batch


def _halves(batch: Batch) -> tuple[Batch, Batch]:
    middle = len(batch.spans) // 2
    return Batch(batch.spans[:middle]), Batch(batch.spans[middle:])


def _letter(span: Span, reason: str) -> DeadLetter:
    return DeadLetter(span.run, span.seq, span.name, reason)


def cut(span: Span) -> Span:
    """Return a span with its long texts cut, and with a mark that says so."""

    def short(attributes: Attributes) -> Attributes:
        return {
            name: f"{value[:CUT]}… ({len(value)} characters; whole in the ledger)"
            if isinstance(value, str) and len(value) > CUT
            else value
            for name, value in attributes.items()
        }

    return replace(
        span,
        attributes={**short(span.attributes), "stanchion.cut": True},
        events=tuple(replace(event, attributes=short(event.attributes)) for event in span.events),
    )
