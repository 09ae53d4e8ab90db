"""A question answered at a terminal with one key, and with a value where the answer carries one.

Which key stands for which answer is pure; reading keys and lines is the rest. Leaving a question
open is always possible and loses nothing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import typer

from stanchion.cli._output import note
from stanchion.cli._question_words import consequence_of, form_of
from stanchion.cli._text import one_line
from stanchion.review import ANSWER, RAISE
from stanchion.values import Question, QuestionKind

__all__ = ["LEAVE", "Said", "answer_at_terminal", "keys_for"]

LEAVE = "leave it open"
_MOST_DIGITS = 9


@dataclass(frozen=True, slots=True)
class Said:
    """What a person answered."""

    choice: str
    value: Any = None
    comment: str = ""


def keys_for(question: Question) -> dict[str, str]:
    """Return the answers by key: letters for the runtime's own choices, else digits; l leaves."""
    if question.kind in {QuestionKind.APPROVAL, QuestionKind.UNKNOWN}:
        keys = _letters(question.choices)
    else:
        named = enumerate(question.choices[:_MOST_DIGITS], 1)
        keys = {str(number): choice for number, choice in named}
    return {**keys, "l": LEAVE}


def _letters(choices: Sequence[str]) -> dict[str, str]:
    keys: dict[str, str] = {}
    for choice in choices:
        keys[next(letter for letter in choice if letter not in {*keys, "l"})] = choice
    return keys


def answer_at_terminal(question: Question) -> Said | None:
    """Ask for one key, and for the value if one is needed; None leaves the question open."""
    choice = _choose(question)
    if choice == LEAVE:
        return None
    match choice:
        case "deny":
            return Said(choice, comment=typer.prompt("Why (may be empty)", default="", err=True))
        case "edit":
            return _with_value(choice, json.dumps(question.subject.get("arguments", {})))
        case "happened" if question.answer_schema is not None:
            note(f"Its result, as {form_of(question.answer_schema)}")
            return _with_value(choice, None)
        case _ if choice == RAISE:
            note(f"The new ceiling; now {question.subject.get('limit')}")
            return _with_value(choice, None)
        case _ if choice == ANSWER:
            return _answered(question)
        case _:
            return Said(choice)


def _choose(question: Question) -> str:
    keys = keys_for(question)
    if question.choices == (ANSWER,):
        keys = {"a": ANSWER, "l": LEAVE}
    for key, choice in keys.items():
        effect = "" if choice == LEAVE else f": {consequence_of(question, choice)}"
        note(f"  [{key}] {one_line(choice)}{effect}")
    while (pressed := typer.getchar().lower()) not in keys:
        if pressed in {"\x03", "\x04"}:  # Ctrl-C and Ctrl-D, where the terminal hands them on
            raise KeyboardInterrupt
    return keys[pressed]


def _answered(question: Question) -> Said:
    if form_of(question.answer_schema) == "a text":
        return Said(ANSWER, typer.prompt("Your answer", err=True))
    note(f"A value of the form {form_of(question.answer_schema)}")
    return _with_value(ANSWER, None)


def _with_value(choice: str, proposed: str | None) -> Said:
    while True:
        text = typer.prompt("JSON", default=proposed, err=True)
        try:
            return Said(choice, json.loads(text))
        except ValueError as error:
            note(f"That isn't JSON: {error}")
