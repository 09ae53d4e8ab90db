"""An agent that does what each version of the loop took differently, as a golden run.

Calls of one turn, a write proposed again and again, a target that only the user can name, a
person's no, and calls of one turn after it. It needs nothing but what every version had, so that it
could be recorded by the commits whose loop was of that version.
"""

from __future__ import annotations

from typing import Any

from stanchion import Run, allow, workflow
from stanchion.models import ScriptedModel
from stanchion.values import Message, Question, QuestionKind, TextPart, ToolCallPart
from tests.workflows.desk import Bank, balance, pay_with_key

__all__ = ["agent_models", "agents", "say"]

TOOLS = [balance, pay_with_key]


@workflow(tools=TOOLS, untrusted_may=[allow(pay_with_key)])
async def agents(run: Run[Bank], text: str) -> list[object]:
    """An agent's whole loop."""
    done = await run.agent(goal="Settle it.", tools=TOOLS, input=text, max_turns=20)
    return [done.output, done.stop_reason, done.turns, done.tool_calls]


def _calls(turn: int, *wanted: tuple[str, dict[str, Any]]) -> Message:
    parts = [ToolCallPart(f"c{turn}-{n}", name, given) for n, (name, given) in enumerate(wanted)]
    return Message("assistant", tuple(parts))


def agent_models() -> dict[str, Any]:
    """Return the model that plays the agent."""
    look = [("balance", {"account": "111"}), ("balance", {"account": "222"})]
    pay = ("pay_with_key", {"account": "111", "amount": 3})
    unnamed = ("pay_with_key", {"account": "333", "amount": 1})
    turns = [look, [pay], [pay], [unnamed], [unnamed], [pay], look, look]
    said = [_calls(n, *wanted) for n, wanted in enumerate(turns)]
    return {"strong": ScriptedModel([*said, Message("assistant", (TextPart("settled"),))])}


def say(question: Question) -> tuple[str, Any]:
    """Name what is asked for, and want nothing twice."""
    return ("deny", None) if question.kind is QuestionKind.APPROVAL else ("answer", "333")
