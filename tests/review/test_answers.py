"""Which answers are taken."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from stanchion.review import (
    Answer,
    Occasion,
    ReviewRefused,
    ask,
    check_answer,
    decision,
    reply,
    unknown_outcome,
)
from stanchion.values import Question
from tests.review.test_questions import CALL, OCCASION, an_approval
from tests.tools.bank import ACCOUNT, NOW, refund, send_letter

APPROVAL = an_approval()
UNKNOWN = unknown_outcome(CALL, refund.contract, OCCASION, reason="nothing can tell")
LETTER = unknown_outcome(
    replace(CALL, arguments={"text": "hi"}), send_letter.contract, OCCASION, reason="?"
)
DECISION = decision(OCCASION, prompt="Which?", options=["refund", "question"])
INPUT = ask(OCCASION, prompt="Which account?")

EDITED = {"account_number": ACCOUNT, "amount": {"amount": "10.00"}}
RECEIPT = {"id": "r1", "amount": {"amount": "900.00", "currency": "USD"}}


def said(question: Question, choice: str, value: Any = None) -> Answer:
    return reply(question, choice, by="lena", at=NOW, value=value)


@pytest.mark.parametrize(
    "answer",
    [
        (APPROVAL, said(APPROVAL, "approve")),
        (APPROVAL, said(APPROVAL, "deny")),
        (APPROVAL, said(APPROVAL, "edit", EDITED)),
        (UNKNOWN, said(UNKNOWN, "happened", RECEIPT)),
        (UNKNOWN, said(UNKNOWN, "did_not_happen")),
        (UNKNOWN, said(UNKNOWN, "stop")),
        (LETTER, said(LETTER, "happened")),
        (DECISION, said(DECISION, "question")),
        (INPUT, said(INPUT, "answer", ACCOUNT)),
    ],
    ids=lambda pair: pair[1].choice,
)
def test_an_answer_to_what_was_asked_is_taken(answer: tuple[Question, Answer]) -> None:
    assert check_answer(*answer, NOW) is answer[1]


REFUSED: list[tuple[Question, Answer, str, str]] = [
    (
        APPROVAL,
        replace(said(APPROVAL, "approve"), digest="0" * 64),
        "isn't about",
        "look at it again",
    ),
    (APPROVAL, said(INPUT, "approve"), "isn't about", "look at it again"),
    (APPROVAL, said(APPROVAL, "yes"), "can't be answered", "approve, deny, edit"),
    (APPROVAL, said(APPROVAL, "happened", RECEIPT), "can't be answered", "approve, deny, edit"),
    (APPROVAL, replace(said(APPROVAL, "approve"), by=" "), "needs somebody", "who"),
    (APPROVAL, replace(said(APPROVAL, "deny"), comment="x" * 5000), "too long", "4000"),
    (APPROVAL, said(APPROVAL, "approve", EDITED), "carries no value", "choose edit"),
    (APPROVAL, said(APPROVAL, "edit"), "the value must be of type object", "review show"),
    (APPROVAL, said(APPROVAL, "edit", {}), "account_number is missing", "review show"),
    (
        APPROVAL,
        said(APPROVAL, "edit", {**EDITED, "account_number": "1"}),
        "account_number must match",
        "review show",
    ),
    (APPROVAL, said(APPROVAL, "edit", {**EDITED, "x": 1}), "isn't declared", "review show"),
    (APPROVAL, said(APPROVAL, "edit", "x" * 300_000), "bytes", "only what is needed"),
    (APPROVAL, said(APPROVAL, "edit", float("nan")), "can't be stored", "JSON"),
    (UNKNOWN, said(UNKNOWN, "happened"), "must be of type object", "review show"),
    (LETTER, said(LETTER, "happened", "yes"), "must be of type null", "review show"),
    (DECISION, said(DECISION, "other"), "can't be answered", "refund, question"),
    (DECISION, said(DECISION, "refund", 1), "carries no value", "leave the value out"),
    (INPUT, said(INPUT, "answer", ""), "at least 1 characters", "review show"),
    (INPUT, said(INPUT, "answer", 5), "must be of type string", "review show"),
]


@pytest.mark.promise("REVIEW-1")
@pytest.mark.parametrize(("question", "answer", "problem", "remedy"), REFUSED)
def test_any_other_answer_is_refused_with_a_way_on(
    question: Question, answer: Answer, problem: str, remedy: str
) -> None:
    with pytest.raises(ReviewRefused, match=problem) as refusal:
        check_answer(question, answer, NOW)
    assert remedy in refusal.value.remedy


@pytest.mark.promise("REVIEW-1")
def test_a_question_is_open_until_its_last_moment() -> None:
    assert APPROVAL.expires_at is not None
    answer = said(APPROVAL, "approve")
    assert check_answer(APPROVAL, answer, APPROVAL.expires_at - timedelta(microseconds=1))
    with pytest.raises(ReviewRefused, match="expired at 2026-03-01 13:00:00 UTC"):
        check_answer(APPROVAL, answer, APPROVAL.expires_at)


def test_a_question_without_expiry_stays_open() -> None:
    question = ask(Occasion("run-1", "[0]"), prompt="Which account?")
    assert check_answer(question, said(question, "answer", "x"), NOW + timedelta(days=999))


def test_a_refused_value_is_not_repeated_in_the_message() -> None:
    with pytest.raises(ReviewRefused) as refusal:
        check_answer(APPROVAL, said(APPROVAL, "edit", {"IGNORE": "RULES"}), NOW)
    assert "IGNORE" not in str(refusal.value)
