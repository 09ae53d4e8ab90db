"""The writer's thread commits what has gathered at once, and answers for each item alone."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stanchion.errors import StoreUnavailable
from stanchion.ledger import Fenced
from stanchion.ledger._driver import Connection
from stanchion.ledger._sqlite import SqliteDriver
from stanchion.ledger._writer import AT_ONCE, TURNS, Writer

Work = Callable[[Connection], Any]


class Journal:
    """What the writer told its memory."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def finished(self) -> None:
        self.told.append("finished")

    def undone(self) -> None:
        self.told.append("undone")

    def forget(self) -> None:
        self.told.append("forget")


class Counting(SqliteDriver):
    """A file whose commits are counted, and can be made to fail."""

    def __init__(self, file: Path) -> None:
        super().__init__(str(file))
        self.commits = 0
        self.breaks_after = 1000

    def connect(self) -> Any:
        connection = super().connect()
        commit = connection.commit

        def counted() -> None:
            self.commits += 1
            if self.commits > self.breaks_after:
                connection.run("SELECT * FROM nothing", {})
            commit()

        connection.commit = counted
        return connection


def put(value: int) -> Work:
    return lambda connection: connection.run("INSERT INTO t VALUES (:value)", {"value": value})


def fail(error: BaseException) -> Work:
    def work(connection: Connection) -> None:
        put(-1)(connection)
        raise error

    return work


def values(connection: Connection) -> list[int]:
    return [row[0] for row in connection.rows("SELECT value FROM t ORDER BY 1", {})]


@pytest.fixture
def driver(file: Path) -> Counting:
    counting = Counting(file)
    connection = counting.connect()
    connection.run("CREATE TABLE t (value INTEGER PRIMARY KEY)", {})
    connection.close()
    return counting


async def gathered(writer: Writer, *works: Work) -> list[Any]:
    """Have the writer find all of these when it comes back from another item."""
    entered, hold = threading.Event(), threading.Event()

    def occupy(_: Connection) -> None:
        entered.set()
        hold.wait(10)

    first = asyncio.ensure_future(writer.do(occupy))
    await asyncio.to_thread(entered.wait, 10)
    rest = [asyncio.ensure_future(writer.do(work)) for work in works]
    await asyncio.sleep(0)  # they are queued now
    hold.set()
    await first
    return await asyncio.gather(*rest, return_exceptions=True)


async def test_what_gathers_during_a_commit_is_committed_at_once(driver: Counting) -> None:
    writer = Writer(driver, "writer", Journal())

    assert await gathered(writer, *(put(i) for i in range(50))) == [1] * 50

    assert driver.commits == 2
    assert await writer.do(values) == list(range(50))
    await writer.close()


@pytest.mark.parametrize("error", [Fenced(), ValueError("no")])
async def test_an_item_that_fails_among_others_is_taken_back_alone(
    driver: Counting, error: BaseException
) -> None:
    memory = Journal()
    writer = Writer(driver, "writer", memory)

    outcomes = await gathered(writer, put(1), fail(error), put(2))

    assert outcomes == [1, error, 1]
    assert await writer.do(values) == [1, 2]
    assert memory.told[:4] == ["finished", "finished", "undone", "finished"]
    await writer.close()


@pytest.mark.parametrize("error", [Fenced(), ValueError("no")])
async def test_an_item_that_fails_by_itself_is_taken_back(
    driver: Counting, error: BaseException
) -> None:
    memory = Journal()
    writer = Writer(driver, "writer", memory)

    with pytest.raises(type(error)):
        await writer.do(fail(error))

    assert memory.told == ["undone"]
    assert await writer.do(values) == []
    await writer.close()


async def test_a_commit_that_fails_fails_every_item_and_what_was_remembered(
    driver: Counting,
) -> None:
    memory = Journal()
    writer = Writer(driver, "writer", memory)
    await writer.do(put(1))
    driver.breaks_after = 2

    outcomes = await gathered(writer, *(put(i) for i in range(2, 6)))

    assert [type(outcome).__name__ for outcome in outcomes] == ["LedgerError"] * 4
    assert memory.told[-1] == "forget"
    driver.breaks_after = 1000
    assert await writer.do(values) == [1]
    await writer.close()


