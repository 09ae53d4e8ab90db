"""Questions to people: one form for approvals, unknown outcomes, decisions and missing values.

A question is bound to the digest of exactly what it is about: its kind, its place in the run, the
tool, the contract and the arguments, the choices and the reason. Ask about anything else and the
digest is another, so that no answer can be carried over. Origins and other help for the reader are
shown but not bound.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from stanchion.ledger import canonical, digest
from stanchion.tools import Contract
from stanchion.trust import Origin
from stanchion.values import ANYBODY, Json, Question, QuestionKind, ToolCall, Who

__all__ = [
    "AGAIN",
    "ANSWER",
    "DECLINE",
    "DENY",
    "RAISE",
    "Occasion",
    "approval",
    "argument",
    "ask",
    "ceiling",
    "decision",
    "left_over",
    "unknown_outcome",
]

ANSWER = "answer"
"""The choice of a question that is answered with a value."""

DECLINE = "decline"
"""The choice of whoever doesn't give what a model asks for."""

RAISE, AGAIN, DENY = "raise", "again", "deny"
"""The choices at a ceiling: another ceiling, a look whether there is room now, an end."""

_FORM = 1
_ID_LENGTH = 16
_AMOUNT: Mapping[str, Any] = {
    "anyOf": [
        {"type": "number", "minimum": 0, "maximum": 10**12},
        {"type": "string", "pattern": r"^[0-9]{1,12}(\.[0-9]{1,9})?$"},
    ],
    "description": "the new ceiling",
}
_FREE_TEXT: Mapping[str, Any] = {"type": "string", "minLength": 1}


@dataclass(frozen=True, slots=True)
class Occasion:
    """Where and when a question is asked."""

    run: str
    place: str
    """The asking step's place, unique within the run."""
    nth: int = 0
    """How often was asked at this place before."""
    asked_at: datetime | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Draft:
    kind: QuestionKind
    prompt: str
    about: Mapping[str, Json]
    """What the answer is bound to."""
    choices: tuple[str, ...]
    reason: str = ""
    answer_schema: Mapping[str, Any] | None = None
    shown: Mapping[str, Json] = field(default_factory=dict[str, Json])
    """What helps the reader and binds nothing."""
    who: Who = ANYBODY


def approval(
    call: ToolCall,
    contract: Contract,
    occasion: Occasion,
    *,
    reasons: Sequence[str],
    origins: Mapping[str, Sequence[Origin]] | None = None,
    again: bool = False,
    who: Who = ANYBODY,
    approved_by: Sequence[str] = (),
) -> Question:
    """Ask whether this exact call may run, or run ``again``. ``origins`` are by argument.

    ``approved_by`` names those who have approved it already, where one person isn't enough.
    """
    asked = f"May {contract.name} be called with exactly these arguments?"
    if again:
        asked = f"{contract.name} was called with exactly these arguments in this run. Again?"
    undone = " It can't be undone." if contract.irreversible else ""
    places: dict[str, Json] = {
        name: [asdict(each) for each in found] for name, found in (origins or {}).items()
    }
    draft = _Draft(
        kind=QuestionKind.APPROVAL,
        prompt=f"{asked}{undone}",
        about=_exact_call(call, contract),
        choices=("approve", "deny", "edit"),
        reason="; ".join(reasons),
        answer_schema=contract.parameters,
        shown={
            "proposed_by": call.origin,
            "origins": places,
            **({"approved_by": list(approved_by)} if approved_by else {}),
        },
        who=who,
    )
    return _bind(draft, occasion)


def unknown_outcome(
    call: ToolCall,
    contract: Contract,
    occasion: Occasion,
    *,
    reason: str,
    attempts: int = 1,
    sent_at: datetime | None = None,
    silent_at: datetime | None = None,
    may_be_left: bool = False,
) -> Question:
    """Ask whether a call that was sent, or may have been, has happened.

    ``happened`` carries the result that the call would have returned. Until ``silent_at`` it may
    still be sent: ``did_not_happen`` is applied only then. Whoever can't tell stops the run, or
    leaves the call as it is if it ``may_be_left``.
    """
    draft = _Draft(
        kind=QuestionKind.UNKNOWN,
        prompt=f"Did this call of {contract.name} happen? It will not be sent again unless it "
        "did not.",
        about={**_exact_call(call, contract), "key": call.key, "attempts": attempts},
        choices=("happened", "did_not_happen", "leave" if may_be_left else "stop"),
        reason=reason,
        answer_schema=contract.returns,
        shown={
            "sent_at": None if sent_at is None else sent_at.isoformat(),
            "silent_at": None if silent_at is None else silent_at.isoformat(),
        },
    )
    return _bind(draft, occasion)


