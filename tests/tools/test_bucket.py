"""Token buckets: what is let through at once, when the next one comes, in which order."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stanchion.errors import ContractError
from stanchion.tools import Rate, Taken, TooEarly

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
NONE = timedelta(0)


def test_a_full_bucket_lets_its_burst_through_and_then_one_per_interval() -> None:
    rate = Rate(4, per=2 * SECOND)
    state: datetime | None = None
    for _ in range(4):
        turn = rate.take(state, NOW, NONE)
        assert isinstance(turn, Taken)
        assert turn.wait == NONE
        state = turn.full_at

    assert rate.take(state, NOW, NONE) == TooEarly(SECOND / 2)
    assert isinstance(rate.take(state, NOW + SECOND / 2, NONE), Taken)


def test_those_who_wait_get_their_turns_in_order() -> None:
    rate = Rate(1, per=SECOND)
    state: datetime | None = None
    waits: list[timedelta] = []
    for _ in range(3):
        turn = rate.take(state, NOW, timedelta(minutes=1))
        assert isinstance(turn, Taken)
        state = turn.full_at
        waits.append(turn.wait)

    assert waits == [NONE, SECOND, 2 * SECOND]


@given(
    st.integers(1, 20),
    st.integers(1, 20),
    st.lists(st.floats(0, 3), min_size=1, max_size=200),
)
def test_no_span_of_time_sees_more_calls_than_the_rate_and_one_burst(
    calls: int, burst: int, pauses: list[float]
) -> None:
    rate = Rate(calls, per=SECOND, burst=burst)
    state: datetime | None = None
    now = NOW
    made: list[datetime] = []
    for pause in pauses:
        now += timedelta(seconds=pause)
        turn = rate.take(state, now, NONE)
        if isinstance(turn, Taken):
            state = turn.full_at
            made.append(now)

    for i, first in enumerate(made):
        for count, last in enumerate(made[i:], start=1):
            assert count <= burst + (last - first) / rate.interval + 1e-6


@pytest.mark.parametrize("wrong", [(0, SECOND), (1, NONE)])
def test_a_rate_that_lets_nothing_through_is_refused(wrong: tuple[int, timedelta]) -> None:
    with pytest.raises(ContractError):
        Rate(*wrong)
