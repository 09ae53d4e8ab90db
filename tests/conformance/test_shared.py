"""What every store does about small states that runs share."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest

from stanchion.ledger import Shared, Store
from tests.conformance.ledgers import Hands

HOUR = timedelta(hours=1)


def count(states: Mapping[str, Any], now: datetime) -> tuple[dict[str, Shared], int]:
    """Count calls under the key ``n``."""
    n = states.get("n", 0) + 1
    return {"n": Shared(n, now + HOUR)}, n


def look(states: Mapping[str, Any], _: datetime) -> tuple[dict[str, Shared], dict[str, Any]]:
    return {}, dict(states)


async def test_a_decision_sees_what_the_one_before_it_left(store: Store) -> None:
    assert [await store.decide(["n"], count) for _ in range(3)] == [1, 2, 3]


async def test_a_decision_sees_its_own_keys_and_may_change_none(store: Store) -> None:
    await store.decide(["n"], count)

    assert await store.decide(["n", "other"], look) == {"n": 1}
    assert await store.decide(["other"], look) == {}


async def test_a_state_lapses_at_its_time(timed_store: Store, clock: Hands) -> None:
    await timed_store.decide(["n"], count)
    clock.now += HOUR

    assert await timed_store.decide(["n"], look) == {}
    await timed_store.decide(["new"], look)
    assert (await timed_store.stats())["shared"] == 1


async def test_a_decision_that_fails_changes_nothing(store: Store) -> None:
    def fails(states: Mapping[str, Any], now: datetime) -> tuple[dict[str, Shared], None]:
        count(states, now)
        raise ArithmeticError

    await store.decide(["n"], count)
    with pytest.raises(ArithmeticError):
        await store.decide(["n"], fails)

    assert await store.decide(["n"], look) == {"n": 1}


async def test_two_processes_never_decide_on_the_same_state(
    two_stores: tuple[Store, Store],
) -> None:
    answers = await asyncio.gather(*(two_stores[i % 2].decide(["n"], count) for i in range(100)))

    assert sorted(answers) == list(range(1, 101))
