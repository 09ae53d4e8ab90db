"""Prompts in full, at the cost of what is new in them.

A run has one log of message digests: what was new in a prompt, then what the model answered to it.
A model's entry names, in its facts, what it adds to the log and where (``at``), and its prompt as
spans ``(start, count)`` of the log, per section; the chain over the entries covers both. A window
that grows or slides is one span. Edits in the middle leave many: then the short ones are added once
more, by where they stand, and are one span from then on. A large part (a tool's result, a document)
is a payload of its own, shared with the step that produced it. Storage grows linearly in the work
done.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from stanchion.errors import StoreCorrupt
from stanchion.ledger._codec import codec_for, payload
from stanchion.ledger._records import Entry, Payload
from stanchion.ledger._store import Store
from stanchion.values import Json, Message

__all__ = [
    "PromptLog",
    "PromptRecord",
    "Sections",
    "add_to_log",
    "log_of",
    "pack_message",
    "prompt_digests",
    "reach_of",
    "read_message",
    "read_prompt",
]

Sections: TypeAlias = Mapping[str, Sequence[Message]]
"""A prompt by section, in the order in which it is sent."""

LARGE = 512
"""Characters from which a part's content is a payload of its own."""

PIECES = 8
"""Spans that a section may consist of before its short ones become one."""
SHORT = 128
"""Messages below which a span is short: a longer one is rarely worth adding again."""

_SHARED = ("content", "response")
_message = codec_for(Message)


def pack_message(message: Message) -> tuple[Payload, ...]:
    """Return a message's payload, first, and the payloads of its large parts."""
    plain = json.loads(_message.encode(message, what="message").data)
    shared: list[Payload] = []
    for part in plain["parts"]:
        for name in _SHARED:
            if name in part and len(json.dumps(part[name])) > LARGE:
                content = payload(part.pop(name))
                shared.append(content)
                part[f"{name}_digest"] = content.digest.hex()
    return payload(plain), *shared


async def read_message(store: Store, tenant: str, digests: Sequence[bytes]) -> list[Message]:
    """Return messages from their payloads, large parts included."""
    packed = [json.loads(data) for data in await _fetch(store, tenant, digests)]
    wanted = [
        bytes.fromhex(part[f"{name}_digest"])
        for plain in packed
        for part in plain["parts"]
        for name in _SHARED
        if f"{name}_digest" in part
    ]
    content = dict(zip(wanted, await _fetch(store, tenant, wanted), strict=True))
    return [_unpack(plain, content) for plain in packed]


def _unpack(plain: dict[str, Any], content: Mapping[bytes, bytes]) -> Message:
    for part in plain["parts"]:
        for name in _SHARED:
            digest = part.pop(f"{name}_digest", None)
            if digest is not None:
                part[name] = json.loads(content[bytes.fromhex(digest)])
    return _message.decode(json.dumps(plain).encode())


async def _fetch(store: Store, tenant: str, digests: Sequence[bytes]) -> list[bytes]:
    found = await store.payloads(tenant, digests)
    missing = sum(d not in found for d in digests)
    if missing:
        raise StoreCorrupt(
            f"{missing} message(s) of a prompt are missing", remedy="run `stanchion ledger verify`"
        )
    return [found[d] for d in digests]


# The log, as entries tell it


def log_of(entries: Iterable[Entry]) -> list[bytes]:
    """Return a run's log; where an entry is missing, its digests are empty."""
    log: list[bytes] = []
    for entry in entries:
        add_to_log(log, entry)
    return log


def add_to_log(log: list[bytes], entry: Entry) -> None:
    """Add to a run's log what its next entry says is new."""
    prompt = entry.facts.get("prompt", {})
    if "at" in prompt:
        _put(log, prompt["at"], [*_added(log, prompt["new"]), *_answer(entry)])


def prompt_digests(log: Sequence[bytes], entry: Entry) -> dict[str, tuple[bytes, ...]]:
    """Return the digests of a prompt's messages by section; empty ones where the log has a gap."""
    spans = entry.facts.get("prompt", {}).get("spans", {})
    return {
        section: tuple(digest for start, count in pieces for digest in _cut(log, start, count))
        for section, pieces in spans.items()
    }


def _added(log: Sequence[bytes], new: Iterable[Any]) -> Iterator[bytes]:
    for piece in new:
        if isinstance(piece, str):
            yield bytes.fromhex(piece)
        else:
            yield from log[piece[0] : sum(piece)]


def _answer(entry: Entry) -> list[bytes]:
    return [bytes.fromhex(entry.facts["message"])] if "message" in entry.facts else []


def _put(log: list[bytes], at: int, digests: Sequence[bytes]) -> None:
    """Put digests where they belong: a commit that failed leaves a gap."""
    log.extend([b""] * (at - len(log)))
    log[at : at + len(digests)] = digests


