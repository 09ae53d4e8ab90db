"""Stores for the conformance suite: one of each kind, one with a clock, two on the same data."""

from collections.abc import AsyncIterator

import pytest

from stanchion.ledger import Store, open_store
from tests.conformance.ledgers import Hands


@pytest.fixture
def clock() -> Hands:
    """A clock that the test moves."""
    return Hands()


@pytest.fixture
async def timed_store(store_url: str, clock: Hands) -> AsyncIterator[Store]:
    """An empty store, of each kind in turn, that lives by the test's clock."""
    opened = open_store(store_url, clock=clock)
    yield opened
    await opened.close()


@pytest.fixture
async def two_stores(shared_url: str) -> AsyncIterator[tuple[Store, Store]]:
    """Two stores on the same data, as two processes have them."""
    one, other = open_store(shared_url), open_store(shared_url)
    yield one, other
    await one.close()
    await other.close()
