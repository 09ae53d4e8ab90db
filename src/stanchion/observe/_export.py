"""Feeding destinations from the ledger: each at its own pace, at least once, nothing skipped.

A destination is behind the ledger by whatever it hasn't taken yet, and that is all there is to
lose: no queue, no spool. What is in memory is a page of entries and one request, however long a
destination is down. An entry that commits late isn't skipped either, since nothing is read past the
commit horizon.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from stanchion.errors import LedgerError
from stanchion.ledger import Entry, RunRecord, Store
from stanchion.observe._cursor import CursorLost, Feed, FeedState
from stanchion.observe._delivery import DeadLetter, Delivery
from stanchion.observe._destination import Destination
from stanchion.observe._finished import Step
from stanchion.observe._reader import SpanReader
from stanchion.observe._redact import redact
from stanchion.observe._response import Meaning, Verdict, judge
from stanchion.observe._send import Sender, sender_for
from stanchion.observe._span import Span, SpanKind
from stanchion.workflows import Clock, SystemClock

__all__ = ["Exporter", "check", "exporting", "is_sampled", "since"]

PAGE = 256
"""Entries that are read at once."""
POLL = timedelta(seconds=1)

_log = logging.getLogger("stanchion.observe")


class Exporter:
    """Feeds one destination from one store."""

    def __init__(
        self,
        store: Store,
        destination: Destination,
        *,
        clock: Clock | None = None,
        sender: Sender | None = None,
        patience: timedelta | None = None,
        fed: Callable[[int], None] = lambda entries: None,
    ) -> None:
        self.destination = destination
        self._store = store
        self._clock = clock or SystemClock()
        self._sender = sender or sender_for(destination, self._clock.now)
        self._state = FeedState(store, destination.name, uuid.uuid4().hex)
        self._fed = fed
        """Told how many more entries the destination has been fed."""
        self._reader = SpanReader(store)
        self._delivery = Delivery(
            self._sender,
            self._clock,
            probe_span(destination, self._clock.now()),
            patience=patience,
            troubled=self._state.trouble,
        )

    async def catch_up(self) -> Feed:
        """Send everything that is recorded and not taken yet; return how it stands then.

        Returns at once if another process feeds the destination. Raises DestinationFailed when it
        takes nothing for longer than there is patience.
        """
        feed = await self._state.read()
        if not await self._store.follow(feed.cursor, 1):
            return feed
        held = await self._state.hold()
        if held is None:
            return feed
        try:
            while entries := await self._store.follow(held.cursor, PAGE):
                held = await self._feed(held, entries)
        finally:
            await self._state.release()
        return held

    async def serve(self) -> None:
        """Feed the destination until cancelled."""
        while True:
            try:
                await self.catch_up()
            except CursorLost:
                _log.info("another process feeds %s now", self.destination.name)
            except LedgerError as error:
                _log.warning("the export to %s waits: %s", self.destination.name, error.message)
            await self._clock.sleep_until(self._clock.now() + POLL)

    async def close(self) -> None:
        """Close connections."""
        await self._sender.close()

    async def _feed(self, held: Feed, entries: Sequence[Entry]) -> Feed:
        sent, dead = 0, list[DeadLetter]()
        async for request in self._requests(entries, dead):
            given_up = await self._delivery.deliver(request)
            dead += given_up
            sent += len(request) - len(given_up)
        last = entries[-1]
        at = last.recorded_at.isoformat()
        moved = await self._state.move(held, last.cursor, at=at, sent=sent, dead=dead)
        self._fed(len(entries))
        return moved

    async def _requests(
        self, entries: Sequence[Entry], dead: list[DeadLetter]
    ) -> AsyncIterator[list[Span]]:
        """Yield the entries' spans as they are to be sent, a request's at a time."""
        request, size = list[Span](), 0
        async for span in self._spans(entries):
            ready = self._ready(span, dead)
            if ready is None:
                continue
            weight = _weight(ready)
            full = len(request) >= self.destination.most_spans
            if request and (full or size + weight > self.destination.most_bytes):
                yield request
                request, size = [], 0
            request.append(ready)
            size += weight
        if request:
            yield request

    def _spans(self, entries: Sequence[Entry]) -> AsyncIterator[Span]:
        to = self.destination
        if not to.whole_runs:
            return self._reader.of_entries(entries)
        return self._reader.of_ended_runs(entries, lambda run, steps: is_sampled(run, steps, to))

    def _ready(self, span: Span, dead: list[DeadLetter]) -> Span | None:
        """Return a span without what must not be seen and in the destination's terms.

        One that can't be redacted isn't sent.
        """
        try:
            return self.destination.adapt(redact(span, self.destination.redaction))
        except Exception as error:  # noqa: BLE001 (an operator's pattern, a value nobody foresaw)
            reason = f"it couldn't be redacted or adapted: {type(error).__name__}"
            dead.append(DeadLetter(span.run, span.seq, span.name, reason))
            return None


@asynccontextmanager
async def exporting(
    store: Store, *destinations: Destination, clock: Clock | None = None
) -> AsyncGenerator[None]:
    """Feed destinations in the background while the block runs.

    What they haven't taken when it ends they get next time; a second is given to the last of it.
    """
    exporters = [Exporter(store, to, clock=clock) for to in destinations]
    tasks = [asyncio.create_task(exporter.serve()) for exporter in exporters]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        last = [asyncio.wait_for(exporter.catch_up(), 1) for exporter in exporters]
        await asyncio.gather(*last, return_exceptions=True)
        for exporter in exporters:
            await exporter.close()


def is_sampled(run: RunRecord, steps: Sequence[Step], to: Destination) -> bool:
    """Tell whether a run is sent: those with an error or a question always, the rest by share."""
    if any(step.kind == "ask" or step.facts.get("status") == "error" for step in steps):
        return True
    if any(step.kind == "run" and step.name == "failed" for step in steps):
        return True
    drawn = int.from_bytes(hashlib.sha256(f"sample|{run.id}".encode()).digest()[:8]) / 2**64
    return drawn < to.sample


async def check(
    destination: Destination, *, clock: Clock | None = None, sender: Sender | None = None
) -> Verdict:
    """Send a probe and return what came of it. Nothing is sent while something is lacking."""
    if destination.lacks:
        missing = ", ".join(destination.lacks)
        return Verdict(Meaning.MISCONFIGURED, f"not set: {missing}")
    time = clock or SystemClock()
    way = sender or sender_for(destination, time.now)
    try:
        return judge(await way.send([probe_span(destination, time.now())]))
    finally:
        await way.close()


async def since(store: Store, when: datetime) -> tuple[int, int]:
    """Return the cursor before the first entry that was recorded at or after a time."""
    cursor = (0, 0)
    while entries := await store.follow(cursor, 2000):
        for entry in entries:
            if entry.recorded_at >= when:
                return cursor
            cursor = entry.cursor
    return cursor


def probe_span(destination: Destination, now: datetime) -> Span:
    """Return a span that says nothing but that it arrived, always the same one."""
    name = hashlib.sha256(f"probe|{destination.name}".encode()).digest()
    probe = Span(
        trace_id=name[:16],
        span_id=name[16:24],
        parent_id=None,
        name="stanchion probe",
        kind=SpanKind.INTERNAL,
        started_at=now,
        ended_at=now,
        attributes={"stanchion.probe": True},
        run="",
        seq=0,
    )
    return destination.adapt(probe)


def _weight(span: Span) -> int:
    """Return about how many bytes a span is."""
    texts = sum(len(value) for value in span.attributes.values() if isinstance(value, str))
    return texts + 40 * len(span.attributes) + 200
