"""What an agent's turns brought, kept where the model can go back to it.

Results that are too large for the window are shown as previews under a handle. Turns that leave it
are kept whole, as payloads that are found by their number and by their words. Only handles are held
in memory; the rest is in the ledger.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from stanchion.context import (
    MOST,
    Act,
    Shares,
    Turn,
    estimate,
    find_words,
    handle_of,
    preview,
    text_of,
)
from stanchion.errors import StoreCorrupt
from stanchion.ledger import (
    Document,
    DocumentFilter,
    Found,
    Payload,
    Place,
    payload,
    query_words,
)
from stanchion.values import Integrity, Json, ToolCallPart
from stanchion.workflows._incarnation import Incarnation

__all__ = ["Kept", "Part"]

CHUNK = 8_000
"""Characters of a large result that are found by together."""
OVERLAP = 200
"""Characters that two neighbours share, so that no phrase is cut in two."""
RARE = 50
"""A word that fewer documents have counts more than all others."""
FINDINGS = (2, 6)
"""Places that one search shows, at least and at most."""
FINDING = 280
"""Characters of each, if there is room."""

_TURN = re.compile(r"(?:turn\s*)?#?(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Part:
    """Something that was kept, and whether somebody vouches for all of it."""

    value: Json
    trusted: bool


class _Result(NamedTuple):
    digest: bytes
    trusted: bool
    view: bytes | None
    """What of it may be seen, if that isn't all of it."""


