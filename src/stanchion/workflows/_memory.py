"""Memory as steps: what was kept and what a question brought is part of the run's record.

A memory is written in the transaction of its step, so that there is never one without the other.
What a search returned is recorded and never searched again: memory changes, a replay doesn't.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from stanchion.errors import Refused
from stanchion.ledger import DocumentFilter, codec_for, payload
from stanchion.memory import (
    MOST,
    SCOPES,
    Kind,
    Memory,
    Question,
    Scope,
    Source,
    Vector,
    about,
    body_of,
    check_size,
    documents_of,
    find_memory,
    new_id,
    recall,
    shelf_of,
    shelves_for,
    vector_of,
    withdrawals,
)
from stanchion.values import Integrity, Json, Label
from stanchion.workflows._grounds import known_values
from stanchion.workflows._incarnation import Incarnation, StepScope
from stanchion.workflows._steps import initiator_of
from stanchion.workflows._workflow import Workflow

__all__ = ["Note", "RunMemory", "keep", "look_up"]

_log = logging.getLogger("stanchion.memory")

_memory = codec_for(Memory)
_memories = codec_for(list[Memory])
_flag = codec_for(bool)


@dataclass(frozen=True, slots=True)
class Note:
    """What is to be remembered."""

    subject: str
    text: str
    value: Json = None
    kind: Kind = "fact"
    scope: Scope = "run"
    integrity: Integrity = Integrity.UNTRUSTED
    readers: tuple[str, ...] | None = None
    lasts: float | None = None
    """Seconds; None is until it is forgotten."""
    by: Literal["code", "model"] = "code"


_note = codec_for(Note)


class RunMemory:
    """What a run remembers and recalls: ``run.memory``."""

    def __init__(self, incarnation: Incarnation, workflow: Workflow[Any, Any, Any]) -> None:
        self._incarnation = incarnation
        self._workflow = workflow

    async def remember(
        self,
        subject: str,
        text: str,
        *,
        value: Any = None,
        kind: Kind = "fact",
        scope: Scope = "run",
        trusted: bool = False,
        readers: Sequence[str] | None = None,
        lasts: timedelta | None = None,
    ) -> Memory:
        """Keep a statement about a subject; a newer one about it stands in its place.

        ``trusted`` says that this code vouches for it. A text or value that this run has from where
        nobody vouches for it isn't believed to be trusted, whatever the code says. ``readers``
        (ids of users or initiators) are all who may read it. Raises Refused for what is too large,
        for a scope that the run hasn't got, and when the scope is full.
        """
        integrity = Integrity.TRUSTED if trusted else Integrity.UNTRUSTED
        until = None if lasts is None else lasts.total_seconds()
        who = None if readers is None else tuple(readers)
        plain = None if value is None else json.loads(codec_for(type(value)).encode(value).data)
        note = Note(subject, text, plain, kind, scope, integrity, who, until)

        async def body(step: StepScope) -> Memory:
            return await keep(step, self._workflow, note)

        request = _note.encode(note, what="a memory")
        return await self._incarnation.perform("memory", "remember", request, _memory, body)

    async def recall(
        self,
        query: str,
        *,
        scopes: Sequence[Scope] = SCOPES,
        kinds: Sequence[Kind] = (),
        limit: int = 10,
    ) -> list[Memory]:
        """Return what answers a question in words, subject by subject, at most ``limit`` of them.

        About each subject the trusted memory that stands comes first, then older ones
        (``superseded_by``), then what nobody vouches for (not ``trusted``), which has a limit of
        its own. What may be read is what this run's user and initiator may read.
        """

        async def body(_: StepScope) -> list[Memory]:
            return await look_up(self._incarnation, query, scopes, kinds, limit)

        said = {"query": query, "scopes": [*scopes], "kinds": [*kinds], "limit": limit}
        request = payload(said, what="the question")
        return await self._incarnation.perform("memory", "recall", request, _memories, body)

    async def about(self, subject: str, *, scopes: Sequence[Scope] = SCOPES) -> list[Memory]:
        """Return what is known about exactly this subject, in the order of ``recall``."""
        incarnation = self._incarnation

        async def body(_: StepScope) -> list[Memory]:
            shelves = shelves_for(incarnation.record, _readers(incarnation), scopes)
            return await about(incarnation.host.store, incarnation.record.tenant, shelves, subject)

        request = payload({"subject": subject, "scopes": [*scopes]})
        return await incarnation.perform("memory", "about", request, _memories, body)

    async def forget(self, memory: Memory | str) -> bool:
        """Take a memory, or the one with an id, out of memory; False if it wasn't there.

        The record of the run that wrote it goes on saying what it said.
        """
        incarnation = self._incarnation
        wanted = memory if isinstance(memory, str) else memory.id

        async def body(step: StepScope) -> bool:
            record = incarnation.record
            shelves = [shelf.key for shelf in shelves_for(record, _readers(incarnation))]
            found = await find_memory(incarnation.host.store, record.tenant, shelves, wanted)
            if found is None:
                return False
            step.withdrawn = withdrawals(*found)
            return True

        request = payload({"memory": wanted})
        return await incarnation.perform("memory", "forget", request, _flag, body)


async def keep(step: StepScope, workflow: Workflow[Any, Any, Any], note: Note) -> Memory:
    """Make a memory and let the step's outcome carry it. Raises Refused."""
    incarnation = step.incarnation
    record, place = incarnation.record, step.place
    check_size(note.subject, note.text, note.value)
    shelf = shelf_of(record, note.scope)
    now = incarnation.host.clock.now()
    memory = Memory(
        new_id(record.id, place),
        note.scope,
        note.subject,
        note.text,
        Source(note.by, now, record.id, place.lane, place.ordinal),
        await _label(incarnation, workflow, note),
        note.kind,
        note.value,
        None if note.lasts is None else now + timedelta(seconds=note.lasts),
    )
    body = body_of(memory, await _vector(step, f"{note.subject}\n{note.text}"))
    documents = documents_of(memory, shelf, body.digest)
    for document in documents:
        where = DocumentFilter(record.tenant, (document.scope,), labels=(document.label,))
        if await incarnation.host.store.count_documents(where) >= MOST:
            raise _full(note)
    step.documents, step.payloads = documents, (body,)
    return memory


