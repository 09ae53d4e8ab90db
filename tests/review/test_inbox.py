"""Open questions, and answers on their way to their runs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from stanchion.ledger import Inbox, Message, Place, Wait
from stanchion.review import (
    Answer,
    ReviewInbox,
    ReviewRefused,
    answer_from_body,
    ask,
    question_to_body,
    reply,
)
from stanchion.values import Question
from tests.review.test_questions import OCCASION, an_approval
from tests.tools.bank import NOW

APPROVAL = an_approval()
ACCOUNT_WANTED = ask(replace(OCCASION, run="run-2"), prompt="Which account?")


class FakeStore:
    """The part of a store that review needs, in memory."""

    def __init__(self, *questions: Question) -> None:
        self.open = [
            Wait(q.run, Place("", n), "question", q.id, body=question_to_body(q))
            for n, q in enumerate(questions)
        ]
        self.open.append(Wait("run-1", Place("", 99), "timer", ""))
        self.messages: dict[tuple[str, str], Message] = {}

    async def waits(
        self, *, run: str | None = None, kind: str | None = None, topic: str | None = None
    ) -> Sequence[Wait]:
        wanted = {"run": run, "kind": kind, "topic": topic}
        given = {name: value for name, value in wanted.items() if value is not None}
        return [w for w in self.open if all(getattr(w, n) == v for n, v in given.items())]

    async def inbox(self, run: str) -> Sequence[Inbox]:
        return [
            Inbox(n, m.topic, m.kind, m.payload.data, NOW)
            for n, m in enumerate(self.messages.values())
            if m.run == run
        ]

    async def send(self, message: Message) -> bool:
        key = (message.run, message.key)
        return self.messages.setdefault(key, message) is message


def opened(*questions: Question) -> tuple[ReviewInbox, FakeStore]:
    store = FakeStore(*questions)
    return ReviewInbox(store, clock=lambda: NOW), store


def approved(question: Question = APPROVAL, by: str = "lena") -> Answer:
    return reply(question, "approve", by=by, at=NOW)


async def test_open_questions_are_listed_oldest_first_for_all_runs_or_one() -> None:
    inbox, _ = opened(APPROVAL, ACCOUNT_WANTED)
    assert await inbox.pending() == (APPROVAL, ACCOUNT_WANTED)
    assert await inbox.pending(run="run-2") == (ACCOUNT_WANTED,)


async def test_a_question_is_found_by_a_beginning_of_its_id() -> None:
    inbox, _ = opened(APPROVAL, ACCOUNT_WANTED)
    assert await inbox.get(APPROVAL.id) == APPROVAL
    assert await inbox.get(APPROVAL.id[:8]) == APPROVAL


async def test_a_beginning_that_several_share_is_refused_with_the_ids() -> None:
    twin = replace(APPROVAL, id=f"{APPROVAL.id}0")
    inbox, _ = opened(APPROVAL, twin)
    with pytest.raises(ReviewRefused, match="2 open questions begin") as refusal:
        await inbox.get(APPROVAL.id[:4])
    assert twin.id in refusal.value.remedy
    assert await inbox.get(APPROVAL.id) == APPROVAL


async def test_a_question_that_is_not_open_is_not_found() -> None:
    inbox, _ = opened()
    with pytest.raises(ReviewRefused, match="no open question"):
        await inbox.get(APPROVAL.id)


async def test_an_answer_goes_to_the_run_addressed_to_its_question() -> None:
    inbox, store = opened(APPROVAL)
    assert await inbox.answer(approved()) == APPROVAL
    (message,) = store.messages.values()
    assert (message.run, message.topic, message.kind) == ("run-1", APPROVAL.id, "answer")
    assert message.key == f"answer:{APPROVAL.id}"
    assert answer_from_body(json.loads(message.payload.data)) == approved()


async def test_an_answered_question_is_not_pending_any_more() -> None:
    inbox, _ = opened(APPROVAL, ACCOUNT_WANTED)
    await inbox.answer(approved())
    assert await inbox.pending() == (ACCOUNT_WANTED,)


@pytest.mark.promise("REVIEW-1")
async def test_a_question_whose_answer_is_taken_between_two_looks_is_not_pending() -> None:
    class Taken(FakeStore):
        async def inbox(self, run: str) -> Sequence[Inbox]:
            self.open.clear()  # the run takes the answer, and its wait is over
            return []

    assert await ReviewInbox(Taken(APPROVAL)).pending() == ()


async def test_a_second_answer_is_refused_and_the_first_counts() -> None:
    inbox, store = opened(APPROVAL)
    await inbox.answer(approved())
    with pytest.raises(ReviewRefused, match="already answered"):
        await inbox.answer(approved(by="mallory"))
    (message,) = store.messages.values()
    assert answer_from_body(json.loads(message.payload.data)).by == "lena"


async def test_an_answer_that_can_not_be_taken_is_not_sent() -> None:
    inbox, store = opened(APPROVAL)
    for answer in (
        replace(approved(), digest="0" * 64),
        replace(approved(), choice="yes"),
        replace(approved(), question=APPROVAL.id[:8]),
    ):
        with pytest.raises(ReviewRefused):
            await inbox.answer(answer)
    assert store.messages == {}


@pytest.mark.promise("REVIEW-1")
async def test_an_answer_that_comes_too_late_is_not_sent() -> None:
    store = FakeStore(APPROVAL)
    inbox = ReviewInbox(store, clock=lambda: NOW + timedelta(hours=2))
    with pytest.raises(ReviewRefused, match="expired"):
        await inbox.answer(approved())
    assert store.messages == {}
