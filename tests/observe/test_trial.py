"""A destination at its worst, an exporter that dies at random: what arrived is counted there."""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from datetime import timedelta

import pytest

from stanchion.ledger import Store, open_store
from stanchion.observe import Destination, Exporter, FeedState, Response, Span, SpanReader
from stanchion.testing import FakeClock, FakeCollector, SimulatedCrash
from tests.conformance.ledgers import commit, owned, step

SPANS = int(os.environ.get("TRIAL_SPANS", "1500"))
KILLS = int(os.environ.get("TRIAL_KILLS", "40"))
OUTAGE = timedelta(hours=12)


class Worst:
    """Answers at random, kills who sends at random, and keeps what it took as a server does."""

    def __init__(self, seed: int, clock: FakeClock) -> None:
        self._random = random.Random(seed)  # noqa: S311 (faults)
        self._clock = clock
        self._began = clock.now()
        self.kills = KILLS
        self.times: dict[bytes, int] = {}
        """How often each span was taken, by id."""

    def __call__(self, spans: Sequence[Span]) -> Response:
        if self._clock.now() - self._began < OUTAGE:
            return Response(503, "out of order")
        if self.kills and self._random.random() < 0.3:
            return self._kill(spans)
        match self._random.randrange(8):
            case 0:
                return Response(429, retry_after=self._random.uniform(0, 30))
            case 1:
                return Response(500, "oops")
            case 2:
                return Response(0, "connection reset")
            case 3:  # it took them, and its answer got lost
                self._take(spans)
                return Response(0, "silence")
            case 4 if len(spans) > 8:
                return Response(413)
            case 5 if len(spans) > 1:
                self._take(spans[1:])
                return Response(200, "one was odd", rejected=1)
            case _:
                self._take(spans)
                return Response(200)

    def _kill(self, spans: Sequence[Span]) -> Response:
        self.kills -= 1
        if self._random.random() < 0.5:
            self._take(spans)
        raise SimulatedCrash

    def _take(self, spans: Sequence[Span]) -> None:
        for span in spans:
            self.times[span.span_id] = self.times.get(span.span_id, 0) + 1


@pytest.mark.promise("OBSERVE-2")
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_every_span_arrives_whatever_the_destination_answers_and_whenever_we_die(
    seed: int,
) -> None:
    clock = FakeClock(automatic=True)
    store = open_store("sqlite://:memory:", clock=clock.now)
    worst = Worst(seed, clock)
    try:
        run = await owned(store)
        for at in range(0, SPANS, 500):
            await store.append(commit(run, *(step(at + n, "a") for n in range(500))))
            run = await store.get(run.id)
        await _feed_until_all_is_sent(store, clock, worst)
        expected = {span.span_id async for span in SpanReader(store).of_run(run.id)}
        letters = await FeedState(store, "here", "looker").letters()
    finally:
        await store.close()

    assert worst.kills == 0
    assert len(expected) == SPANS
    assert set(worst.times) - {_probe(worst, expected)} == expected
    assert letters == []


async def _feed_until_all_is_sent(store: Store, clock: FakeClock, worst: Worst) -> None:
    to = Destination("here", "http://localhost/v1/traces", most_spans=64)
    while True:
        exporter = Exporter(store, to, sender=FakeCollector(worst), clock=clock)
        try:
            feed = await exporter.catch_up()
        except SimulatedCrash:
            clock.advance(timedelta(minutes=2))  # until the one that died counts as gone
            continue
        if not await store.follow(feed.cursor, 1):
            return


def _probe(worst: Worst, expected: set[bytes]) -> bytes:
    """Return the id of the one span that was sent and stands in no record."""
    return next(iter(set(worst.times) - expected), b"")