@dataclass(slots=True)
class Kept:
    """What one agent can go back to."""

    incarnation: Incarnation
    place: Place
    """Of the agent's step."""
    shares: Shares
    inherited: int = 0
    """The last turn that left the window before the run forked from another."""
    _results: dict[str, _Result] = field(default_factory=dict[str, _Result])
    _acts: list[Act] = field(default_factory=list[Act])
    _together: int = 1

    # While a turn is made

    def begin(self, calls: int) -> None:
        """Begin a turn with so many calls, which share the room for results."""
        self._acts, self._together = [], max(1, calls)

    def acts(self) -> tuple[Act, ...]:
        """Return the acts of the turn so far."""
        return tuple(self._acts)

    def show(
        self, part: ToolCallPart, result: Payload, value: Json, *, wrote: bool, trusted: bool
    ) -> Json:
        """Take in a call's result and what the model may see of it; return what it is shown."""
        handle, shown = "", value
        seen = payload(value)
        if self._is_large(seen):
            handle = handle_of(self.incarnation.salt, result.digest)
            self._results[handle] = _Result(result.digest, trusted, _view(seen, result))
            shown = preview(value, handle, self.shares.preview)
        self.note(part, shown, wrote=wrote, trusted=trusted, handle=handle)
        return shown

    def note(
        self,
        part: ToolCallPart,
        shown: Json,
        *,
        wrote: bool = False,
        trusted: bool = False,
        failed: bool = False,
        looked: bool = False,
        handle: str = "",
    ) -> None:
        """Note what came of a call."""
        act = Act(part.name, part.arguments, shown, wrote, trusted, failed, looked, handle)
        self._acts.append(act)

    def _is_large(self, result: Payload) -> bool:
        room = self.shares.results // self._together
        size = len(result.data)
        return size > 4 * room or (size > room and estimate(result.data.decode()) > room)

    @property
    def most(self) -> int:
        """Characters that one look may bring, so that it isn't too large for the window itself."""
        return min(MOST, max(200, 3 * self.shares.results // self._together))

    # When turns leave the window

    def originals(self, turns: Sequence[Turn]) -> tuple[tuple[Payload, ...], tuple[Document, ...]]:
        """Return the payloads of the turns as they were, and what they are found by."""
        payloads: list[Payload] = []
        documents: list[Document] = []
        for turn in turns:
            original = payload(_original(turn))
            payloads.append(original)
            documents.append(self._document(f"{turn.number}", turn, original))
        return tuple(payloads), tuple(documents)

    def _document(self, key: str, turn: Turn, original: Payload) -> Document:
        label = _label(trusted=turn.clean and all(act.trusted for act in turn.acts))
        words = text_of(_original(turn, looked=False))
        return Document(self._scope(), key, words, original.digest,
                        kind="turn", label=label)  # fmt: skip

    async def large(self, turn: Turn) -> AsyncIterator[Document]:
        """Yield what a turn's large results are found by, also while it is in the window."""
        for number, act in enumerate(act for act in turn.acts if act.handle):
            digest, label = self._results[act.handle].digest, _label(trusted=act.trusted)
            text = text_of((await self.result(act.handle)).value)
            for at, chunk in _chunks(text):
                key = f"{turn.number}.{number}.{at}"
                yield Document(self._scope(), key, chunk, digest, act.handle, "result", label)

    # Going back

    @property
    def handles(self) -> Mapping[str, _Result]:
        """The handles of results that were shown as previews."""
        return self._results

    async def result(self, handle: str) -> Part:
        """Return the whole result behind a handle."""
        digest, trusted, view = self._results[handle]
        return Part(json.loads(view or await self._read(digest)), trusted)

    def turn_named(self, text: str) -> int | None:
        """Return the turn that a text names by its number, if it does nothing else."""
        named = _TURN.fullmatch(text.strip())
        return None if named is None else int(named[1])

    async def turn(self, number: int) -> Part | None:
        """Return a turn that has left the window; None if there is no such turn."""
        for scope in await self._scopes():
            where = DocumentFilter(self._tenant, (scope,), keys=(f"{number}",), limit=1)
            for found in await self.incarnation.host.store.documents(where):
                if self._counts(found):
                    return Part(await self._whole(found), found.label == Integrity.TRUSTED)
        return None

    async def search(self, words: str) -> Part | None:
        """Return the places in earlier turns that answer words best; None if there are none."""
        labels = (Integrity.TRUSTED.value, Integrity.UNTRUSTED.value)
        where = DocumentFilter(self._tenant, await self._scopes(), labels=labels, limit=RARE)
        found = (await self._found(where, words))[: self._findings]
        if not found:
            return None
        places = [await self._place_in(each, words) for each in found]
        return Part(places, all(each.label == Integrity.TRUSTED for each in found))

    async def _found(self, where: DocumentFilter, words: str) -> list[Found]:
        """Return what has the rarest of the words first, however long it is."""
        store, weights, known = self.incarnation.host.store, Counter[int](), dict[int, Found]()
        for word in query_words(words):
            having = [f for f in await store.find(where, word) if self._counts(f)]
            if len(having) < RARE:
                known |= {found.number: found for found in having}
                weights.update({found.number: _weight(len(having)) for found in having})
        whole = [f for f in await store.find(where, words) if self._counts(f)]
        best = [known[number] for number, _ in weights.most_common()]
        return list({found.number: found for found in (*best, *whole)}.values())

    async def _place_in(self, found: Found, words: str) -> Json:
        turn, _, rest = found.key.partition(".")
        text = text_of(await self._whole(found))
        start = int(rest.partition(".")[2] or 0)
        if found.kind == "result":
            text = text[start : start + CHUNK]
        around = self.most // (2 * self._findings)
        hits = find_words(text, words, around=around)[:1]
        shown: dict[str, Json] = {"turn": int(turn), "found": hits or text[: 2 * around]}
        return shown | ({"handle": found.topic} if found.topic else {})

    @property
    def _findings(self) -> int:
        least, most = FINDINGS
        return min(most, max(least, self.most // FINDING))

    async def _whole(self, found: Found) -> Json:
        """Return what was found, as far as the model may see it."""
        if found.topic in self._results:
            return (await self.result(found.topic)).value
        return json.loads(await self._read(found.body))

    def _counts(self, found: Found) -> bool:
        """Tell whether it is of this run's past; what the run forked from did later isn't."""
        number = int(found.key.partition(".")[0])
        return found.scope == self._scope() or number <= self.inherited

    async def _scopes(self) -> tuple[str, ...]:
        """Return where to look: this run, and those that it was forked from."""
        record, scopes = self.incarnation.record, [self._scope()]
        while record.forked_from:
            record = await self.incarnation.host.store.get(record.forked_from)
            scopes.append(self._scope(record.id))
        return tuple(scopes)

    def _scope(self, run: str = "") -> str:
        at = f"{self.place.lane}[{self.place.ordinal}]"
        return f"turns:{run or self.incarnation.record.id}:{at}"

    @property
    def _tenant(self) -> str:
        return self.incarnation.record.tenant

    async def _read(self, digest: bytes) -> bytes:
        found = await self.incarnation.host.store.payloads(self._tenant, [digest])
        if digest not in found:
            raise StoreCorrupt(
                f"a result of run {self.incarnation.record.id} is missing",
                remedy="run `stanchion ledger verify`; an erased payload can't be recalled",
            )
        return found[digest]


def _view(seen: Payload, result: Payload) -> bytes | None:
    return None if seen.digest == result.digest else seen.data


def _weight(having: int) -> int:
    return 1_000_000 // having


def _original(turn: Turn, *, looked: bool = True) -> dict[str, Json]:
    calls = [
        {"tool": act.tool, "arguments": act.arguments, "result": act.shown}
        if looked or not act.handle  # the whole of a large result is found by itself
        else {"tool": act.tool, "arguments": act.arguments}
        for act in turn.acts
        if looked or not act.looked
    ]
    original: dict[str, Json] = {"turn": turn.number, "said": turn.said, "calls": calls}
    if turn.answers:
        original["answers"] = list(turn.answers)
    return original


def _chunks(text: str) -> Iterator[tuple[int, str]]:
    for at in range(0, max(1, len(text)), CHUNK - OVERLAP):
        yield at, text[at : at + CHUNK]


def _label(*, trusted: bool) -> str:
    return (Integrity.TRUSTED if trusted else Integrity.UNTRUSTED).value
