"""What a run hears from outside: its inbox, its open waits, its alarms.

Everyone but the owner writes to the inbox; the owner takes messages to the waits they are for. It
knows what is waited for and what has come; recording either is the incarnation's.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from stanchion.ledger import Codec, Inbox, NewRun, Payload, Place, Wait, is_replaced
from stanchion.workflows._host import Host

__all__ = ["Awaited", "Ignored", "Outside", "WaitSpec"]


class Ignored(Exception):
    """A message doesn't count: it isn't well formed, or it answers something else. A signal."""


@dataclass(frozen=True, slots=True)
class WaitSpec:
    """What a step waits for."""

    kind: str
    topic: str = ""
    wake_at: datetime | None = None
    body: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What others are shown; recorded with the wait."""
    started: tuple[NewRun, ...] = ()


@dataclass(frozen=True, slots=True)
class Awaited:
    """A step whose outcome comes from outside."""

    kind: str
    name: str
    request: Payload
    spec: Callable[[Place, bytes | None], WaitSpec]
    """What to wait for, given the place and what the recorded wait shows, if there is one."""
    read: Callable[[Inbox | None], Any]
    """The outcome of a message, or of the time having come (None); may raise Ignored."""
    result: Codec[Any]


class Outside:
    """One incarnation's view of what is outside."""

    def __init__(
        self,
        host: Host,
        run: str,
        opened: Iterable[Place],
        ring: Callable[[], Awaitable[None]],
    ) -> None:
        self._host = host
        self._run = run
        self._ring = ring
        self._inbox: defaultdict[str, deque[Inbox]] = defaultdict(deque)
        self._seen: set[int] = set()
        self._open = set(opened)
        """Places with an open wait in the store, waited for in this incarnation or not yet."""
        self._ended: set[Place] = set()
        self._waits: dict[Place, Wait] = {}
        self._alarms: set[asyncio.Task[None]] = set()

    # Messages

    async def read(self) -> None:
        """Fetch messages that haven't been seen yet."""
        for message in await self._host.store.inbox(self._run):
            if message.id not in self._seen:
                self._seen.add(message.id)
                self._inbox[message.topic].append(message)

    def messages(self, topic: str) -> list[Inbox]:
        """Return unread messages under a topic."""
        return list(self._inbox[topic])

    def forget(self, message: Inbox) -> None:
        """Drop a message that was consumed."""
        self._inbox[message.topic].remove(message)

    # Waits

    def begin(self, wait: Wait) -> None:
        """Wait for something from now on."""
        self._open.add(wait.place)
        self._waits[wait.place] = wait
        if wait.wake_at is not None:
            self._set_alarm(wait.wake_at)

    def is_open(self, place: Place) -> bool:
        """Tell whether the store has an open wait at a place."""
        return place in self._open

    def end(self, place: Place) -> None:
        """Note that a wait is over; the store learns it with the next commit."""
        self._waits.pop(place, None)
        self._open.discard(place)
        self._ended.add(place)

    def end_within(self, lane: str) -> list[Place]:
        """End the waits of a lane and of the lanes below it; return where they were."""
        ended = [p for p in self._open if f"{p.lane}/".startswith(f"{lane}/")]
        for place in ended:
            self.end(place)
        return ended

    def end_replaced(self, at: Place) -> list[Place]:
        """End the waits of steps that are void since the code went on differently at a place."""
        ended = [p for p in self._open if p not in self._waits and is_replaced(p, at)]
        for place in ended:
            self.end(place)
        return ended

    def end_unattended(self) -> list[Place]:
        """End the open waits that nothing in this incarnation waits for; return where they were."""
        ended = [p for p in self._open if p not in self._waits]
        for place in ended:
            self.end(place)
        return ended

    def withdraw(self) -> None:
        """Take back all open waits; each is open again once the run comes to it again."""
        for place in list(self._open):
            self.end(place)

    def ended(self) -> tuple[Place, ...]:
        """Return, once, the waits that ended since the last commit."""
        ended, self._ended = tuple(self._ended), set()
        return ended

    def waits(self) -> list[Wait]:
        """Return what the run waits for now."""
        return list(self._waits.values())

    def ready(self, wait: Wait) -> tuple[bool, Inbox | None]:
        """Return whether a wait is over, and the message that ended it, None if it was time."""
        if wait.topic and self._inbox[wait.topic]:
            return True, self._inbox[wait.topic].popleft()
        due = wait.wake_at is not None and self._host.clock.now() >= wait.wake_at
        return due, None

    def due(self, places: Iterable[Place]) -> Iterator[tuple[Place, Inbox | None]]:
        """Yield those of the blocked places whose wait is over, with what ended it."""
        for place in places:
            wait = self._waits.get(place)
            ready, message = (False, None) if wait is None else self.ready(wait)
            if ready:
                yield place, message

    # Alarms

    def _set_alarm(self, when: datetime) -> None:
        async def ring() -> None:
            await self._host.clock.sleep_until(when)
            await self._ring()

        task = asyncio.get_running_loop().create_task(ring())
        self._alarms.add(task)
        task.add_done_callback(self._alarms.discard)

    async def close(self) -> None:
        """Stop the alarms."""
        for task in list(self._alarms):
            task.cancel()
        await asyncio.gather(*self._alarms, return_exceptions=True)