async def test_closing_finishes_what_is_queued(driver: Counting) -> None:
    writer = Writer(driver, "writer", Journal())
    queued = [asyncio.ensure_future(writer.do(put(i))) for i in range(20)]
    await asyncio.sleep(0)

    await writer.close()

    assert await asyncio.gather(*queued) == [1] * 20
    with pytest.raises(StoreUnavailable, match="closed"):
        await writer.do(values)
    assert "writer" not in {thread.name for thread in threading.enumerate()}


async def test_a_caller_that_goes_away_does_not_disturb_the_others(driver: Counting) -> None:
    writer = Writer(driver, "writer", Journal())
    gone = asyncio.ensure_future(writer.do(put(1)))
    stays = asyncio.ensure_future(writer.do(put(2)))
    await asyncio.sleep(0)
    gone.cancel()

    assert await stays == 1
    assert await writer.do(values) == [1, 2]
    await writer.close()


def test_one_writer_serves_loops_that_come_and_go(driver: Counting) -> None:
    writer = Writer(driver, "writer", Journal())

    assert [asyncio.run(writer.do(put(i))) for i in range(3)] == [1, 1, 1]

    asyncio.run(writer.close())


def thread_of(where: list[int]) -> Work:
    return lambda _: where.append(threading.get_ident())


async def test_a_small_item_is_performed_by_its_caller(driver: Counting) -> None:
    writer, where = Writer(driver, "writer", Journal()), list[int]()

    await writer.do_small(thread_of(where))
    await writer.do(thread_of(where))

    assert where[0] == threading.get_ident() != where[1]
    assert driver.commits == 2
    await writer.close()


@pytest.mark.parametrize("error", [Fenced(), ValueError("no"), KeyboardInterrupt()])
async def test_a_small_item_that_fails_or_is_interrupted_is_taken_back(
    driver: Counting, error: BaseException
) -> None:
    memory = Journal()
    writer = Writer(driver, "writer", memory)

    with pytest.raises(type(error)):
        await writer.do_small(fail(error))

    assert memory.told in (["undone"], ["forget"])
    assert await writer.do_small(put(7)) == 1
    assert await writer.do(values) == [7]
    await writer.close()


async def test_a_caller_never_waits_for_another_process_in_its_loop(driver: Counting) -> None:
    writer, where = Writer(driver, "writer", Journal()), list[int]()
    other = driver.connect()
    other.begin(synced=False)

    held = asyncio.ensure_future(writer.do_small(thread_of(where)))
    await asyncio.sleep(0)
    assert not held.done()  # the loop went on
    other.rollback()
    await held

    assert where != [threading.get_ident()]
    other.close()
    await writer.close()


async def test_a_small_item_doesnt_overtake_the_thread(driver: Counting) -> None:
    writer, where = Writer(driver, "writer", Journal()), list[int]()
    entered, hold = threading.Event(), threading.Event()

    def occupy(_: Connection) -> None:
        entered.set()
        hold.wait(10)

    first = asyncio.ensure_future(writer.do(occupy))
    await asyncio.to_thread(entered.wait, 10)
    second = asyncio.ensure_future(writer.do_small(thread_of(where)))
    await asyncio.sleep(0)
    hold.set()
    await asyncio.gather(first, second)

    assert where != [threading.get_ident()]
    await writer.close()


async def test_a_loop_full_of_small_items_lets_others_have_their_turn(driver: Counting) -> None:
    writer, turns = Writer(driver, "writer", Journal()), 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    beside = asyncio.ensure_future(other())
    for i in range(2 * AT_ONCE):
        await writer.do_small(put(i))
    beside.cancel()

    assert turns >= 2 * AT_ONCE // TURNS
    assert await writer.do(values) == list(range(2 * AT_ONCE))
    await writer.close()


async def test_a_closed_writer_refuses_small_items_too(driver: Counting) -> None:
    writer = Writer(driver, "writer", Journal())
    await writer.do_small(put(1))
    await writer.close()

    with pytest.raises(StoreUnavailable):
        await writer.do_small(put(2))
