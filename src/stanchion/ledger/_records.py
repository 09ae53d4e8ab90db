"""What the ledger keeps: entries at places, payloads by content, and the projections beside them.

**Identity.** An entry belongs to a run and stands at a place: a lane (the scope's path) and an
ordinal in it. **Content.** Everything that comes from outside is a payload, kept once per tenant
under the SHA-256 of its canonical bytes; the entry holds digests, small runtime facts and a small
request itself, which nothing but the entry refers to.
**Order.** ``seq`` counts a run's entries from 1 without a gap; ``chain`` is the SHA-256 of the
previous entry's chain and this entry's own fields. **Durability.** A commit is one transaction:
entries, payloads, the run's projection and its settlement, or nothing of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias, TypeVar

from stanchion.values import Json, RunState

__all__ = [
    "Account",
    "Charge",
    "Commit",
    "Decide",
    "Document",
    "DocumentFilter",
    "Draft",
    "Durability",
    "Entry",
    "EntryPhase",
    "Found",
    "Inbox",
    "LateOutcome",
    "Message",
    "NewRun",
    "Payload",
    "Place",
    "RunChange",
    "RunFilter",
    "RunRecord",
    "Settlement",
    "Shared",
    "Wait",
    "share_of",
]

T = TypeVar("T")


class Durability(StrEnum):
    """What an acknowledged commit survives."""

    PROCESS = "process"
    """kill -9 of any process of ours; a power loss may take the newest commits, whole ones."""
    POWER_LOSS = "power-loss"
    """The machine going dark: the commit is on the disk, synced."""


class EntryPhase(StrEnum):
    """What an entry says about the step at its place."""

    OPEN = "open"
    """A composite step began; its children are in the lane below it."""
    WAIT = "wait"
    """The step waits for a message or a time."""
    INTENT = "intent"
    """A write is about to be sent, with this key and deadline."""
    UNKNOWN = "unknown"
    """A write was sent or may have been, and nothing is known of it."""
    DONE = "done"
    """The step's outcome: a result or an error."""
    NOTE = "note"
    """A fact about the run or the place, with no part in replay (resumed, cancelled, accepted)."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a step stands in its run. The root lane is the empty string.

    The lane below the composite step at (``lane``, n) is ``f"{lane}/{n}"``; branch i of the k-th
    fork of a lane is ``f"{lane}/f{k}.{i}"``.
    """

    lane: str
    ordinal: int


@dataclass(frozen=True, slots=True)
class Payload:
    """Bytes under their digest."""

    digest: bytes
    """SHA-256 (32 bytes) of ``data``."""
    data: bytes
    """Canonical JSON, uncompressed."""


@dataclass(frozen=True, slots=True)
class Draft:
    """An entry on its way into the ledger, without the fields that the store gives it."""

    place: Place
    phase: EntryPhase
    kind: str
    """``call``, ``step``, ``model``, ``decide``, ``extract``, ``agent``, ``ask``, ``receive``,
    ``sleep``, ``now``, ``random``, ``child``, ``race``, ``memory``, ``patch`` or ``run``."""
    name: str
    request: Payload | None = None
    result: Payload | None = None
    facts: Mapping[str, Json] = field(default_factory=dict[str, Json])
    """Small runtime facts: keys, deadlines, attempts, verdicts, usage. Never text from outside."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the ledger as read back."""

    run: str
    seq: int
    place: Place
    phase: EntryPhase
    kind: str
    name: str
    request: bytes | None
    """Digest of the request's payload."""
    result: bytes | None
    """Digest of the result's payload."""
    facts: Mapping[str, Any]
    epoch: int
    recorded_at: datetime
    chain: bytes
    cursor: tuple[int, int] = (0, 0)
    """Where readers that follow the ledger are after this entry; see ``Store.follow``."""
    request_data: bytes | None = None
    """The request itself if it's small, canonical JSON; a larger one is a payload."""


