"""Who uses a connection: one writer with group commit, one reader.

Async callers queue functions of a connection and await their results. The writer's thread takes
what has gathered while it was committing, runs each item inside one transaction, commits once and
then answers all. An item that fails alone is taken back alone, by a savepoint; a group of one needs
none. Nothing is answered before its commit is durable.

Where a commit only copies into the page cache, two changes of thread take several times longer than
the commit. So a small item that would wait for nothing is performed by its caller: not when others
are queued, not when a disk must sync, not when another process holds the lock, and every so often
not, so that the thread gets to fold the log into the file.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any, Protocol, TypeVar, cast

from stanchion.errors import StanchionError, StoreUnavailable
from stanchion.ledger._driver import Connection, Driver
from stanchion.ledger._store import Fenced

__all__ = ["Memory", "Reader", "Writer"]

T = TypeVar("T")

GROUP_LIMIT = 256
"""How many items one transaction takes."""

AT_ONCE = 250
"""How many items in a row callers may perform themselves; then the thread has one, and may take its
time over housekeeping."""

TURNS = 16
"""After how many of them a caller lets the other tasks of its loop have their turn."""

ATTEMPTS = 5
"""How often a group is tried when the database chose it as a deadlock's victim."""


class Memory(Protocol):
    """What is remembered between items, and must not outlive a transaction that failed."""

    def finished(self) -> None:
        """Note that an item of the group is done."""
        ...

    def undone(self) -> None:
        """Note that an item of the group was taken back."""
        ...

    def forget(self) -> None:
        """Drop everything, since a commit failed."""
        ...


@dataclass(slots=True)
class _Item:
    work: Callable[[Connection], Any]
    synced: bool
    future: asyncio.Future[Any] | None = None
    """What its caller awaits, unless the caller performs it."""
    result: Any = None
    error: BaseException | None = None

    def outcome(self) -> Any:
        """Return or raise what it came to."""
        if self.error is not None:
            raise self.error
        return self.result

    def settle(self) -> None:
        """Tell the caller, in the caller's loop."""
        if self.future is None or self.future.done():  # its caller was cancelled
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


@dataclass(slots=True)
class _Stop:
    done: threading.Event = field(default_factory=threading.Event)


class _Worker:
    """A thread that performs queued items, its connection opened when first needed."""

    def __init__(self, driver: Driver, name: str) -> None:
        self._driver = driver
        self._connection: Connection | None = None
        self._queue: SimpleQueue[_Item | _Stop] = SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name=name, daemon=True)
        self._started = False
        self._closed = False

    async def do(self, work: Callable[[Connection], T], *, synced: bool = False) -> T:
        """Queue an item and return its result once it is committed."""
        if self._closed:
            raise StoreUnavailable("the store is closed", remedy="open it again")
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if not self._started:
            self._started = True
            self._thread.start()
        self._queue.put(_Item(work, synced, future))
        return cast("T", await future)

    async def close(self) -> None:
        """Finish what is queued, close the connection and join the thread."""
        if self._closed:
            return
        self._closed = True
        if self._started:
            stop = _Stop()
            self._queue.put(stop)
            await asyncio.to_thread(stop.done.wait)
            self._thread.join()
        elif self._connection is not None:
            self._connection.close()

    def adopt(self, connection: Connection) -> None:
        """Use a connection that is open already."""
        self._connection = connection

    def _serve(self) -> None:
        while True:
            group = self._gather()
            items = [item for item in group if isinstance(item, _Item)]
            if items:
                self._perform(items)
                _answer(items)
            stop = next((item for item in group if isinstance(item, _Stop)), None)
            if stop is not None:
                if self._connection is not None:
                    self._connection.close()
                stop.done.set()
                return

    def _gather(self) -> list[_Item | _Stop]:
        group = [self._queue.get()]
        while len(group) < GROUP_LIMIT and not self._queue.empty():  # nobody else takes from it
            group.append(self._queue.get_nowait())
        return group

    def _perform(self, items: list[_Item]) -> None:
        raise NotImplementedError

    def _connected(self) -> Connection:
        if self._connection is None:
            self._connection = self._driver.connect()
        return self._connection

    def _drop_lost_connection(self) -> None:
        if self._connection is not None and not self._connection.usable:
            self._connection.close()
            self._connection = None

    def _translated(self, error: BaseException) -> BaseException:
        if isinstance(error, StanchionError) or not isinstance(error, Exception):
            return error
        translated = self._driver.translate(error)
        if translated is None:
            return error
        translated.__cause__ = error
        return translated


