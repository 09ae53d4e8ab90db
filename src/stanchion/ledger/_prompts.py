"""Prompts stored as spans over chains, so that a call costs its new messages only.

Each section of a run's prompts (system, turns) has one parent-linked chain of message digests:
``node = SHA-256(parent + message)``. A prompt is, per section, a list of spans ``(node, count)``:
the last ``count`` messages of the chain that ends at ``node``. An appended message adds one link;
a window that slides adds none for what was there before. Edits in the middle leave spans between
them; a prompt in many pieces has its short ones linked anew, once. A large part (a tool's result,
a document) is a payload of its own, shared with the step that produced it. Storage grows linearly
in the work done.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from stanchion.errors import StoreCorrupt
from stanchion.ledger._codec import codec_for, payload
from stanchion.ledger._records import Link, Payload
from stanchion.ledger._store import Store
from stanchion.values import Message

__all__ = [
    "PromptLog",
    "PromptRecord",
    "Sections",
    "Spans",
    "node_of",
    "pack_message",
    "read_message",
    "read_prompt",
]

Sections: TypeAlias = Mapping[str, Sequence[Message]]
"""A prompt by section, in the order in which it is sent."""

Spans: TypeAlias = list[tuple[str, int]]
"""Spans as kept in an entry's facts: hex node and count."""

ROOT = bytes(32)
LARGE = 512
"""Characters from which a part's content is a payload of its own."""

PIECES = 4
"""Spans that a section may consist of before its short ones are linked anew."""
SHORT = 32
"""Messages below which a span repeated in each prompt costs more than links made once."""

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


def node_of(parent: bytes, message: bytes) -> bytes:
    """Return the digest of a chain's node."""
    return hashlib.sha256(parent + message).digest()


@dataclass(frozen=True, slots=True)
class PromptRecord:
    """What one prompt adds to the ledger."""

    spans: dict[str, Spans]
    """Per section; goes into the model entry's facts under ``prompt``."""
    payloads: tuple[Payload, ...]
    links: tuple[Link, ...]


@dataclass(slots=True)
class _Chain:
    nodes: list[bytes] = field(default_factory=list[bytes])
    messages: list[bytes] = field(default_factory=list[bytes])
    where: dict[bytes, int] = field(default_factory=dict[bytes, int])

    def append(self, message: bytes) -> Link:
        parent = self.nodes[-1] if self.nodes else ROOT
        link = Link(node_of(parent, message), parent, message)
        self.add(link)
        return link

    def add(self, link: Link) -> None:
        self.where[link.message] = len(self.nodes)
        self.nodes.append(link.node)
        self.messages.append(link.message)

    def cover(self, wanted: Sequence[bytes]) -> Iterator[tuple[int | None, Sequence[bytes]]]:
        """Yield what is wanted in stretches of the chain, with their positions; None if new."""
        at = 0
        while at < len(wanted):
            position, length = self.longest(wanted, at)
            yield position if length else None, wanted[at : at + max(length, 1)]
            at += max(length, 1)

    def longest(self, wanted: Sequence[bytes], start: int) -> tuple[int, int]:
        """Return (position, length) of the stretch of the chain equal to what is wanted next."""
        position = self.where.get(wanted[start])
        if position is None:
            return 0, 0
        length = 1
        while (
            start + length < len(wanted)
            and position + length < len(self.messages)
            and self.messages[position + length] == wanted[start + length]
        ):
            length += 1
        return position, length


class PromptLog:
    """The chains of one run, as far as this process knows them."""

    def __init__(self) -> None:
        self._chains: dict[str, _Chain] = {}
        self._newest: dict[str, dict[int, tuple[Message, bytes]]] = {}
        """The messages of each section's newest prompt by identity, with their digests."""

    def record(self, sections: Sections) -> PromptRecord:
        """Return the spans of a prompt, and what must be stored unless an earlier prompt did."""
        spans: dict[str, Spans] = {}
        payloads: list[Payload] = []
        links: list[Link] = []
        for name, messages in sections.items():
            wanted = self._digests(name, messages, payloads)
            spans[name] = self._spans(name, wanted, links)
        return PromptRecord(spans, tuple(payloads), tuple(links))

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

    def prime(self, section: str, links: Sequence[Link]) -> None:
        """Continue a section's chain from links read back, unless it is known already."""
        chain = self._chains.setdefault(section, _Chain())
        if not chain.nodes:
            for link in links:
                chain.add(link)

    def knows(self, section: str) -> bool:
        """Tell whether this process has the section's chain."""
        return section in self._chains

    def _spans(self, name: str, wanted: list[bytes], links: list[Link]) -> Spans:
        chain = self._chains.setdefault(name, _Chain())
        cover = list(chain.cover(wanted))
        stretches: list[tuple[int, int]] = []
        for known, messages in cover:
            position = known
            if position is None or (len(cover) > PIECES and len(messages) < SHORT):
                position = len(chain.nodes)
                links.extend([chain.append(message) for message in messages])
            if stretches and sum(stretches[-1]) == position:
                stretches[-1] = (stretches[-1][0], stretches[-1][1] + len(messages))
            else:
                stretches.append((position, len(messages)))
        return [(chain.nodes[start + count - 1].hex(), count) for start, count in stretches]


async def read_prompt(
    store: Store, tenant: str, spans: Mapping[str, Sequence[Sequence[str | int]]]
) -> dict[str, list[Message]]:
    """Return a prompt in full from an entry's ``facts["prompt"]``."""
    sections: dict[str, list[Message]] = {}
    for name, pieces in spans.items():
        digests: list[bytes] = []
        for node, count in pieces:
            links = await store.links(tenant, bytes.fromhex(str(node)), int(count))
            digests.extend(link.message for link in links)
        sections[name] = await read_message(store, tenant, digests)
    return sections
