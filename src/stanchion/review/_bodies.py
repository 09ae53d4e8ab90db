"""Questions and answers as JSON: what a wait, an entry and a message carry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from stanchion.errors import StoreCorrupt
from stanchion.ledger import Wait
from stanchion.review._answer import Answer
from stanchion.values import ANYBODY, Json, Question, QuestionKind, Who

__all__ = [
    "answer_from_body",
    "answer_to_body",
    "question_from_body",
    "question_to_body",
    "questions_from_waits",
]


def question_to_body(question: Question) -> dict[str, Json]:
    """Write a question as JSON."""
    return {
        "id": question.id,
        "run": question.run,
        "kind": question.kind.value,
        "prompt": question.prompt,
        "digest": question.digest,
        "subject": question.subject,
        "reason": question.reason,
        "choices": list(question.choices),
        "answer_schema": question.answer_schema,
        "asked_at": _written(question.asked_at),
        "expires_at": _written(question.expires_at),
        **({} if question.who == ANYBODY else {"who": asdict(question.who)}),
    }


def question_from_body(body: Mapping[str, Any]) -> Question:
    """Read a question; raise StoreCorrupt if it isn't one."""
    try:
        return Question(
            id=body["id"],
            run=body["run"],
            kind=QuestionKind(body["kind"]),
            prompt=body["prompt"],
            digest=body["digest"],
            subject=body["subject"],
            reason=body["reason"],
            choices=tuple(body["choices"]),
            answer_schema=body["answer_schema"],
            asked_at=_read(body["asked_at"]),
            expires_at=_read(body["expires_at"]),
            who=_who(body.get("who")),
        )
    except (KeyError, ValueError, TypeError) as error:
        raise _corrupt("question") from error


def questions_from_waits(waits: Iterable[Wait]) -> tuple[Question, ...]:
    """Read the questions among open waits, in order."""
    return tuple(question_from_body(wait.body) for wait in waits if wait.kind == "question")


def answer_to_body(answer: Answer) -> dict[str, Json]:
    """Write an answer as JSON."""
    return {
        "question": answer.question,
        "digest": answer.digest,
        "choice": answer.choice,
        "value": answer.value,
        "by": answer.by,
        "comment": answer.comment,
        "at": answer.at.isoformat(),
    }


def answer_from_body(body: Mapping[str, Any]) -> Answer:
    """Read an answer; raise StoreCorrupt if it isn't one."""
    try:
        return Answer(
            question=body["question"],
            digest=body["digest"],
            choice=body["choice"],
            by=body["by"],
            at=datetime.fromisoformat(body["at"]),
            value=body["value"],
            comment=body["comment"],
        )
    except (KeyError, ValueError, TypeError) as error:
        raise _corrupt("answer") from error


def _who(body: Mapping[str, Any] | None) -> Who:
    if body is None:
        return ANYBODY
    return Who(
        tuple(body["roles"]),
        tuple(body["not_by"]),
        tuple((after, tuple(roles)) for after, roles in body["escalates"]),
        tuple(body["reminds"]),
    )


def _written(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _read(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _corrupt(what: str) -> StoreCorrupt:
    return StoreCorrupt(
        f"a recorded {what} can't be read",
        remedy="check the ledger with `stanchion ledger verify`",
    )