@dataclass(frozen=True, slots=True)
class Wait:
    """An open wait: what a run waits for at a place. A projection of the wait entry."""

    run: str
    place: Place
    kind: str
    """``question``, ``event``, ``timer``, ``child`` or ``version``."""
    topic: str
    """What an inbox message must be addressed to: a question's id, an event's name, a child's id;
    empty for a timer."""
    wake_at: datetime | None = None
    """When the run goes on even without a message."""
    body: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """For a question, its fields; a person's view reads them without replaying the run."""


@dataclass(frozen=True, slots=True)
class Message:
    """Something for a run from anybody who isn't its writer."""

    run: str
    topic: str
    key: str
    """Deduplication: a second message with the same run and key is refused."""
    payload: Payload
    kind: str = "event"
    """``answer``, ``event``, ``child``, ``cancel`` or ``resume``."""


@dataclass(frozen=True, slots=True)
class Inbox:
    """A message as the owner of the run reads it."""

    id: int
    topic: str
    kind: str
    payload: bytes
    """Canonical JSON."""
    sent_at: datetime


@dataclass(frozen=True, slots=True)
class LateOutcome:
    """What a fenced writer learnt after it lost its run. Read before anyone is asked."""

    run: str
    key: str
    """The effect's idempotency key."""
    epoch: int
    status: str
    """``done`` or ``not_performed``."""
    payload: Payload


@dataclass(frozen=True, slots=True)
class Shared:
    """A small state that runs share, such as what is left of a rate."""

    state: Json
    until: datetime
    """When it lapses: from then on it is as good as none."""


Decide: TypeAlias = Callable[[Mapping[str, Any], datetime], tuple[Mapping[str, Shared], T]]
"""A pure decision: of the states that haven't lapsed, by key, and the time, it makes those that
change, and an answer."""


@dataclass(frozen=True, slots=True)
class Account:
    """How a shared account stands in one quantity."""

    name: str
    quantity: str
    ceiling: int | None
    """As declared; None is no ceiling."""
    raised: int = 0
    """By how much an operator raised it since."""
    spent: int = 0
    held: int = 0
    """Reserved by commits that haven't settled it yet, at the most that it may become."""
    part_of: str = ""
    """The account that this is a worker's share of; empty if it is none."""

    @property
    def limit(self) -> int | None:
        """The ceiling that holds, None if there is none."""
        return None if self.ceiling is None else self.ceiling + self.raised

    def with_share(self, share: Account) -> Account:
        """Count a share in: what it spent is held by the whole until it is given back."""
        return replace(self, spent=self.spent + share.spent, held=self.held - share.spent)


def share_of(account: str, worker: str) -> str:
    """Return the name of a worker's share of an account."""
    return f"{account}@{worker}"


@dataclass(frozen=True, slots=True)
class Charge:
    """A change of one account in one quantity."""

    account: str
    quantity: str
    hold: int = 0
    """Reserve so much, which must find room under the ceiling; below zero, release it."""
    spend: int = 0
    """Add so much to what is spent. Never refused: it happened."""
    ceiling: int | None = None
    """What is declared as the ceiling from now on; None leaves it as it is."""
    raised: int = 0
    """Raise the ceiling by so much beyond what is declared."""


@dataclass(frozen=True, slots=True)
class Document:
    """What a payload is found by: a text's words, and where it belongs.

    The text itself isn't kept, only its words: read it from the payload.
    """

    scope: str
    """Whose it is, such as ``run:ID``; a query names the scopes that it looks in, whole."""
    key: str
    """What it is called in its scope; another under the same key replaces it."""
    text: str
    """Its first 16,000 characters count; split a longer text into several documents."""
    body: bytes
    """Digest of a payload that this commit or an earlier one of the tenant keeps."""
    topic: str = ""
    """What it is about: documents on one topic can be listed together."""
    kind: str = ""
    label: str = ""
    """Each label is searched by itself: what has one never hides what has another."""
    expires_at: datetime | None = None
    """From then on it isn't found any more."""


@dataclass(frozen=True, slots=True)
class DocumentFilter:
    """Which documents of a tenant to list; empty fields but for the tenant don't restrict."""

    tenant: str
    scopes: tuple[str, ...]
    """At least one."""
    topics: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    before: int = 0
    """Only those kept before this number, for paging newest first."""
    limit: int = 50


