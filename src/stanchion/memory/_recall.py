"""Answering a question from memory: found by words, and by meaning where there is an embedder.

What is trusted and what isn't are searched apart, each up to the limit, so that no flood of the one
crowds out the other. Reads the store; writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from stanchion.ledger import DocumentFilter, Found, Payload, Store, codec_for
from stanchion.memory._memory import Kind, Memory, subject_key
from stanchion.memory._shelves import Shelf
from stanchion.memory._standing import arrange, stand
from stanchion.memory._vectors import Vector, fused, nearness
from stanchion.values import Integrity

__all__ = ["Question", "about", "body_of", "find_memory", "newest", "recall"]

HISTORY = 5
"""Of each subject and integrity, the newest that are read."""

COMPARED = 1000
"""Of each integrity, the newest whose vectors are compared with the question's."""

LEAST_NEAR = 0.3
"""Below this a vector says nothing about a question."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is looked for, and where."""

    text: str
    shelves: Sequence[Shelf]
    kinds: tuple[Kind, ...] = ()
    limit: int = 10
    """Of each integrity."""
    vector: Vector | None = None


@dataclass(frozen=True, slots=True)
class _Body:
    """What a memory's document refers to."""

    memory: Memory
    vector: Vector | None = None


_body = codec_for(_Body)


def body_of(memory: Memory, vector: Vector | None = None) -> Payload:
    """Return the payload that keeps a memory."""
    return _body.encode(_Body(memory, vector), what="a memory")


async def recall(store: Store, tenant: str, question: Question) -> list[Memory]:
    """Return the memories that answer a question, and what else is known about their subjects."""
    ranked: list[Memory] = []
    for integrity in (Integrity.TRUSTED, Integrity.UNTRUSTED):
        where = DocumentFilter(
            tenant,
            tuple(shelf.key for shelf in question.shelves),
            kinds=question.kinds,
            labels=(str(integrity),),
            limit=question.limit,
        )
        ranked += await _ranked(store, where, question)
    subjects = {(memory.scope, subject_key(memory.subject)) for memory in ranked}
    others = [await _about(store, tenant, question.shelves, *s) for s in sorted(subjects)]
    return arrange(ranked, (memory for each in others for memory in each))


async def about(store: Store, tenant: str, shelves: Sequence[Shelf], subject: str) -> list[Memory]:
    """Return what is known about a subject, by scope: what stands, older ones, untrusted ones."""
    known: list[Memory] = []
    for scope in dict.fromkeys(shelf.scope for shelf in shelves):
        known += stand(await _about(store, tenant, shelves, scope, subject_key(subject)))
    return known


async def newest(store: Store, tenant: str, shelf: Shelf, limit: int) -> list[Memory]:
    """Return the newest memories of a shelf that stand, trusted ones first."""
    found: list[Memory] = []
    for integrity in (Integrity.TRUSTED, Integrity.UNTRUSTED):
        where = DocumentFilter(tenant, (shelf.key,), labels=(str(integrity),), limit=limit)
        memories = [b.memory for b in await _read(store, tenant, await store.documents(where))]
        found += arrange(memories, ())
    return [memory for memory in found if not memory.superseded_by][:limit]


async def find_memory(
    store: Store,
    tenant: str,
    shelves: Iterable[str],
    id: str,  # noqa: A002 (its field's name)
) -> tuple[Memory, str] | None:
    """Return a memory and where it was found, None if it isn't there."""
    found = await store.documents(DocumentFilter(tenant, tuple(shelves), keys=(id,), limit=1))
    bodies = await _read(store, tenant, found)
    return (bodies[0].memory, found[0].scope) if bodies else None


async def _ranked(store: Store, where: DocumentFilter, question: Question) -> list[Memory]:
    by_words = await store.find(where, question.text)
    bodies = {b.memory.id: b for b in await _read(store, where.tenant, by_words)}
    ranking = list(bodies)
    if question.vector is not None:
        newest = await store.documents(replace(where, limit=COMPARED))
        compared = {b.memory.id: b for b in await _read(store, where.tenant, newest)}
        bodies |= compared
        ranking = fused(ranking, _nearest(question.vector, compared.values()))
    return [bodies[known].memory for known in ranking[: question.limit]]


def _nearest(question: Vector, bodies: Iterable[_Body]) -> list[str]:
    near = [(nearness(question, b.vector), b.memory.id) for b in bodies if b.vector is not None]
    near.sort(key=lambda each: -each[0])
    return [known for nearness_, known in near if nearness_ >= LEAST_NEAR]


async def _about(
    store: Store, tenant: str, shelves: Sequence[Shelf], scope: str, subject: str
) -> list[Memory]:
    keys = tuple(shelf.key for shelf in shelves if shelf.scope == scope)
    found: list[Found] = []
    for integrity in (Integrity.TRUSTED, Integrity.UNTRUSTED):
        where = DocumentFilter(tenant, keys, (subject,), labels=(str(integrity),), limit=HISTORY)
        found += await store.documents(where)
    return [body.memory for body in await _read(store, tenant, found)]


async def _read(store: Store, tenant: str, found: Sequence[Found]) -> list[_Body]:
    """Read memories in the order in which they were found, each once."""
    bodies = list(dict.fromkeys(each.body for each in found))
    kept = await store.payloads(tenant, bodies)
    return [_body.decode(kept[body], what="a memory") for body in bodies if body in kept]
