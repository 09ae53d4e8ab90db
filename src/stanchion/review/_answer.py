"""A person's answer, and whether it answers the question that was asked.

Pure: the question, the answer and the time in, the answer or a refusal out. A refusal says what to
do instead; nothing is recorded of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from stanchion.errors import EncodingError, StanchionError
from stanchion.ledger import canonical
from stanchion.review._question import ANSWER, RAISE
from stanchion.review._schema import misfits
from stanchion.review._who import EVERYBODY, Reviewers, may_not
from stanchion.values import Json, Question

__all__ = ["Answer", "ReviewRefused", "check_answer", "reply"]

MAX_VALUE_BYTES = 256 * 1024
MAX_COMMENT = 4000

_WITH_VALUE = {ANSWER, RAISE, "edit", "happened"}


class ReviewRefused(StanchionError):
    """An answer can't be taken: it isn't to this question, too late, or not well formed."""

    code = "review_refused"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person said to one question."""

    question: str
    """The question's id."""
    digest: str
    """The digest that the person was shown."""
    choice: str
    by: str
    """Who answers."""
    at: datetime
    value: Json = None
    """The edited arguments, the result of a call that happened, or the value asked for."""
    comment: str = ""


def reply(
    question: Question,
    choice: str,
    *,
    by: str,
    at: datetime,
    value: Json = None,
    comment: str = "",
) -> Answer:
    """Answer the question as it was shown."""
    return Answer(question.id, question.digest, choice, by, at, value, comment)


def check_answer(
    question: Question, answer: Answer, now: datetime, reviewers: Reviewers = EVERYBODY
) -> Answer:
    """Return the answer if it may be taken, else raise ReviewRefused."""
    _check_bound(question, answer)
    if question.expires_at is not None and now >= question.expires_at:
        raise _refused(
            question,
            f"question {question.id} expired at {question.expires_at:%Y-%m-%d %H:%M:%S %Z}",
            "the run goes on without an answer; see what it did with `stanchion runs show`",
        )
    if answer.choice not in question.choices:
        raise _refused(
            question,
            f"question {question.id} can't be answered like this",
            f"choose one of: {', '.join(question.choices)}",
        )
    if not answer.by.strip():
        raise _refused(question, "an answer needs somebody who gives it", "say who answers")
    if why := may_not(question, answer.by, reviewers, now):
        able = ", ".join(reviewers.able(question, now)) or "nobody that the app knows"
        raise _refused(
            question,
            f"{answer.by} may not answer question {question.id}: {why}",
            f"these may: {able}; the app's `reviewers` say who has which role",
        )
    if len(answer.comment) > MAX_COMMENT:
        raise _refused(
            question, "the comment is too long", f"keep it under {MAX_COMMENT} characters"
        )
    _check_value(question, answer)
    return answer


def _check_bound(question: Question, answer: Answer) -> None:
    if answer.question != question.id or answer.digest != question.digest:
        raise _refused(
            question,
            f"the answer isn't about what question {question.id} asks",
            "what is asked has changed since it was shown: look at it again, then answer",
        )


def _check_value(question: Question, answer: Answer) -> None:
    if answer.choice not in _WITH_VALUE or question.answer_schema is None:
        if answer.value is not None:
            raise _refused(
                question,
                f"{answer.choice} carries no value",
                "leave the value out" + ("; or choose edit" * ("edit" in question.choices)),
            )
        return
    try:
        canonical(answer.value, what="the answer's value", limit=MAX_VALUE_BYTES)
    except EncodingError as error:
        raise _refused(question, error.message, error.remedy) from error
    if findings := misfits(answer.value, question.answer_schema):
        raise _refused(
            question,
            f"the value doesn't fit: {'; '.join(findings)}",
            "give a value of the form that `stanchion review show` prints",
        )


def _refused(question: Question, problem: str, remedy: str) -> ReviewRefused:
    return ReviewRefused(problem, remedy=remedy, question=question.id)