@dataclass(frozen=True, slots=True)
class Found:
    """A document as it is read back."""

    number: int
    """Counts documents as they are kept."""
    scope: str
    key: str
    topic: str
    kind: str
    label: str
    body: bytes
    kept_at: datetime
    expires_at: datetime | None
    score: float = 0.0
    """How well it answers the query, if there was one; comparable within one answer only."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """What a commit adds to the run's account."""

    steps: int = 0
    model_calls: int = 0
    tool_calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_nanos: int = 0
    """Billionths of a US dollar."""
    unpriced_calls: int = 0


@dataclass(frozen=True, slots=True)
class RunChange:
    """How a commit changes the run's projection; None leaves a field as it is."""

    state: RunState | None = None
    reason: str | None = None
    result: Payload | None = None
    error: Payload | None = None
    release: bool = False
    """Give the run back: nobody owns it until it is claimed again."""
    successor: str = ""
    """The run that goes on from here, among those that the commit starts: unread messages, and all
    that come later, are for it."""


@dataclass(frozen=True, slots=True)
class NewRun:
    """A run to create."""

    id: str
    workflow: str
    version: str
    input: Payload
    tenant: str = ""
    user: str = ""
    key: str = ""
    """Idempotent start key, unique per tenant and workflow; empty for none."""
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    initiator: Payload | None = None
    root: str = ""
    """The lineage that idempotency keys are minted from: a run that was handed over passes it on,
    a child or a fork has its own; empty makes it this run's id."""
    parent: str = ""
    """The run that started it: as a child, or from the body of a tool."""
    parent_place: Place | None = None
    """Where it waits for this child; None if it doesn't."""
    forked_from: str = ""
    forked_at: int = 0
    """The last entry copied from the run forked from."""
    predecessor: str = ""
    """The run that handed over to this one."""
    checkpoint: Payload | None = None
    """What it starts from, if another came before it."""


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run's projection."""

    id: str
    workflow: str
    version: str
    tenant: str
    user: str
    key: str
    tags: Mapping[str, str]
    state: RunState
    reason: str
    input: bytes
    """Digest of the input's payload."""
    initiator: bytes | None
    result: bytes | None
    error: bytes | None
    root: str
    parent: str
    parent_place: Place | None
    forked_from: str
    forked_at: int
    epoch: int
    worker: str
    """Who owns it; empty if nobody."""
    seq: int
    chain: bytes
    account: Settlement
    created_at: datetime
    updated_at: datetime
    predecessor: str = ""
    successor: str = ""
    checkpoint: bytes | None = None
    """Digest of what it started from, if another run handed over to it."""
    left_by: str = ""
    """As returned by a claim: who owned the run until then and didn't give it back."""


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which runs to list; empty fields don't restrict."""

    states: tuple[RunState, ...] = ()
    workflow: str = ""
    tenant: str | None = None
    user: str = ""
    key: str = ""
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    before: datetime | None = None
    """Only runs created before this, for paging newest first."""
    limit: int = 50


@dataclass(frozen=True, slots=True)
class Commit:
    """One transaction of a run's writer."""

    run: str
    epoch: int
    entries: tuple[Draft, ...] = ()
    payloads: tuple[Payload, ...] = ()
    """Further payloads that facts refer to, such as a prompt's messages."""
    opened: tuple[Wait, ...] = ()
    closed: tuple[Place, ...] = ()
    """Places whose wait is over."""
    taken: tuple[int, ...] = ()
    """Inbox messages that these entries consume."""
    sent: tuple[Message, ...] = ()
    """Messages to other runs (a child's result to its parent), in the same transaction."""
    started: tuple[NewRun, ...] = ()
    """Child runs to create, in the same transaction; one that exists already is left alone."""
    change: RunChange | None = None
    settlement: Settlement = Settlement()
    durability: Durability = Durability.PROCESS
    documents: tuple[Document, ...] = ()
    """What can be searched for from now on; see ``Store.find``."""
    withdrawn: tuple[tuple[str, str], ...] = ()
    """Documents, by scope and key, that aren't found any more; taken out before new ones go in."""
    charges: tuple[Charge, ...] = ()
    """Changes of accounts that runs share. If one finds no room, nothing is written: NoRoom."""