class Reader(_Worker):
    """Performs queries, each by itself."""

    def _perform(self, items: list[_Item]) -> None:
        for item in items:
            try:
                item.result = item.work(self._connected())
            except Exception as error:  # noqa: BLE001 (handed to the caller)
                self._drop_lost_connection()
                item.error = self._translated(error)


class Writer(_Worker):
    """Performs transactions, as many at once as have gathered."""

    def __init__(self, driver: Driver, name: str, memory: Memory) -> None:
        super().__init__(driver, name)
        self._memory = memory
        self._lock = threading.Lock()
        """Held by whoever uses the connection and the memory."""
        self._in_a_row = 0

    async def do_small(self, work: Callable[[Connection], T]) -> T:
        """Perform an item at once if nothing must be waited for, and else as ``do`` would."""
        if not self._driver.prompt:
            return await self.do(work)
        item = self._done_here(work)
        if item is None:
            return await self.do(work)
        if self._in_a_row % TURNS == 0:
            await asyncio.sleep(0)
        return cast("T", item.outcome())

    def _done_here(self, work: Callable[[Connection], Any]) -> _Item | None:
        """Perform an item in the caller's thread; None if it had to wait for something."""
        self._in_a_row = (self._in_a_row + 1) % AT_ONCE
        if self._in_a_row == 0 or self._closed or not self._queue.empty():
            return None
        if not self._lock.acquire(blocking=False):
            return None
        try:
            item = _Item(work, synced=False)
            return item if self._tried([item], wait=False) else None
        except BaseException:  # an interrupt may come anywhere, and mustn't leave half a commit
            self._memory.forget()
            if self._connection is not None:
                self._connection.rollback()
            raise
        finally:
            self._lock.release()

    def _perform(self, items: list[_Item]) -> None:
        with self._lock:
            self._tried(items, wait=True)

    def _tried(self, items: list[_Item], *, wait: bool) -> bool:
        """Perform items as one transaction; False if that meant to wait for another process."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._transaction(items, wait=wait)
            except (Exception, Fenced) as error:  # noqa: BLE001 (handed to the callers)
                self._memory.forget()
                if self._connection is not None:
                    self._connection.rollback()
                    self._drop_lost_connection()
                if attempt < ATTEMPTS and self._again(error):
                    continue
                for item in items:
                    item.error = self._translated(error)
                return True
        return True

    def _transaction(self, items: list[_Item], *, wait: bool) -> bool:
        connection = self._connected()
        if not connection.begin(synced=any(item.synced for item in items), wait=wait):
            return False
        if len(items) == 1:
            if not self._done_alone(connection, items[0]):
                return True
        else:
            for item in items:
                self._guarded(connection, item)
        connection.commit()
        return True

    def _done_alone(self, connection: Connection, item: _Item) -> bool:
        """Run the only item; if it fails, take the transaction back and return False."""
        item.error = None
        try:
            item.result = item.work(connection)
        except (Exception, Fenced) as error:
            self._memory.undone()
            if self._again(error) or not connection.usable:
                raise
            connection.rollback()
            item.error = self._translated(error)
            return False
        self._memory.finished()
        return True

    def _guarded(self, connection: Connection, item: _Item) -> None:
        """Run one item of several; if it fails, take back this one only."""
        connection.mark()
        item.error = None
        try:
            item.result = item.work(connection)
        except (Exception, Fenced) as error:
            self._memory.undone()
            if self._again(error) or not connection.usable or not connection.undo():
                raise
            item.error = self._translated(error)
        else:
            connection.release()
            self._memory.finished()

    def _again(self, error: BaseException) -> bool:
        return isinstance(error, Exception) and self._driver.worth_retrying(error)


def _answer(items: list[_Item]) -> None:
    """Give the results to the loops that wait for them, one wake-up per loop."""
    by_loop: defaultdict[asyncio.AbstractEventLoop, list[_Item]] = defaultdict(list)
    for item in items:
        if item.future is not None:
            by_loop[item.future.get_loop()].append(item)
    for loop, mine in by_loop.items():
        with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
            loop.call_soon_threadsafe(_settle, mine)


def _settle(items: list[_Item]) -> None:
    for item in items:
        item.settle()