def decision(
    occasion: Occasion,
    *,
    prompt: str,
    options: Sequence[str] = (),
    schema: Mapping[str, Any] | None = None,
    evidence: Json = None,
    alternatives: Sequence[tuple[str, float]] = (),
    reason: str = "",
) -> Question:
    """Ask which option holds, or for a value of ``schema``, on this evidence."""
    draft = _Draft(
        kind=QuestionKind.DECISION,
        prompt=prompt,
        about={"evidence": evidence},
        choices=tuple(options) or (ANSWER,),
        reason=reason,
        answer_schema=None if options else schema or {},
        shown={"alternatives": [[name, share] for name, share in alternatives]},
    )
    return _bind(draft, occasion)


def ceiling(
    occasion: Occasion,
    *,
    account: str,
    quantity: str,
    spent: str,
    limit: str,
    wanted: str,
    may_raise: bool,
) -> Question:
    """Ask whether a ceiling may be raised, for the run or, by an operator, for all that share it.

    ``raise`` carries the new ceiling. Which account it is binds; how it stands is shown, since
    that goes on changing.
    """
    draft = _Draft(
        kind=QuestionKind.CEILING,
        prompt=f"Raise the ceiling? The next call may take {wanted}: {spent} of {limit} are spent.",
        about={"account": account, "quantity": quantity},
        choices=(RAISE, AGAIN, DENY) if may_raise else (AGAIN, DENY),
        reason=f"the budget of {account} has no room for it",
        answer_schema=_AMOUNT if may_raise else None,
        shown={"spent": spent, "limit": limit, "wanted": wanted},
    )
    return _bind(draft, occasion)


def left_over(
    occasion: Occasion, left: Sequence[Mapping[str, Json]], *, undone: int = 0
) -> Question:
    """List what was made in a saga that failed and couldn't be undone, for a person to settle."""
    draft = _Draft(
        kind=QuestionKind.UNDO,
        prompt=f"{len(left)} of {len(left) + undone} effects of a part of the run that failed "
        "could not be undone. Settle them by hand.",
        about={"left": left},
        choices=("settled", "leave"),
        reason="what can't be undone by the machine isn't left in silence",
    )
    return _bind(draft, occasion)


def ask(
    occasion: Occasion,
    *,
    prompt: str,
    schema: Mapping[str, Any] | None = None,
    options: Sequence[str] = (),
    subject: Mapping[str, Json] | None = None,
    reason: str = "",
    who: Who = ANYBODY,
) -> Question:
    """Ask for a value that only a person has; free text without a schema or options."""
    draft = _Draft(
        kind=QuestionKind.INPUT,
        prompt=prompt,
        about=dict(subject or {}),
        choices=tuple(options) or (ANSWER,),
        reason=reason,
        answer_schema=None if options else dict(_FREE_TEXT if schema is None else schema),
        who=who,
    )
    return _bind(draft, occasion)


def argument(
    occasion: Occasion, contract: Contract, field: str, schema: Mapping[str, Any], *, reason: str
) -> Question:
    """Ask for an argument that a model lacks; what it would have made up isn't shown."""
    draft = _Draft(
        kind=QuestionKind.INPUT,
        prompt=f"Which {field.replace('_', ' ')} is {contract.name} to be called with?",
        about={"tool": contract.name, "contract": contract.digest, "argument": field},
        choices=(ANSWER, DECLINE),
        reason=reason,
        answer_schema=schema,
        shown={"description": schema.get("description", "")},
    )
    return _bind(draft, occasion)


def _exact_call(call: ToolCall, contract: Contract) -> dict[str, Json]:
    return {
        "tool": contract.name,
        "effect": contract.effect,
        "contract": contract.digest,
        "arguments": json.loads(contract.encode_arguments(call.arguments)),
    }


def _bind(draft: _Draft, occasion: Occasion) -> Question:
    bound = {
        "v": _FORM,
        "kind": draft.kind.value,
        "run": occasion.run,
        "place": occasion.place,
        "nth": occasion.nth,
        "prompt": draft.prompt,
        "about": draft.about,
        "choices": draft.choices,
        "reason": draft.reason,
        "schema": draft.answer_schema,
        **({} if draft.who == ANYBODY else {"who": asdict(draft.who)}),
    }
    name = digest(canonical(bound, what="a question")).hex()
    return Question(
        id=name[:_ID_LENGTH],
        run=occasion.run,
        kind=draft.kind,
        prompt=draft.prompt,
        digest=name,
        subject={**draft.about, **draft.shown},
        reason=draft.reason,
        choices=draft.choices,
        answer_schema=draft.answer_schema,
        asked_at=occasion.asked_at,
        expires_at=occasion.expires_at,
        who=draft.who,
    )
