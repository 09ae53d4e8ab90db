"""What a model lacks and only the user can say: asked of a person, and told to the model.

A refusal with ``ask_user`` names the argument. The question is a step of the loop, its answer is
checked against the argument's own schema, and it counts as the user's word for that argument alone.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from stanchion.review import ANSWER, Occasion, argument
from stanchion.tools import Contract
from stanchion.values import Action, Question, ToolError
from stanchion.workflows._grounds import argument_question
from stanchion.workflows._incarnation import Incarnation
from stanchion.workflows._people import ask_person

__all__ = ["ASKING_SINCE", "Asking"]

ASKING_SINCE = 2
"""The first loop version that asks."""
MAX_QUESTIONS = 5
"""In one loop; after that the model is told what is missing, and nobody is asked."""


@dataclass(slots=True)
class Asking:
    """The questions of one loop."""

    incarnation: Incarnation
    left: int = MAX_QUESTIONS
    needed: dict[tuple[str, str], tuple[Contract, ToolError]] = field(
        default_factory=dict[tuple[str, str], tuple[Contract, ToolError]]
    )
    """What the newest turn lacks, by tool and argument."""

    def need(self, contract: Contract, error: ToolError) -> None:
        """Remember an error if it is one that the user can help with."""
        if error.action is Action.ASK_USER and error.field and contract.schema_of(error.field):
            self.needed.setdefault((contract.name, error.field), (contract, error))

    async def ask(self) -> list[str]:
        """Ask for what is needed, and return what to tell the model."""
        needed, self.needed = self.needed, {}
        return [await self._ask(*each) for each in needed.values() if self._may_ask()]

    def _may_ask(self) -> bool:
        self.left -= 1
        return self.left >= 0

    async def _ask(self, contract: Contract, error: ToolError) -> str:
        name = error.field or ""
        schema = contract.schema_of(name) or {}
        role = contract.role_of(name.partition(".")[0])

        def question(occasion: Occasion) -> Question:
            return argument(occasion, contract, name, schema, reason=error.problem)

        answer = await ask_person(self.incarnation, argument_question(role), question, None)
        if answer.choice != ANSWER:
            return f"I don't give {name} for {contract.name}. Do without it, or stop."
        given = json.dumps(answer.value, ensure_ascii=False)
        return f"Call {contract.name} with this {name}: {given}"
