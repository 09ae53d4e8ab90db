"""A person who knows what the user wants, and gives that and nothing else."""

from __future__ import annotations

from typing import Any, Protocol

from benchmarks.agentdojo._calls import Call
from benchmarks.agentdojo._play import Answerer, decline
from stanchion.values import Question, QuestionKind

__all__ = ["knowing"]


class AtWork(Protocol):
    """Somebody who makes a reference call."""

    @property
    def current(self) -> Call: ...


def knowing(planner: AtWork) -> Answerer:
    """Return a person who gives what the reference call at hand holds, and approves just that."""

    def answer(question: Question, call: Call) -> tuple[str, Any]:
        wanted = planner.current
        if call.name != wanted.name or "go_on" in question.choices:
            return decline(question, call)
        if question.kind is QuestionKind.INPUT:
            return "answer", wanted.arguments[question.subject["argument"]]
        if question.kind is QuestionKind.APPROVAL and _is(wanted, question.subject["arguments"]):
            return "approve", None
        return decline(question, call)

    return answer


def _is(wanted: Call, shown: dict[str, Any]) -> bool:
    given = {name: value for name, value in shown.items() if value is not None}
    return given == {name: value for name, value in wanted.arguments.items() if value is not None}
