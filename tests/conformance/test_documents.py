"""What every store does about documents: kept with their commit, found by words, by tenant."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stanchion.ledger import (
    Document,
    DocumentFilter,
    Fenced,
    Found,
    RunRecord,
    Store,
    open_store,
    payload,
)
from stanchion.ledger._documents import shelf
from tests.conformance.ledgers import Hands, a_run, commit, owned, step

RUN = DocumentFilter("", ("run:1",), labels=("trusted",))


def about(text: str, key: str = "", **fields: Any) -> Document:
    """Return a document whose payload is the text itself."""
    known = Document("run:1", key or text, text, payload(text).digest, label="trusted")
    return replace(known, **fields)


BODY = (payload("x"),)


def titled(*texts: str) -> tuple[Document, ...]:
    """Return documents called by their numbers."""
    return tuple(
        Document("run:1", str(i), text, BODY[0].digest, label="trusted")
        for i, text in enumerate(texts)
    )


async def keep(store: Store, run: RunRecord, *documents: Document, **fields: Any) -> None:
    texts = tuple(payload(document.text) for document in documents)
    await store.append(commit(run, step(0), payloads=texts, documents=documents, **fields))


async def found(store: Store, query: str, where: DocumentFilter = RUN) -> list[str]:
    return [document.key for document in await store.find(where, query)]


async def test_a_document_is_found_by_its_words_and_names_its_payload(store: Store) -> None:
    run = await owned(store)
    await keep(store, run, about("The refund of order ORD-7731 was sent"), about("The weather"))

    (best, *_) = await store.find(RUN, "what became of ord-7731?")

    assert (best.scope, best.label, best.topic, best.kind) == ("run:1", "trusted", "", "")
    assert best.body == payload("The refund of order ORD-7731 was sent").digest
    assert best.score > 0
    assert await store.payloads("", [best.body])


async def test_rare_words_count_more_than_common_ones(store: Store) -> None:
    run = await owned(store)
    await keep(store, run, *(about(f"order number {i} of the customer") for i in range(30)))
    await keep(store, run, about("order ZX9 of the customer", "rare"))
    await keep(store, run, *(about(f"order number {i} of the customer") for i in range(30, 60)))

    assert (await found(store, "the order of the customer ZX9"))[0] == "rare"


async def test_a_rare_word_is_found_among_thousands_of_newer_documents(store: Store) -> None:
    run = await owned(store)
    await keep(store, run, about("order with code KQ-81-Z", "planted"))
    await keep(store, run, *(about(f"order {i} with a code") for i in range(2000)))

    assert (await found(store, "which order has the code KQ-81-Z"))[0] == "planted"


async def test_of_equal_documents_the_newest_comes_first(store: Store) -> None:
    run = await owned(store)
    await keep(store, run, about("equal words", "old"))
    await keep(store, run, about("equal words", "new"))

    assert await found(store, "words") == ["new", "old"]


@pytest.mark.parametrize(
    ("kept", "asked"),
    [
        ("Straße nach Köln", "STRASSE KOLN"),
        ("café", "cafe\u0301"),
        ("\ufb01ne print", "fine"),
        ("mail ann@example.com today", "ann@example.com"),
        ("path /srv/data-4711.csv", "4711"),
        ("東京都の天気", "天気"),
        ("서울 날씨", "날씨"),
        ("value -17.5e3", "17"),
    ],
)
async def test_words_are_folded_the_same_way_everywhere(
    store: Store, kept: str, asked: str
) -> None:
    run = await owned(store)
    await keep(store, run, about(kept), about("something else"))

    assert await found(store, asked) == [kept]


HOSTILE = [
    "",
    '"',
    "' OR 1=1 --",
    '") OR (words MATCH "secret',
    "secret* NEAR(secret secret)",
    "words:secret",
    "rowid:1",
    "-secret",
    "secret NOT plain",
    "a & !b | (c <-> d):*",
    "'; DROP TABLE documents; --",
    "%s %(tenant)s :tenant $1 ?1",
    "\x00\ud800",
    "\u202esecret",
    "AND OR NOT NEAR",
    "x" * 5000,
    "word " * 5000,
]


@pytest.mark.promise("LEDGER-8")
@pytest.mark.parametrize("query", HOSTILE)
async def test_no_query_has_a_syntax(store: Store, query: str) -> None:
    run = await owned(store)
    await keep(store, run, about("plain words"))
    await keep(store, run, about("the secret", scope="run:2"))

    assert await found(store, query) in ([], ["plain words"])
    assert await found(store, "plain") == ["plain words"]


async def test_hostile_text_is_kept_as_words(store: Store) -> None:
    run = await owned(store)
    texts = [
        "nul \x00 byte",
        "lone \ud800 surrogate",
        '"); DROP TABLE documents; --',
        "z" * 100_000,
    ]
    await store.append(commit(run, step(0), payloads=BODY, documents=titled(*texts)))

    assert await found(store, "byte") == ["0"]
    assert await found(store, "surrogate") == ["1"]
    assert await found(store, "drop table") == ["2"]
    assert await found(store, "z" * 100) == ["3"]


@given(st.text(), st.text())
def test_any_text_can_be_kept_and_any_asked_for(text: str, query: str) -> None:
    async def check() -> None:
        store = open_store("sqlite://:memory:")
        run = await owned(store)
        await store.append(commit(run, step(0), payloads=BODY, documents=titled(text)))
        assert await found(store, query) in ([], ["0"])
        if any(character.isascii() and character.isalnum() for character in text):
            assert await found(store, text) == ["0"]
        await store.close()

    asyncio.run(check())


@pytest.mark.promise("LEDGER-8")
async def test_no_query_looks_into_another_tenant_or_scope(store: Store) -> None:
    ours = await owned(store, a_run(tenant="ours"))
    theirs = await owned(store, a_run("run-2", tenant="theirs"))
    await keep(store, ours, about("the secret", "ours"))
    await keep(store, ours, about("the secret", "elsewhere", scope="run:2"))
    await keep(store, theirs, about("the secret", "theirs"))

    where = replace(RUN, tenant="ours")
    assert await found(store, "secret", where) == ["ours"]
    assert [d.key for d in await store.documents(where)] == ["ours"]
    assert await store.count_documents(where) == 1
    assert await store.documents(replace(where, scopes=())) == []
    assert await store.find(replace(where, scopes=()), "secret") == []
    assert await store.documents(replace(where, scopes=("", "%", "run"))) == []


@pytest.mark.promise("LEDGER-8")
async def test_what_another_tenant_keeps_has_no_say_in_the_order(store: Store) -> None:
    ours = await owned(store, a_run(tenant="ours"))
    theirs = await owned(store, a_run("run-2", tenant="theirs"))
    await keep(store, ours, about("red", "1"), about("blue", "2"), about("blue sea", "3"))
    where = replace(RUN, tenant="ours")
    before = await store.find(where, "red blue")

    await keep(store, theirs, *(about("red", str(i)) for i in range(100)))

    assert await store.find(where, "red blue") == before


@pytest.mark.promise("LEDGER-8")
async def test_a_text_with_the_word_that_stands_for_a_shelf_is_found_on_its_own_only(
    store: Store,
) -> None:
    run = await owned(store)
    await keep(store, run, about(f"{shelf('', 'run:1', 'trusted')} word", "other", label="other"))

    assert await found(store, "word") == []
    assert await found(store, "word", replace(RUN, labels=("other",))) == ["other"]


@pytest.mark.promise("LEDGER-8")
async def test_one_label_never_hides_another(store: Store) -> None:
    run = await owned(store)
    await keep(store, run, about("the account is DE02", "true"))
    flood = [about("the account is " * 9, f"false-{i}", label="untrusted") for i in range(1000)]
    await keep(store, run, *flood)

    assert await found(store, "account") == ["true"]
    untrusted = await store.find(replace(RUN, labels=("untrusted",), limit=3), "account")
    assert len(untrusted) == 3


async def test_a_document_replaces_the_one_under_its_key(store: Store) -> None:
    run = await owned(store)
    await keep(store, run, about("first words", "same"))
    await keep(store, run, about("second words", "same"))

    assert await found(store, "first") == []
    assert await found(store, "second words") == ["same"]
    assert await store.count_documents(RUN) == 1


async def test_a_document_that_was_withdrawn_is_found_no_more(store: Store) -> None:
    run = await owned(store)
    await keep(store, run, about("some words", "one"), about("some words", "two"))

    await store.append(commit(run, step(1), withdrawn=(("run:1", "one"), ("run:1", "unknown"))))

    assert await found(store, "words") == ["two"]
    assert [d.key for d in await store.documents(RUN)] == ["two"]


async def test_a_document_is_found_until_it_expires(timed_store: Store, clock: Hands) -> None:
    run = await owned(timed_store)
    hour = clock() + timedelta(hours=1)
    await keep(timed_store, run, about("short lived", expires_at=hour), about("long lived"))
    assert (await timed_store.documents(RUN))[1].expires_at == hour

    clock.move(timedelta(hours=1))

    assert await found(timed_store, "lived") == ["long lived"]
    assert [d.key for d in await timed_store.documents(RUN)] == ["long lived"]
    await keep(timed_store, run, about("another", expires_at=clock() + timedelta(hours=1)))
    assert (await timed_store.stats())["documents"] == 2


async def test_documents_are_listed_newest_first_and_page_by_page(store: Store) -> None:
    run = await owned(store)
    for i in range(5):
        await keep(store, run, about(f"text {i}", topic="even" if i % 2 == 0 else "odd", kind="k"))

    async def page(**fields: Any) -> list[Found]:
        return [*await store.documents(replace(RUN, **fields))]

    first = await page(limit=2)
    assert [d.key for d in first] == ["text 4", "text 3"]
    assert [d.key for d in await page(before=first[-1].number)] == ["text 2", "text 1", "text 0"]
    assert [d.key for d in await page(topics=("odd",))] == ["text 3", "text 1"]
    assert [d.key for d in await page(keys=("text 1", "text 2"))] == ["text 2", "text 1"]
    assert await page(kinds=("other",)) == []
    assert await store.count_documents(replace(RUN, topics=("even",), limit=1)) == 3


async def test_a_document_comes_with_its_commit_or_not_at_all(store: Store) -> None:
    run = await owned(store)
    await store.claim(run.id, "ann")

    with pytest.raises(Fenced):
        await keep(store, run, about("never kept"))

    assert await found(store, "never") == []