def reach_of(facts: Mapping[str, Any]) -> tuple[list[bytes], int, int]:
    """Return the digests that a model's facts name, how far in the log they refer, and its end."""
    prompt = facts.get("prompt", {})
    if "at" not in prompt:
        return [], 0, 0
    named = [piece for piece in prompt["new"] if isinstance(piece, str)]
    copied = [piece for piece in prompt["new"] if not isinstance(piece, str)]
    answered = [facts["message"]] if "message" in facts else []
    spans = [span for section in prompt["spans"].values() for span in section]
    end = prompt["at"] + len(named) + sum(count for _, count in copied) + len(answered)
    digests = [bytes.fromhex(digest) for digest in (*named, *answered)]
    return digests, max((sum(span) for span in (*copied, *spans)), default=0), end


async def read_prompt(store: Store, tenant: str, entry: Entry) -> dict[str, list[Message]]:
    """Return the prompt of a model's entry in full, by section; nothing for another entry."""
    if not entry.facts.get("prompt", {}).get("spans"):
        return {}
    digests = prompt_digests(log_of(await store.entries(entry.run)), entry)
    return {name: await read_message(store, tenant, wanted) for name, wanted in digests.items()}


def _cut(log: Sequence[bytes], start: int, count: int) -> Sequence[bytes]:
    """Return a span of the log; what lies past its end is empty and will be missed."""
    there = log[start : start + count]
    return [*there, *[b""] * (count - len(there))]


# Writing it


@dataclass(frozen=True, slots=True)
class PromptRecord:
    """What one prompt adds to the ledger."""

    facts: Mapping[str, Json]
    """Goes into the model entry's facts under ``prompt``."""
    payloads: tuple[Payload, ...]


class PromptLog:
    """The log of one run, as far as this process knows it."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self._earlier = entries
        """What earlier incarnations recorded, until the first prompt needs it."""
        self._log: list[bytes] = []
        self._where: dict[bytes, int] = {}
        """Where each message was added last."""
        self._newest: dict[str, dict[int, tuple[Message, bytes]]] = {}
        """The messages of each section's newest prompt by identity, with their digests."""

    def record(self, sections: Sections, answer: bytes | None = None) -> PromptRecord:
        """Return a prompt's facts, and the payloads to store unless an earlier prompt did.

        ``answer`` is the digest of what the model said to it, the next to be added to the log.
        """
        self._catch_up()
        at = len(self._log)
        payloads: list[Payload] = []
        wanted = {name: self._digests(name, m, payloads) for name, m in sections.items()}
        new: list[Json] = []
        spans: dict[str, Json] = {name: self._spans(w, new) for name, w in wanted.items()}
        if answer is not None:
            self._add([answer])
        return PromptRecord({"at": at, "new": new, "spans": spans}, tuple(payloads))

    def distrust(self) -> None:
        """Refer to nothing that was added so far, since a commit failed: it may not be stored."""
        self._where.clear()
        self._newest.clear()

    def _catch_up(self) -> None:
        if self._earlier:
            self._add(log_of(self._earlier))
            self._earlier = ()

    def _add(self, digests: Sequence[bytes]) -> int:
        start = len(self._log)
        self._log.extend(digests)
        self._where.update(zip(digests, range(start, len(self._log)), strict=True))
        return start

    def _digests(
        self, name: str, messages: Sequence[Message], payloads: list[Payload]
    ) -> list[bytes]:
        """Return the messages' digests; those that the last prompt had aren't packed again."""
        known = self._newest.get(name, {})
        newest: dict[int, tuple[Message, bytes]] = {}
        for message in messages:
            seen = known.get(id(message)) or newest.get(id(message))
            if seen is None:
                packed = pack_message(message)
                payloads.extend(packed)
                seen = (message, packed[0].digest)
            newest[id(message)] = seen
        self._newest[name] = newest
        return [newest[id(message)][1] for message in messages]

    def _spans(self, wanted: Sequence[bytes], new: list[Json]) -> Json:
        """Return a section as spans, adding to the log and to ``new`` what isn't in it yet."""
        stretches = list(self._cover(wanted))
        spans: list[tuple[int, int]] = []
        for known, messages in stretches:
            count = len(messages)
            if known is None:
                new += [message.hex() for message in messages]
                start = self._add(messages)
            elif len(stretches) > PIECES and count < SHORT:
                new.append([known, count])
                start = self._add(messages)
            else:
                start = known
            if spans and sum(spans[-1]) == start:
                spans[-1] = (spans[-1][0], spans[-1][1] + count)
            else:
                spans.append((start, count))
        return [list(span) for span in spans]

    def _cover(self, wanted: Sequence[bytes]) -> Iterator[tuple[int | None, Sequence[bytes]]]:
        """Yield what is wanted in stretches of the log with their starts, None for new ones."""
        at = 0
        while at < len(wanted):
            start, count = self._longest(wanted, at)
            yield start, wanted[at : at + count]
            at += count

    def _longest(self, wanted: Sequence[bytes], at: int) -> tuple[int | None, int]:
        """Return (start, count) of the stretch of the log equal to what is wanted next."""
        start = self._where.get(wanted[at])
        if start is None:
            return None, 1
        most = min(len(wanted) - at, len(self._log) - start)
        count = 1
        while count < most and self._log[start + count] == wanted[at + count]:
            count += 1
        return start, count
