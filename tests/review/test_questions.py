"""Questions, and the digest that binds an answer to exactly what was asked."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from stanchion.errors import StoreCorrupt
from stanchion.ledger import Place, Wait
from stanchion.review import (
    Answer,
    Occasion,
    answer_from_body,
    answer_to_body,
    approval,
    ask,
    decision,
    question_from_body,
    question_to_body,
    questions_from_waits,
    reply,
    unknown_outcome,
)
from stanchion.trust import Origin
from stanchion.values import Money, Question, QuestionKind, ToolCall
from tests.tools.bank import ACCOUNT, NOW, hold, refund, transfer

OCCASION = Occasion("run-1", "[3]", asked_at=NOW, expires_at=NOW + timedelta(hours=1))
CALL = ToolCall(
    "refund",
    {"account_number": ACCOUNT, "amount": Money(Decimal("900.00")), "reason": "late"},
    origin="model",
    key="k1",
)
ORIGIN = Origin("input.body", 2, 7, "to 1234567890")


def an_approval(call: ToolCall = CALL, occasion: Occasion = OCCASION, **changed: Any) -> Question:
    given: dict[str, Any] = {"reasons": ["amount is over"], **changed}
    return approval(call, refund.contract, occasion, **given)


def test_an_approval_shows_the_exact_call_and_why_a_person_is_asked() -> None:
    question = an_approval(origins={"account_number": [ORIGIN]})
    assert question.kind is QuestionKind.APPROVAL
    assert question.prompt == (
        "May refund be called with exactly these arguments? It can't be undone."
    )
    assert question.reason == "amount is over"
    assert question.choices == ("approve", "deny", "edit")
    assert question.subject["tool"] == "refund"
    assert question.subject["contract"] == refund.contract.digest
    assert question.subject["arguments"] == {
        "account_number": ACCOUNT,
        "amount": {"amount": "900.00", "currency": "USD"},
        "reason": "late",
    }
    assert question.subject["proposed_by"] == "model"
    assert question.subject["origins"]["account_number"][0]["line"] == 2
    assert question.answer_schema == refund.contract.parameters


def test_what_can_be_undone_is_not_said_to_be_final() -> None:
    question = approval(ToolCall("hold", {"days": 3}), hold.contract, OCCASION, reasons=[])
    assert "undone" not in question.prompt


def test_the_same_question_has_the_same_digest_in_every_process() -> None:
    first, second = an_approval(), an_approval()
    assert first == second
    assert len(first.digest) == 64
    assert first.digest.startswith(first.id)


ANOTHER: dict[str, Question] = {
    "argument": an_approval(
        replace(CALL, arguments={**CALL.arguments, "amount": Money(Decimal("900.01"))})
    ),
    "tool": approval(
        ToolCall("transfer", {"account_number": ACCOUNT}), transfer.contract, OCCASION, reasons=[]
    ),
    "run": an_approval(occasion=replace(OCCASION, run="run-2")),
    "place": an_approval(occasion=replace(OCCASION, place="[4]")),
    "repetition": an_approval(occasion=replace(OCCASION, nth=1)),
    "reason": an_approval(reasons=["policy changed"]),
    "kind": unknown_outcome(CALL, refund.contract, OCCASION, reason="amount is over"),
}


@pytest.mark.promise("REVIEW-1")
@pytest.mark.parametrize("what", ANOTHER)
def test_another_question_has_another_digest(what: str) -> None:
    assert ANOTHER[what].digest != an_approval().digest


def test_a_decision_is_not_answered_by_an_input_of_the_same_words() -> None:
    asked = ask(OCCASION, prompt="Which?", schema={}, subject={"evidence": None})
    decided = decision(OCCASION, prompt="Which?", schema={})
    assert asked.digest != decided.digest


@pytest.mark.promise("REVIEW-1")
def test_a_contract_that_changed_makes_it_another_question() -> None:
    changed = replace(refund.contract, digest="0" * 64)
    question = approval(CALL, changed, OCCASION, reasons=["amount is over"])
    assert question.digest != an_approval().digest


def test_times_and_help_for_the_reader_bind_nothing() -> None:
    later = replace(OCCASION, asked_at=NOW + timedelta(days=1), expires_at=None)
    assert an_approval(occasion=later).digest == an_approval().digest
    assert an_approval(origins={"amount": [ORIGIN]}).digest == an_approval().digest


def test_an_unknown_outcome_is_asked_with_key_attempts_and_the_form_of_the_result() -> None:
    question = unknown_outcome(
        CALL, refund.contract, OCCASION, reason="nothing can tell", attempts=2, sent_at=NOW
    )
    assert question.kind is QuestionKind.UNKNOWN
    assert question.choices == ("happened", "did_not_happen", "stop")
    assert (question.subject["key"], question.subject["attempts"]) == ("k1", 2)
    assert question.subject["sent_at"] == NOW.isoformat()
    assert question.answer_schema == refund.contract.returns


def test_a_decision_offers_its_options_with_the_evidence() -> None:
    question = decision(
        OCCASION,
        prompt="What does the customer want?",
        options=["refund", "question"],
        evidence="my money back",
        alternatives=[("refund", 0.6), ("question", 0.4)],
        reason="0.60 is under 0.90",
    )
    assert question.choices == ("refund", "question")
    assert question.answer_schema is None
    assert question.subject["evidence"] == "my money back"
    assert question.subject["alternatives"][0] == ["refund", 0.6]


def test_a_decision_without_options_takes_a_value_of_the_schema() -> None:
    question = decision(OCCASION, prompt="How much?", schema={"type": "number"})
    assert (question.choices, question.answer_schema) == (("answer",), {"type": "number"})


def test_a_value_may_be_asked_for_as_text_by_schema_or_by_options() -> None:
    assert ask(OCCASION, prompt="Which account?").answer_schema == {
        "type": "string",
        "minLength": 1,
    }
    assert ask(OCCASION, prompt="How many?", schema={"type": "integer"}).choices == ("answer",)
    options = ask(OCCASION, prompt="Which?", options=("a", "b"))
    assert (options.choices, options.answer_schema) == (("a", "b"), None)


QUESTIONS = [
    an_approval(origins={"account_number": [ORIGIN]}),
    *ANOTHER.values(),
    decision(OCCASION, prompt="Which?", options=["a"], alternatives=[("a", 0.5)]),
    ask(Occasion("run-1", "[0]"), prompt="Which account?"),
]


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda q: q.kind)
def test_a_question_survives_being_stored(question: Question) -> None:
    stored = json.loads(json.dumps(question_to_body(question)))
    assert question_from_body(stored) == question


def test_an_answer_survives_being_stored() -> None:
    answer = reply(an_approval(), "edit", by="lena", at=NOW, value={"a": [1]}, comment="less")
    assert answer == Answer(
        an_approval().id, an_approval().digest, "edit", "lena", NOW, {"a": [1]}, "less"
    )
    assert answer_from_body(json.loads(json.dumps(answer_to_body(answer)))) == answer


@pytest.mark.parametrize("body", [{}, {"id": 1}, {**question_to_body(QUESTIONS[0]), "kind": "?"}])
def test_a_body_that_is_no_question_or_answer_is_corruption(body: dict[str, Any]) -> None:
    with pytest.raises(StoreCorrupt, match="question"):
        question_from_body(body)
    with pytest.raises(StoreCorrupt, match="answer"):
        answer_from_body(body)


def test_questions_are_found_among_all_waits() -> None:
    body = question_to_body(QUESTIONS[0])
    waits = [
        Wait("run-1", Place("", 0), "timer", ""),
        Wait("run-1", Place("", 1), "question", QUESTIONS[0].id, body=body),
    ]
    assert questions_from_waits(waits) == (QUESTIONS[0],)
