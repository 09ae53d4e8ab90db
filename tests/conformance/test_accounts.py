"""What every store does about accounts: ceilings that runs share."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from stanchion.ledger import Account, Charge, Commit, Fenced, NoRoom, Store, share_of
from tests.conformance.ledgers import Hands, a_run

HOUR = timedelta(hours=1)
HOLD = Charge("tenant:t", "usd", hold=60, ceiling=100)


async def standing(store: Store, name: str = "tenant:t") -> Account:
    found = await store.accounts([name])
    return found[0]


@pytest.mark.promise("BUDGET-6")
async def test_what_is_held_and_spent_never_goes_over_the_ceiling(store: Store) -> None:
    await store.charge([HOLD])
    with pytest.raises(NoRoom) as refused:
        await store.charge([HOLD])

    assert (refused.value.account, refused.value.quantity) == ("tenant:t", "usd")
    assert await standing(store) == Account("tenant:t", "usd", 100, 0, spent=0, held=60)


async def test_what_was_spent_in_place_of_a_hold_leaves_the_rest(store: Store) -> None:
    await store.charge([HOLD])
    await store.charge([Charge("tenant:t", "usd", hold=-60, spend=20)])
    await store.charge([HOLD])

    assert await standing(store) == Account("tenant:t", "usd", 100, 0, spent=20, held=60)


async def test_what_happened_is_counted_even_over_the_ceiling(store: Store) -> None:
    await store.charge([HOLD])
    await store.charge([Charge("tenant:t", "usd", hold=-60, spend=130)])

    assert (await standing(store)).spent == 130


async def test_a_raise_gives_room_and_a_new_declaration_replaces_the_old(store: Store) -> None:
    await store.charge([HOLD])
    await store.charge([Charge("tenant:t", "usd", raised=20)])
    await store.charge([HOLD])
    assert (await standing(store)).limit == 120

    with pytest.raises(NoRoom):
        await store.charge([replace(HOLD, hold=1, ceiling=90)])
    await store.charge([replace(HOLD, hold=1, ceiling=101)])
    assert (await standing(store)).limit == 121


async def test_an_account_without_a_ceiling_counts_and_refuses_nothing(store: Store) -> None:
    await store.charge([Charge("a", "steps", hold=10**12)])
    await store.charge([Charge("b", "steps", spend=3)])

    assert [a.limit for a in await store.accounts()] == [None, None]


async def test_charges_that_find_no_room_leave_the_whole_commit_unwritten(store: Store) -> None:
    await store.create(a_run("r"))
    claimed = await store.claim("r", "w")
    assert claimed is not None
    with pytest.raises(NoRoom):
        await store.append(
            Commit("r", claimed.epoch, charges=(HOLD, replace(HOLD, account="other", hold=101)))
        )

    assert await store.accounts() == []
    await store.append(Commit("r", claimed.epoch, charges=(HOLD,)))
    assert (await standing(store)).held == 60


async def test_a_writer_that_lost_its_run_changes_no_account(store: Store) -> None:
    await store.create(a_run("r"))
    await store.claim("r", "w")
    await store.claim("r", "w")
    with pytest.raises(Fenced):
        await store.append(Commit("r", 1, charges=(HOLD,)))

    assert await store.accounts() == []


async def test_a_claim_says_who_left_the_run(store: Store) -> None:
    await store.create(a_run("r"))
    first, second = await store.claim("r", "w"), await store.claim("r", "w")

    assert first is not None
    assert second is not None
    assert (first.left_by, second.left_by) == ("", "w")


async def test_two_processes_never_hold_the_same_room(two_stores: tuple[Store, Store]) -> None:
    async def hold(store: Store) -> int:
        try:
            await store.charge([replace(HOLD, hold=7)])
        except NoRoom:
            return 0
        return 7

    held = await asyncio.gather(*(hold(two_stores[n % 2]) for n in range(40)))

    assert sum(held) == 98
    assert (await standing(two_stores[0])).held == 98


# Shares ------------------------------------------------------------------------------------------


async def test_a_share_is_held_by_its_account_and_spent_on_its_own(store: Store) -> None:
    share = share_of("tenant:t", "w")
    await store.heartbeat("w", HOUR)
    assert await store.lease(replace(HOLD, hold=20), "w", 5) == 20
    await store.charge([Charge(share, "usd", hold=15)])
    with pytest.raises(NoRoom):
        await store.charge([Charge(share, "usd", hold=6)])
    await store.charge([Charge(share, "usd", hold=-15, spend=8)])

    assert await standing(store) == Account("tenant:t", "usd", 100, 0, spent=8, held=12)


async def test_what_a_share_does_not_hold_goes_back(store: Store) -> None:
    share = share_of("tenant:t", "w")
    await store.heartbeat("w", HOUR)
    await store.lease(replace(HOLD, hold=20), "w", 5)
    await store.charge([Charge(share, "usd", hold=10, spend=4)])

    assert await store.give_back("w") == 1
    assert await standing(store) == Account("tenant:t", "usd", 100, 0, spent=4, held=10)
    await store.charge([Charge(share, "usd", hold=-10, spend=3)])
    assert await store.give_back("w") == 1
    assert await standing(store) == Account("tenant:t", "usd", 100, 0, spent=7, held=0)
    assert await store.give_back("w") == 0


async def test_shares_grow_smaller_near_the_ceiling(store: Store) -> None:
    leased = [await store.lease(replace(HOLD, hold=40), "w", 10) for _ in range(8)]

    assert leased == [25, 18, 14, 10, 10, 10, 10, 0]


async def test_a_dead_workers_share_is_taken_back_but_for_what_its_runs_hold(
    timed_store: Store, clock: Hands
) -> None:
    share = share_of("tenant:t", "dead")
    await timed_store.heartbeat("dead", HOUR)
    await timed_store.lease(replace(HOLD, hold=20), "dead", 5)
    await timed_store.charge([Charge(share, "usd", hold=10, spend=4)])
    assert await timed_store.give_back("alive") == 0

    clock.now += 2 * HOUR
    assert await timed_store.give_back("alive") == 1
    assert await standing(timed_store) == Account("tenant:t", "usd", 100, 0, spent=4, held=10)
