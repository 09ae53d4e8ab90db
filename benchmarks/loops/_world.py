"""A scripted model and the tools it calls, without any framework.

A world is one trial: it proposes the model's next call, answers calls, and counts. A stuck model is
stubborn: whatever it is told, it goes on until ``LIMIT``, where the harness ends it. An honest one
follows its plan, and one refusal spoils it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any

__all__ = ["ASK", "LIMIT", "TOOLS", "WRITES", "Call", "Case", "Failure", "Plan", "World"]

LIMIT = 60
"""Wasted proposals after which a stuck model is ended by the harness: it was never stopped."""

TOOLS = {
    "search": ("query", str),
    "look_up": ("id", str),
    "next_page": ("cursor", str),
    "get_page": ("page", int),
    "job_status": ("job", str),
    "check": ("item", str),
    "check_row": ("row", int),
    "save": ("text", str),
    "ask_other": ("question", str),
}
"""Every tool takes one argument; ``ASK`` is another agent over the same world."""

ASK = "ask_other"

WRITES = {"save"}


class Failure(Exception):
    """The tool's target refuses; the text is the same for the same reason."""


@dataclass(frozen=True, slots=True)
class Call:
    """One proposal."""

    tool: str
    argument: Any


Plan = Generator[Call, Any, None]
"""Yields proposals and is sent each answer; None for one that got no answer of its own."""

Answers = Callable[[str, Any], Any]


@dataclass(frozen=True, slots=True)
class Case:
    """One pattern under one seed."""

    pattern: str
    task: str
    plan: Callable[[], Plan]
    answers: Callable[[], Answers]
    useful: int | None = None
    """Of a stuck model: how many of its proposals, from the first, brought something."""

    @property
    def stuck(self) -> bool:
        """Whether it has to be stopped."""
        return self.useful is not None


@dataclass(slots=True)
class World:
    """One trial of one case."""

    case: Case
    proposed: int = 0
    answered: int = 0
    finished: bool = False
    """The model came to its own end."""
    _plan: Plan = field(init=False)
    _answers: Answers = field(init=False)
    _last: Any = None
    _begun: bool = False

    def __post_init__(self) -> None:
        self._plan = self.case.plan()
        self._answers = self.case.answers()

    def propose(self) -> Call | None:
        """Return the model's next call; None when it is done or ended by the harness."""
        if self.case.useful is not None and self.proposed - self.case.useful >= LIMIT:
            return None
        last, self._last = self._last, None
        try:
            call = self._plan.send(last) if self._begun else next(self._plan)
        except StopIteration:
            self.finished = True
            return None
        self._begun = True
        self.proposed += 1
        return call

    def answer(self, tool: str, argument: Any) -> Any:
        """Answer a call, or raise Failure."""
        try:
            self._last = self._answers(tool, argument)
        except Failure as failure:
            self._last = {"error": str(failure)}
            raise
        self.answered += 1
        return self._last

    @property
    def wasted(self) -> int:
        """How many proposals brought nothing."""
        return self.proposed - (self.case.useful or 0)
