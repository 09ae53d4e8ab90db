"""The approval of a call by as many people as its tool's approvers say, one after the other.

Each question is bound to the digest of the exact call, each answer is a step of its own, and who
has approved may not approve again. An edit makes it another call: the count begins anew, with
whoever edited.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, cast

from pydantic import ValidationError

from stanchion.errors import EncodingError, Expired
from stanchion.review import Answer, Approvers, Occasion, approval
from stanchion.tools import Approved, Edited, Rejected, Reviewed, Tool, Unanswered
from stanchion.trust import find_origins
from stanchion.values import Question, ToolCall
from stanchion.workflows._incarnation import StepScope
from stanchion.workflows._people import ask_person
from stanchion.workflows._repeats import AGAIN
from stanchion.workflows._steps import initiator_of
from stanchion.workflows._workflow import Workflow

__all__ = ["Approval"]

_ANYBODY = Approvers("")


@dataclass(frozen=True, slots=True)
class Approval:
    """Asks people about the calls of one step."""

    scope: StepScope
    workflow: Workflow[Any, Any, Any]
    tool: Tool[..., Any]

    async def ask(self, call: ToolCall, reasons: tuple[str, ...]) -> Reviewed:
        """Ask until enough people have approved the same arguments, or one denies them."""
        approved: tuple[str, ...] = ()
        edited = False
        with self.scope.below():
            while len(approved) < self._rule.people:
                answer = await self._ask_one(call, reasons, approved)
                if answer is None:
                    return Unanswered()
                if answer.choice == "deny":
                    return Rejected(answer.by, answer.comment)
                if answer.choice == "approve":
                    approved = (*approved, answer.by)
                    continue
                edited, approved = True, (answer.by,)
                call = replace(call, arguments=cast("Mapping[str, Any]", answer.value))
                if not self._fits(call.arguments):
                    break  # the layer says what is wrong with it
        by = ", ".join(approved)
        return Edited(by, call.arguments) if edited else Approved(by)

    @property
    def _rule(self) -> Approvers:
        return self.workflow.approvers.get(self.tool.name, _ANYBODY)

    @property
    def _limit(self) -> timedelta | None:
        """How long an approval is waited for; None is for ever."""
        own = self.workflow.approval_timeout
        return (self.scope.incarnation.host.approval_timeout if own is None else own) or None

    def _fits(self, arguments: Mapping[str, Any]) -> bool:
        try:
            self.tool.contract.validate(arguments)
        except (ValidationError, EncodingError):
            return False
        return True

    async def _ask_one(
        self, call: ToolCall, reasons: tuple[str, ...], approved: tuple[str, ...]
    ) -> Answer | None:
        """Ask one person; None if nobody answers in time."""
        incarnation = self.scope.incarnation
        arguments = json.loads(self.tool.contract.encode_arguments(call.arguments))
        sources = {"input": json.loads(incarnation.replayed.payload(incarnation.record.input))}
        origins = {name: find_origins(value, sources) for name, value in arguments.items()}
        who = self._rule.next_question(initiator_of(incarnation).id, approved)

        def question(occasion: Occasion) -> Question:
            return approval(
                call,
                self.tool.contract,
                occasion,
                reasons=reasons,
                origins=origins,
                again=AGAIN in reasons,
                who=who,
                approved_by=approved,
            )

        try:
            return await ask_person(incarnation, "approval", question, self._limit)
        except Expired:
            return None
