"""A question in words: what each answer does, what the deadline does, which command answers it.

Pure. The words state what the runtime does, in the same terms for every reader of a question.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from stanchion.cli._text import moment, one_line
from stanchion.review import AGAIN, ANSWER, DECLINE, DENY, RAISE, roles_now
from stanchion.values import Question, QuestionKind

__all__ = [
    "command_for",
    "commands_for",
    "consequence_of",
    "deadline_of",
    "form_of",
    "short_id",
    "who_of",
]

_SHORT = 8

_CONSEQUENCES = {
    (QuestionKind.APPROVAL, "approve"): "exactly this call is made, once",
    (QuestionKind.APPROVAL, "deny"): "it isn't made; the workflow is told so",
    (QuestionKind.APPROVAL, "edit"): "it is made with the arguments that you give instead",
    (QuestionKind.UNKNOWN, "happened"): "it isn't sent again; the run goes on with your result",
    (QuestionKind.UNKNOWN, "did_not_happen"): "it is sent again, with the same key",
    (QuestionKind.INPUT, DECLINE): "the model is told that it doesn't get the value",
    (QuestionKind.UNKNOWN, "stop"): "the run fails here, and nothing is sent",
    (QuestionKind.UNKNOWN, "leave"): "it isn't sent again; it is listed as not undone",
    (QuestionKind.CEILING, RAISE): "the run goes on from here, up to the ceiling that you give",
    (QuestionKind.CEILING, AGAIN): "the run looks whether there is room now, and goes on or asks",
    (QuestionKind.CEILING, DENY): "nothing is called; the run concludes or ends over it",
    (QuestionKind.UNDO, "settled"): "recorded as settled by hand; the run goes on to its end",
    (QuestionKind.UNDO, "leave"): "recorded as left as it is; the run goes on to its end",
}


def short_id(question: Question) -> str:
    """Return the beginning of an id that is enough to name the question."""
    return question.id[:_SHORT]


def consequence_of(question: Question, choice: str) -> str:
    """Return what choosing this does."""
    if choice == ANSWER:
        return "the run goes on with the value that you give"
    known = _CONSEQUENCES.get((question.kind, choice))
    return known or "the run goes on with this"


def deadline_of(question: Question, now: datetime) -> str:
    """Return when the question ends by itself, and what happens then."""
    if question.expires_at is None:
        return "none: the run waits until somebody answers"
    if question.expires_at <= now:
        return f"passed {moment(question.expires_at, now)}: answers aren't taken any more"
    then = "the call isn't made" if question.kind is QuestionKind.APPROVAL else "nobody decides"
    return f"{moment(question.expires_at, now)}; then {then}, and the workflow is told so"


def who_of(question: Question, now: datetime) -> str:
    """Return who may answer, in words; empty if anybody may."""
    roles, barred = roles_now(question, now), question.who.not_by
    told = f"the role {' or '.join(roles)}" if roles else "anybody" * bool(barred)
    approved = question.subject.get("approved_by", ())
    if barred:
        told += f", but not {', '.join(map(one_line, barred))}"
    if approved:
        told += f" (approved already by {', '.join(map(one_line, approved))})"
    return told


def form_of(schema: Mapping[str, Any] | None) -> str:
    """Return the form of a value that an answer carries, on one line."""
    if schema is None:
        return ""
    if schema.get("type") == "string" and set(schema) <= {"type", "minLength", "title"}:
        return "a text"
    return json.dumps(schema, ensure_ascii=False)


def commands_for(question: Question, options: str = "") -> dict[str, str]:
    """Return the command that gives each of the answers, with further options."""
    return {choice: command_for(question, choice) + options for choice in question.choices}


def command_for(question: Question, choice: str) -> str:
    """Return the command that answers a question with a choice."""
    short, approval = short_id(question), question.kind is QuestionKind.APPROVAL
    if approval and choice in {"approve", "deny"}:
        return f"stanchion review {choice} {short}"
    if approval and choice == "edit":
        return f"stanchion review edit {short} --arguments JSON"
    command = f"stanchion review answer {short} {_quoted(choice)}"
    if choice == ANSWER and form_of(question.answer_schema) == "a text":
        return f"{command} --text '...'"
    if choice in {ANSWER, RAISE, "happened"} and question.answer_schema is not None:
        return f"{command} --value JSON"
    return command


def _quoted(text: str) -> str:
    """Quote a word for a shell, if it needs it."""
    safe = "".join(c if c.isprintable() else " " for c in text)
    if safe and all(c.isalnum() or c in "_-.:/" for c in safe):
        return safe
    escaped = safe.replace("'", "'\\''")
    return f"'{escaped}'"
