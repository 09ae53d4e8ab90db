"""What the types say to a user. Never run: pyright reads it as part of `make check`.

``assert_type`` states what an expression is. A wrong use that must be rejected carries a
``pyright: ignore[rule]``, and the check fails when that ignore is no longer needed.
"""

from typing import Literal, assert_type

from stanchion.values import Decision, Message, TextPart, ToolError

Intent = Literal["refund", "question"]


def a_decision_keeps_the_type_of_its_value(decision: Decision[Intent]) -> None:
    assert_type(decision.value, Intent)
    assert_type(decision.confidence, float)


def a_record_cannot_be_changed(message: Message) -> None:
    message.role = "user"  # pyright: ignore[reportAttributeAccessIssue]


def a_role_is_a_closed_choice() -> None:
    Message("robot", (TextPart("hello"),))  # pyright: ignore[reportArgumentType]


def an_error_needs_an_action() -> None:
    ToolError(code="x", problem="y")  # pyright: ignore[reportCallIssue]
