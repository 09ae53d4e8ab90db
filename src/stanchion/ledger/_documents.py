"""Documents: the words that payloads are found by, kept and asked for.

A document is put in with the commit that it belongs to, and found by words alone. Where to look is
part of every query and of the index: a shelf, which is a tenant, a scope and a label, is the first
word of each document on it. The database finds, per word of the query, the newest that have it;
from those with the rarest words the best are chosen here (``_words``), so that every store answers
alike and nothing that another tenant keeps has a say in the order.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Text,
    bindparam,
    delete,
    func,
    insert,
    literal_column,
    or_,
    select,
    text,
)
from sqlalchemy.sql.elements import CompilerElement

from stanchion.ledger._driver import Connection, Row
from stanchion.ledger._moments import micros, moment
from stanchion.ledger._records import Document, DocumentFilter, Found
from stanchion.ledger._statements import DialectName, dialect_of, members
from stanchion.ledger._tables import documents
from stanchion.ledger._words import query_words, relevance, words_of

__all__ = ["Documents", "shelf"]

POSTINGS = 500
"""Documents looked at for one word of a query, the newest that have it."""

CANDIDATES = 250
"""Documents that are compared for one answer."""

_COLUMNS = {"scope": "scopes", "topic": "topics", "kind": "kinds", "label": "labels", "key": "keys"}
"""Which field of a filter restricts which column."""

_LAST = 2**62
_FIRST: ColumnElement[int] = literal_column("0", BigInteger)
_KEPT = [column for column in documents.c if column.name not in {"tenant", "words"}]


class Documents:
    """The bodies of transactions and of queries."""

    def __init__(self, dialect: DialectName, clock: Callable[[], int]) -> None:
        self._dialect: DialectName = dialect
        self._sql = _statements(dialect)
        self._clock = clock

    def change(
        self,
        connection: Connection,
        tenant: str,
        withdrawn: Sequence[tuple[str, str]],
        documents: Sequence[Document],
    ) -> None:
        """Take documents out, and put others in, each in place of one with its key."""
        for scope, key in (*withdrawn, *((new.scope, new.key) for new in documents)):
            connection.later(self._sql.delete, {"tenant": tenant, "scope": scope, "key": key})
        now = self._clock()
        if any(new.expires_at is not None for new in documents):
            connection.later(self._sql.purge, {"now": now})
        for new in documents:
            connection.later(self._sql.insert, _row(tenant, new, now))

    def find(self, connection: Connection, where: DocumentFilter, query: str) -> Sequence[Found]:
        """Return the documents that answer a query best, of all labels given together."""
        where = replace(where, labels=where.labels or ("",))
        asked = query_words(query)
        if not (asked and where.scopes):
            return []
        given = self._given(where)
        matching = _matching(self._dialect, _restricted(where))
        having = {
            word: [row[0] for row in connection.rows(matching, {**given, "search": search})]
            for word, search in _searches(self._dialect, where, asked)
        }
        rows = self._chosen(connection, having)
        frequency = {word: len(numbers) for word, numbers in having.items()}
        texts = [row[-1].split()[1:] for row in rows]
        scores = relevance(asked, texts, frequency, self.count(connection, where))
        found = [replace(_found(row), score=score) for row, score in zip(rows, scores, strict=True)]
        found.sort(key=lambda each: (-each.score, -each.number))
        return found[: where.limit]

    def page(self, connection: Connection, where: DocumentFilter) -> Sequence[Found]:
        """Return documents, newest first."""
        given = {**self._given(where), "before": where.before or _LAST, "limit": where.limit}
        page = _page(self._dialect, _restricted(where))
        return [_found(row) for row in connection.rows(page, given)]

    def count(self, connection: Connection, where: DocumentFilter) -> int:
        """Return how many documents there are."""
        count = _count(self._dialect, _restricted(where))
        return int(connection.rows(count, self._given(where))[0][0])

    def _given(self, where: DocumentFilter) -> dict[str, Any]:
        chosen = {c: json.dumps(getattr(where, _COLUMNS[c])) for c in _restricted(where)}
        return {"tenant": where.tenant, "now": self._clock(), **chosen}

    def _chosen(self, connection: Connection, having: Mapping[str, Sequence[int]]) -> Sequence[Row]:
        """Read those that have the rarest words, as many as are compared."""
        numbers: dict[int, None] = {}
        for having_it in sorted(having.values(), key=len):
            numbers |= dict.fromkeys(having_it)
        chosen = list(numbers)[:CANDIDATES]
        return connection.rows(self._sql.chosen, {"numbers": json.dumps(chosen)}) if chosen else []


@dataclass(frozen=True, slots=True)
class _Statements:
    """The texts for one dialect."""

    insert: str
    delete: str
    purge: str
    chosen: str


@cache
def _statements(name: DialectName) -> _Statements:
    new = insert(documents).values(
        {c.name: bindparam(c.name, type_=c.type) for c in documents.c if c.name != "n"}
    )
    same = [documents.c[c] == bindparam(c) for c in ("tenant", "scope", "key")]
    purge = delete(documents).where(documents.c.expires_at <= bindparam("now"))
    numbers = documents.c.n.in_(members(name, "numbers", BigInteger()))
    chosen = select(*_KEPT, documents.c.words).where(numbers)
    built = (new, delete(documents).where(*same), purge, chosen)
    return _Statements(*(_compiled(name, statement) for statement in built))


@lru_cache(maxsize=64)
def _matching(name: DialectName, columns: tuple[str, ...]) -> str:
    """Return the statement for the newest that a search of the word index brings."""
    if name == "sqlite":
        hits = text(
            "SELECT rowid AS n FROM documents_words WHERE documents_words MATCH :search "
            "ORDER BY rowid DESC"
        )
    else:
        hits = text(
            "SELECT n FROM documents WHERE array_to_tsvector(string_to_array(words, ' ')) "
            "@@ CAST(:search AS tsquery) OFFSET 0"  # planned by itself, so the index is used
        )
    hit = hits.columns(documents.c.n).subquery("hit")
    found = select(documents.c.n).join(hit, hit.c.n == documents.c.n)
    newest = found.where(*_conditions(name, columns)).order_by(hit.c.n.desc())
    return _compiled(name, newest.limit(literal_column(str(POSTINGS))).offset(_FIRST))


@lru_cache(maxsize=64)
def _page(name: DialectName, columns: tuple[str, ...]) -> str:
    older = documents.c.n < bindparam("before", type_=BigInteger)
    page = select(*_KEPT).where(*_conditions(name, columns), older)
    newest = page.order_by(documents.c.n.desc())
    return _compiled(name, newest.limit(bindparam("limit", type_=BigInteger)).offset(_FIRST))


@lru_cache(maxsize=64)
def _count(name: DialectName, columns: tuple[str, ...]) -> str:
    counted = select(func.count()).select_from(documents)
    return _compiled(name, counted.where(*_conditions(name, columns)))


def _compiled(name: DialectName, statement: CompilerElement) -> str:
    return str(statement.compile(dialect=dialect_of(name)))


def _conditions(name: DialectName, columns: Sequence[str]) -> list[ColumnElement[bool]]:
    until = documents.c.expires_at
    lives = or_(until.is_(None), until > bindparam("now", type_=BigInteger))
    chosen = [documents.c[c].in_(members(name, c, Text())) for c in columns]
    return [documents.c.tenant == bindparam("tenant"), lives, *chosen]


def _restricted(where: DocumentFilter) -> tuple[str, ...]:
    """Return the columns that a filter restricts; the scope always: none looks everywhere."""
    return tuple(c for c, field in _COLUMNS.items() if c == "scope" or getattr(where, field))


def shelf(tenant: str, scope: str, label: str) -> str:
    """Return the first word of every document there; in a text it changes no answer."""
    return hashlib.sha256(json.dumps([tenant, scope, label]).encode()).hexdigest()[:24]


def _searches(
    name: DialectName, where: DocumentFilter, words: Sequence[str]
) -> Iterator[tuple[str, str]]:
    """Yield each word with what a database is asked for it: letters and digits between quotes."""
    quote, both, either = ('"', "AND", "OR") if name == "sqlite" else ("'", "&", "|")
    shelves = [shelf(where.tenant, s, label) for s in where.scopes for label in where.labels]
    there = f" {either} ".join(f"{quote}{shelf}{quote}" for shelf in shelves)
    for word in words:
        yield word, f"({there}) {both} {quote}{word}{quote}"


def _row(tenant: str, new: Document, now: int) -> dict[str, Any]:
    words = [shelf(tenant, new.scope, new.label), *words_of(new.text)]
    return {
        "tenant": tenant,
        "scope": new.scope,
        "key": new.key,
        "topic": new.topic,
        "kind": new.kind,
        "label": new.label,
        "body": new.body,
        "kept_at": now,
        "expires_at": None if new.expires_at is None else micros(new.expires_at),
        "words": " ".join(words),
    }


def _found(row: Row) -> Found:
    number, scope, key, topic, kind, label, body, kept_at, expires_at = row[:9]
    until = None if expires_at is None else moment(expires_at)
    return Found(number, scope, key, topic, kind, label, bytes(body), moment(kept_at), until)
