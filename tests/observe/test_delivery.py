"""Getting spans taken by a destination that misbehaves, on a clock that jumps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from stanchion.errors import DestinationFailed
from stanchion.observe import Response, Span, SpanKind
from stanchion.observe._delivery import CUT, DeadLetter, Delivery
from stanchion.testing import FakeClock, FakeCollector

AT = datetime(2026, 1, 1, tzinfo=UTC)
OVERLOADED = Response(503, "down")


def a_span(n: int, **attributes: Any) -> Span:
    name = f"span {n}"
    return Span(
        bytes(16), n.to_bytes(8), None, name, SpanKind.INTERNAL, AT, AT, attributes, "run", n
    )


SPANS = [a_span(n) for n in range(1, 9)]
PROBE = a_span(1000)


class Trial:
    """One delivery to one collector, and how long it took on the clock."""

    def __init__(self, collector: FakeCollector, patience: timedelta | None = None) -> None:
        self.collector = collector
        self.clock = FakeClock(automatic=True)
        self.told: list[str] = []
        self.told_at: list[datetime] = []
        self.delivery = Delivery(
            collector, self.clock, PROBE, patience=patience, troubled=self._tell
        )

    async def _tell(self, reason: str) -> None:
        self.told_at.append(self.clock.now())
        self.told.append(reason)

    async def deliver(self, spans: Sequence[Span]) -> tuple[list[DeadLetter], timedelta]:
        began = self.clock.now()
        dead = await self.delivery.deliver(spans)
        return dead, self.clock.now() - began


def refusing(bad: Callable[[Span], bool], answer: Response) -> FakeCollector:
    """Return a collector that answers so when there is a bad span in the request."""
    return FakeCollector(lambda spans: answer if any(map(bad, spans)) else Response(200))


async def test_what_is_taken_is_sent_once() -> None:
    collector = FakeCollector()

    assert await Trial(collector).deliver(SPANS) == ([], timedelta())

    assert collector.requests == [tuple(SPANS)]


@pytest.mark.promise("OBSERVE-2")
@pytest.mark.parametrize(
    "answer",
    [Response(0, "reset"), Response(0, "silence"), Response(408), Response(429), Response(500)],
)
async def test_a_destination_that_fails_is_sent_the_same_again(answer: Response) -> None:
    collector = FakeCollector([answer] * 3)

    dead, took = await Trial(collector).deliver(SPANS)

    assert dead == []
    assert collector.requests == [tuple(SPANS)] * 4
    assert took > timedelta(seconds=1)


async def test_a_destination_that_says_when_is_left_alone_until_then() -> None:
    collector = FakeCollector([Response(429, retry_after=90.0)])

    _, took = await Trial(collector).deliver(SPANS)

    assert took == timedelta(seconds=90)


@pytest.mark.promise("OBSERVE-2")
async def test_what_is_too_much_at_once_is_sent_in_halves() -> None:
    collector = FakeCollector(lambda spans: Response(413 if len(spans) > 2 else 200))

    dead, took = await Trial(collector).deliver(SPANS)

    assert (dead, took) == ([], timedelta())
    assert [s.name for s in collector.taken.values()] == [s.name for s in SPANS]


async def test_a_span_that_is_too_large_by_itself_is_sent_cut_and_says_so() -> None:
    def answer(spans: Sequence[Span]) -> Response:
        size = sum(len(str(value)) for s in spans for value in s.attributes.values())
        return Response(413 if size > 2 * CUT else 200)

    collector = FakeCollector(answer)
    large = a_span(9, **{"input.value": "x" * 10 * CUT, "gen_ai.operation.name": "chat"})

    dead, _ = await Trial(collector).deliver([*SPANS, large])

    assert dead == []
    taken = collector.taken[large.span_id].attributes
    assert taken["stanchion.cut"] is True
    assert str(taken["input.value"]).endswith("(327680 characters; whole in the ledger)")
    assert taken["gen_ai.operation.name"] == "chat"
    assert not any("stanchion.cut" in collector.taken[s.span_id].attributes for s in SPANS)


@pytest.mark.promise("OBSERVE-2")
@pytest.mark.parametrize(
    "answer",
    [Response(400, "no trace id"), Response(422, "bad"), Response(200, "odd", rejected=1)],
)
async def test_one_bad_span_is_given_up_with_the_reason_and_the_rest_arrive(
    answer: Response,
) -> None:
    bad = SPANS[5]
    collector = refusing(lambda span: span is bad, answer)

    (letter,), _ = await Trial(collector).deliver(SPANS)

    assert (letter.run, letter.seq, letter.name) == ("run", bad.seq, bad.name)
    assert answer.reason in letter.reason
    assert {s.span_id for s in SPANS} - set(collector.taken) == {bad.span_id}


async def test_a_span_that_brings_the_destination_down_is_found_and_given_up() -> None:
    bad = SPANS[2]
    collector = refusing(lambda span: span is bad, Response(500, "it crashed"))

    (letter,), _ = await Trial(collector).deliver(SPANS)

    assert letter.name == bad.name
    assert {s.span_id for s in SPANS} - set(collector.taken) == {bad.span_id}


@pytest.mark.promise("OBSERVE-2")
async def test_no_span_is_given_up_while_the_destination_takes_nothing_at_all() -> None:
    answers = [Response(500 + n % 4) for n in range(300)] + [Response(400, "odd")] * 50
    collector = FakeCollector(answers)

    dead, took = await Trial(collector).deliver(SPANS)

    assert dead == []
    assert set(collector.taken) >= {s.span_id for s in SPANS}
    assert took > timedelta(hours=12)


async def test_wrong_credentials_are_nobodys_fault_and_are_waited_for() -> None:
    trial = Trial(FakeCollector([Response(401, "no such key")] * 3))

    dead, took = await trial.deliver(SPANS)

    assert dead == []
    assert took == 3 * timedelta(minutes=5)
    assert trial.told == ["401 no such key"] * 3


@pytest.mark.parametrize(
    ("answers", "said"),
    [([Response(401, "no such key")] * 2, "no such key"), ([OVERLOADED] * 99, "503 down")],
)
async def test_who_has_less_patience_is_told_what_the_matter_is(
    answers: list[Response], said: str
) -> None:
    trial = Trial(FakeCollector(answers), patience=timedelta(minutes=1))

    with pytest.raises(DestinationFailed, match=said):
        await trial.deliver(SPANS)


async def test_pauses_grow_and_have_a_limit() -> None:
    trial = Trial(FakeCollector([OVERLOADED] * 40))

    await trial.deliver([SPANS[0]])

    pauses = [(b - a).total_seconds() for a, b in pairwise(trial.told_at)]
    assert pauses[0] < 3
    assert 150 <= min(pauses[-10:]) <= max(pauses) <= 300
