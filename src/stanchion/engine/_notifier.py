"""Tells a webhook of the operator's about open questions, at least once each, and again in time.

What was told is kept in the store's shared states, so that of several processes one tells and a
restart tells nothing twice that was acknowledged. A receiver that is down is tried again, with
growing pauses, for as long as the question is open. A notice never holds a run up.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from stanchion.errors import LedgerError
from stanchion.ledger import Shared, Store
from stanchion.review import (
    EVERYBODY,
    Reviewers,
    ReviewInbox,
    due_notices,
    headers_of,
    key_of,
    notice_of,
)
from stanchion.values import Question
from stanchion.workflows import Clock, SystemClock

__all__ = ["Notifier"]

Post: TypeAlias = Callable[[str, bytes, Mapping[str, str]], Awaitable[int]]
"""Posts a body with headers to a URL; returns the HTTP status, 0 if nobody answered."""

ROUND = 2.0
"""Seconds between two looks at the open questions."""
TIMEOUT = 10.0
"""Seconds for one attempt; another process may try after it."""
_FIRST_PAUSE, _LONGEST_PAUSE = 5.0, 3600.0
_KEPT = timedelta(days=400)
"""How long it is remembered what was told."""

_log = logging.getLogger("stanchion.engine")


@dataclass(frozen=True, slots=True)
class _Told:
    """What is known of the notices about one question."""

    told: tuple[str, ...] = ()
    failures: int = 0
    next_at: float = 0.0
    """No attempt before this time (seconds since 1970)."""

    @classmethod
    def read(cls, state: Any) -> _Told:
        return cls(tuple(state["told"]), state["failures"], state["next_at"]) if state else cls()

    def wants(self, due: tuple[str, ...], now: datetime) -> bool:
        """Tell whether the newest notice that is due is still to be told, and may be tried."""
        return bool(due) and due[-1] not in self.told and now.timestamp() >= self.next_at

    def after_attempt(self, now: datetime) -> _Told:
        """Return what holds if this attempt comes to nothing."""
        pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** min(self.failures, 20))
        return _Told(self.told, self.failures + 1, now.timestamp() + TIMEOUT + pause)

    def written(self) -> dict[str, Any]:
        return {"told": list(self.told), "failures": self.failures, "next_at": self.next_at}


class Notifier:
    """Posts notices about the questions of one store to one URL."""

    def __init__(
        self,
        store: Store,
        url: str,
        secret: str,
        *,
        reviewers: Reviewers = EVERYBODY,
        clock: Clock | None = None,
        post: Post | None = None,
    ) -> None:
        self._store = store
        self._url = url
        self._key = key_of(secret)
        self._reviewers = reviewers
        self._clock = clock or SystemClock()
        self._post = post or _post
        self._known: dict[str, _Told] = {}
        """What this process knows of the open questions, so that the store is asked when it counts.
        """

    async def serve(self) -> None:
        """Tell until cancelled."""
        while True:
            try:
                await self.round()
            except LedgerError as error:
                _log.warning("no notices while the store isn't available: %s", error.message)
            await asyncio.sleep(ROUND)

    async def round(self) -> int:
        """Tell everything that is due and not told yet; return how many notices got through."""
        through = 0
        questions = await ReviewInbox(self._store, clock=self._clock.now).pending()
        self._known = {q.id: self._known[q.id] for q in questions if q.id in self._known}
        for question in questions:
            due = due_notices(question, self._clock.now())
            if await self._claim(question, due):
                through += await self._tell(question, due)
        return through

    async def _claim(self, question: Question, due: tuple[str, ...]) -> bool:
        """Tell whether a notice is due that nobody else is telling."""
        known = self._known.get(question.id, _Told())
        if not known.wants(due, self._clock.now()):
            return False

        def decide(
            states: Mapping[str, Any], _: datetime
        ) -> tuple[dict[str, Shared], tuple[_Told, bool]]:
            now, shared = self._clock.now(), _Told.read(states.get(_key(question)))
            if not shared.wants(due, now):
                return {}, (shared, False)
            tried = shared.after_attempt(now)
            return {_key(question): _kept(tried, now)}, (tried, True)

        self._known[question.id], mine = await self._store.decide([_key(question)], decide)
        return mine

    async def _tell(self, question: Question, due: tuple[str, ...]) -> bool:
        workflow = (await self._store.get(question.run)).workflow
        now = self._clock.now()
        body = notice_of(question, workflow, due[-1], self._reviewers, now)
        headers = headers_of(self._key, f"{question.id}.{due[-1]}", body, now)
        status = await self._post(self._url, body, headers)
        if not 200 <= status < 300:
            _log.warning("a notice didn't get through: status %d", status)
            return False
        told = self._known[question.id] = _Told(due)

        def decide(_: Mapping[str, Any], __: datetime) -> tuple[dict[str, Shared], None]:
            return {_key(question): _kept(told, now)}, None

        await self._store.decide([_key(question)], decide)
        return True


async def _post(url: str, body: bytes, headers: Mapping[str, str]) -> int:
    import httpx  # an HTTP client, for those who want notices

    try:
        async with httpx.AsyncClient(timeout=TIMEOUT) as client:
            return (await client.post(url, content=body, headers=dict(headers))).status_code
    except httpx.HTTPError:
        return 0


def _kept(told: _Told, now: datetime) -> Shared:
    return Shared(told.written(), now + _KEPT)


def _key(question: Question) -> str:
    return f"notice:{question.id}"
