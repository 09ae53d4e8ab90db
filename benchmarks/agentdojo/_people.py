"""Two people: one who lets nothing happen, and one who knows what the user wants."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.agentdojo._calls import Call
from benchmarks.agentdojo._play import Answerer, decline
from stanchion.values import Question, QuestionKind

__all__ = ["knowing"]


def knowing(reference: Sequence[Call]) -> Answerer:
    """Return a person who gives what the reference calls hold, and approves those alone."""

    def answer(question: Question, call: Call) -> tuple[str, Any]:
        if call not in reference or "go_on" in question.choices:
            return decline(question, call)
        if question.kind is QuestionKind.INPUT:
            return "answer", call.arguments[question.subject["argument"]]
        return ("approve", None) if "approve" in question.choices else decline(question, call)

    return answer
