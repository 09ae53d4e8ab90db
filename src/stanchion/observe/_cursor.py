"""How far each destination has been fed: kept in the ledger's store, moved by whoever feeds it.

A cursor is one of the states that processes share, without an end. It moves only from where its
holder found it, in one transaction, and only after what lies before it was taken or put among the
dead letters. One process holds a cursor at a time, for as long as it keeps renewing that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from stanchion.ledger import Shared, Store
from stanchion.observe._delivery import DeadLetter

__all__ = ["Cursor", "CursorLost", "Feed", "FeedState"]

Cursor: TypeAlias = tuple[int, int]
"""As in ``Store.follow``."""

MOST_LETTERS = 500
"""The newest dead letters, which are kept with their reasons; all are counted."""

LEASE = timedelta(seconds=60)
_FOREVER = datetime(9999, 1, 1, tzinfo=UTC)


class CursorLost(BaseException):
    """Another process feeds the destination now. A signal, not an error."""


@dataclass(frozen=True, slots=True)
class Feed:
    """How a destination stands."""

    cursor: Cursor = (0, 0)
    sent: int = 0
    """Spans that it took; one that was sent again counts again."""
    dead: int = 0
    """Spans that it wouldn't take."""
    at: str = ""
    """When the newest of what it was sent was recorded."""
    trouble: str = ""
    """Why it takes nothing now; empty while it does."""
    since: str = ""
    """Since when."""
    holder: str = ""
    until: str = ""


class FeedState:
    """The cursor of one destination."""

    def __init__(self, store: Store, name: str, holder: str) -> None:
        self._store = store
        self._key = f"export:{name}"
        self._letters_key = f"export:{name}:dead"
        self._holder = holder

    async def read(self) -> Feed:
        """Return how the destination stands."""

        def decide(states: Mapping[str, Any], _: datetime) -> tuple[dict[str, Shared], Feed]:
            return {}, _feed(states.get(self._key))

        return await self._store.decide([self._key], decide)

    async def hold(self) -> Feed | None:
        """Become the one who feeds it; None if another process is."""

        def decide(states: Mapping[str, Any], now: datetime) -> tuple[dict[str, Shared], Any]:
            feed = _feed(states.get(self._key))
            held = feed.until and datetime.fromisoformat(feed.until) > now
            if held and feed.holder != self._holder:
                return {}, None
            mine = self._renewed(feed, now)
            return {self._key: _kept(mine)}, mine

        return await self._store.decide([self._key], decide)

    async def move(
        self, found: Feed, cursor: Cursor, *, at: str, sent: int, dead: Sequence[DeadLetter]
    ) -> Feed:
        """Move the cursor from where it was found. Raises CursorLost if it isn't there any more."""
        keys = [self._key, *([self._letters_key] if dead else [])]

        def decide(states: Mapping[str, Any], now: datetime) -> tuple[dict[str, Shared], Any]:
            feed = _feed(states.get(self._key))
            if feed.holder != self._holder or feed.cursor != found.cursor:
                return {}, None
            moved = replace(
                self._renewed(feed, now),
                cursor=cursor,
                at=at or feed.at,
                sent=feed.sent + sent,
                dead=feed.dead + len(dead),
                trouble="",
                since="",
            )
            changed = {self._key: _kept(moved)}
            if dead:
                letters = [*states.get(self._letters_key, []), *(_letter(d, now) for d in dead)]
                changed[self._letters_key] = Shared(letters[-MOST_LETTERS:], _FOREVER)
            return changed, moved

        moved = await self._store.decide(keys, decide)
        if moved is None:
            raise CursorLost
        return moved

    async def trouble(self, reason: str) -> None:
        """Say why the destination takes nothing; who holds its cursor keeps it."""

        def decide(states: Mapping[str, Any], now: datetime) -> tuple[dict[str, Shared], None]:
            feed = _feed(states.get(self._key))
            told = replace(feed, trouble=reason, since=feed.since or now.isoformat())
            if feed.holder == self._holder:
                told = self._renewed(told, now)
            return {self._key: _kept(told)}, None

        await self._store.decide([self._key], decide)

    async def release(self) -> None:
        """Let another process feed it."""

        def decide(states: Mapping[str, Any], _: datetime) -> tuple[dict[str, Shared], None]:
            feed = _feed(states.get(self._key))
            if feed.holder != self._holder:
                return {}, None
            return {self._key: _kept(replace(feed, holder="", until=""))}, None

        await self._store.decide([self._key], decide)

    async def reset(self, cursor: Cursor) -> None:
        """Put the cursor somewhere else; whoever holds it notices and lets go."""

        def decide(states: Mapping[str, Any], _: datetime) -> tuple[dict[str, Shared], None]:
            feed = replace(_feed(states.get(self._key)), cursor=cursor, holder="", until="")
            return {self._key: _kept(feed)}, None

        await self._store.decide([self._key], decide)

    async def letters(self) -> list[dict[str, Any]]:
        """Return the newest dead letters, oldest first."""

        def decide(states: Mapping[str, Any], _: datetime) -> tuple[dict[str, Shared], Any]:
            return {}, states.get(self._letters_key, [])

        return await self._store.decide([self._letters_key], decide)

    def _renewed(self, feed: Feed, now: datetime) -> Feed:
        return replace(feed, holder=self._holder, until=(now + LEASE).isoformat())


def _feed(state: Any) -> Feed:
    if not state:
        return Feed()
    xid, position = state["cursor"]
    rest = {name: value for name, value in state.items() if name != "cursor"}
    return Feed((xid, position), **rest)


def _kept(feed: Feed) -> Shared:
    plain = asdict(feed)
    return Shared({**plain, "cursor": list(feed.cursor)}, _FOREVER)


def _letter(letter: DeadLetter, now: datetime) -> dict[str, Any]:
    return {**asdict(letter), "at": now.isoformat()}
