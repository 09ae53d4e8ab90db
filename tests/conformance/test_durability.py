"""What the database was told about each commit's durability, read back from the database."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import pytest

from stanchion.ledger import Durability, open_store
from stanchion.ledger._driver import Connection, Driver, Row
from stanchion.ledger._postgres import PostgresDriver
from stanchion.ledger._sql_store import SqlStore
from stanchion.ledger._sqlite import SqliteDriver
from tests.conformance.ledgers import commit, owned, step


class Watched:
    """A connection that notes, at each commit, which level the database has in force."""

    def __init__(self, inner: Connection, question: str, levels: list[str]) -> None:
        self._inner = inner
        self._question = question
        self._levels = levels

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def rows(self, sql: str, parameters: Mapping[str, Any]) -> Sequence[Row]:
        return self._inner.rows(sql, parameters)

    def commit(self) -> None:
        self._levels.append(str(self._inner.rows(self._question, {})[0][0]))
        self._inner.commit()


class Ledger:
    """A store whose writer is watched."""

    def __init__(self, driver: Driver, question: str, weak: str, strong: str) -> None:
        self.driver = driver
        self.weak, self.strong = weak, strong
        self.levels: list[str] = []
        self._question = question

    def open(self, durability: Durability = Durability.PROCESS) -> SqlStore:
        watched: Any = Watched(self.driver.connect(), self._question, self.levels)
        return SqlStore(self.driver, watched, durability=durability)


@pytest.fixture
async def ledger(shared_url: str) -> AsyncIterator[Ledger]:
    await open_store(shared_url).close()
    if shared_url.startswith("sqlite"):
        driver = SqliteDriver(shared_url.removeprefix("sqlite:///"))
        yield Ledger(driver, "PRAGMA synchronous", "1", "2")
    else:
        # A server that would rather be fast: the level must come from us.
        url = f"{shared_url}&options=-c%20synchronous_commit%3Doff"
        yield Ledger(PostgresDriver(url), "SHOW synchronous_commit", "off", "on")


@pytest.mark.promise("LEDGER-2")
async def test_a_commit_for_power_loss_is_synced_and_the_next_one_is_not(ledger: Ledger) -> None:
    store = ledger.open()
    run = await owned(store)
    ledger.levels.clear()

    await store.append(commit(run, step(0)))
    await store.append(commit(run, step(1), durability=Durability.POWER_LOSS))
    await store.append(commit(run, step(2)))
    await store.close()

    assert ledger.levels == [ledger.weak, ledger.strong, ledger.weak]


@pytest.mark.promise("LEDGER-2")
async def test_a_store_opened_for_power_loss_syncs_every_commit(ledger: Ledger) -> None:
    store = ledger.open(Durability.POWER_LOSS)
    run = await owned(store)
    ledger.levels.clear()

    await store.append(commit(run, step(0)))
    await store.close()

    assert ledger.levels == [ledger.strong]