async def look_up(
    incarnation: Incarnation,
    query: str,
    scopes: Sequence[Scope],
    kinds: Sequence[Kind],
    limit: int,
) -> list[Memory]:
    """Return what answers a question, as it stands now."""
    record = incarnation.record
    shelves = shelves_for(record, _readers(incarnation), scopes)
    vector = await _embedded(incarnation, query)
    question = Question(query, shelves, tuple(kinds), limit, vector)
    return await recall(incarnation.host.store, record.tenant, question)


def _readers(incarnation: Incarnation) -> set[str]:
    return {incarnation.record.user, initiator_of(incarnation).id}


async def _label(incarnation: Incarnation, workflow: Workflow[Any, Any, Any], note: Note) -> Label:
    """Return the label that the code asks for, unless what it says is known not to be trusted."""
    integrity = note.integrity
    if integrity is Integrity.TRUSTED:
        known = await known_values(incarnation, workflow)
        if known.is_untrusted([note.text, note.value]):
            integrity = Integrity.UNTRUSTED
    return Label(integrity, None if note.readers is None else frozenset(note.readers))


async def _vector(step: StepScope, text: str) -> Vector | None:
    vector = await _embedded(step.incarnation, text)
    if vector is None and step.incarnation.host.embedder is not None:
        step.facts["vector"] = "none"
    return vector


async def _embedded(incarnation: Incarnation, text: str) -> Vector | None:
    """Return a text's vector; None without an embedder, or from one that fails: words do."""
    embedder = incarnation.host.embedder
    if embedder is None:
        return None
    try:
        (numbers,) = await embedder.embed([text])
        return vector_of(embedder.name, numbers)
    except Exception as error:  # noqa: BLE001 (somebody else's service, and nothing depends on it)
        _log.warning("the embedder %s failed: %s", embedder.name, error)
        return None


def _full(note: Note) -> Refused:
    return Refused(
        f"there are {MOST:,} {note.integrity} memories for this {note.scope} already",
        remedy="forget some, let them expire (lasts=...), or use a narrower scope",
        rule="memory full",
    )
