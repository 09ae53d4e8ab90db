"""Who may answer a question: roles, separation, four eyes, stand-ins and escalation.

A question says which roles it needs, the app says who has them. Both are plain values, and whether
somebody may answer is a pure function of them and the time. A question that needs a role nobody is
known to have can't be answered: it fails closed. That ``by`` is really that person is the channel's
to ensure; here it is taken as given.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, cast

from stanchion.errors import ConfigurationError, ContractError
from stanchion.trust import HasContract
from stanchion.values import ANYBODY, Question, Who

__all__ = [
    "EVERYBODY",
    "Approvers",
    "Reviewer",
    "Reviewers",
    "approvers",
    "may_not",
    "reviewer_from",
    "roles_now",
]


@dataclass(frozen=True, slots=True)
class Reviewer:
    """Somebody who answers questions."""

    id: str
    roles: frozenset[str] = frozenset()
    stand_in: str = ""
    """Who answers in their place between ``away_from`` and ``away_until``, with their roles."""
    away_from: datetime | None = None
    away_until: datetime | None = None

    def is_away(self, now: datetime) -> bool:
        """Tell whether the stand-in has this reviewer's roles now."""
        if not self.stand_in or self.away_until is None:
            return False
        return (self.away_from is None or self.away_from <= now) and now < self.away_until


@dataclass(frozen=True, slots=True)
class Reviewers:
    """The people whom an app knows, by id."""

    known: Mapping[str, Reviewer] = field(default_factory=dict[str, Reviewer])

    @classmethod
    def of(cls, reviewers: Iterable[Reviewer]) -> Reviewers:
        """Return them by id. Raises ConfigurationError for an id that is empty or used twice."""
        known: dict[str, Reviewer] = {}
        for each in reviewers:
            if not each.id.strip() or each.id in known:
                raise ConfigurationError(
                    f"{each.id!r} is no reviewer's id, or is given twice",
                    remedy="give each reviewer an id of their own",
                )
            known[each.id] = each
        return cls(known)

    def roles_of(self, name: str, now: datetime) -> frozenset[str]:
        """Return the roles somebody has now, those of whom they stand in for included."""
        own = self.known[name].roles if name in self.known else frozenset[str]()
        lent = [r.roles for r in self.known.values() if r.stand_in == name and r.is_away(now)]
        return own.union(*lent)

    def able(self, question: Question, now: datetime) -> tuple[str, ...]:
        """Return who may answer a question now, in order; empty if it needs no role."""
        return tuple(name for name in sorted(self.known) if not may_not(question, name, self, now))


EVERYBODY = Reviewers()
"""An app that knows nobody: only questions that need no role can be answered."""


def roles_now(question: Question, now: datetime) -> tuple[str, ...]:
    """Return the roles of which one is needed, those that it has escalated to by now included."""
    roles = list(question.who.roles)
    for after, more in question.who.escalates:
        asked = question.asked_at
        if asked is not None and now >= asked + timedelta(seconds=after):
            roles += [role for role in more if role not in roles]
    return tuple(roles)


def may_not(question: Question, by: str, reviewers: Reviewers, now: datetime) -> str:
    """Say why somebody may not answer a question; empty if they may."""
    if by in question.who.not_by:
        return "whoever requested or has approved it may not answer it"
    roles = roles_now(question, now)
    if not roles:
        return ""
    if reviewers.roles_of(by, now).isdisjoint(roles):
        return f"it needs the role {' or '.join(roles)}"
    return ""


@dataclass(frozen=True, slots=True)
class Approvers:
    """Who approves the calls of a tool; made by ``approvers``."""

    tool: str
    people: int = 1
    requester_may: bool = True
    who: Who = ANYBODY

    def next_question(self, requester: str, approved: tuple[str, ...]) -> Who:
        """Return who may give the next approval of a call."""
        separate = () if self.requester_may or not requester else (requester,)
        return replace(self.who, not_by=(*separate, *approved))


def approvers(
    tool: HasContract,
    *,
    roles: Collection[str] = (),
    people: int = 1,
    requester_may: bool = True,
    escalates: Mapping[timedelta, Collection[str]] | None = None,
    reminds: Collection[timedelta] = (),
) -> Approvers:
    """Say who approves a tool's calls when a person is asked; it doesn't say when one is.

    One of ``roles`` is needed; ``people`` different ones approve the same arguments, one after the
    other, and an edit begins anew. ``requester_may=False`` keeps the run's initiator from approving
    their own request. ``escalates={timedelta(hours=4): {"manager"}}`` lets others answer as well
    after a time, and ``reminds`` are times after which people are told again. Raises ContractError.
    """
    name = tool.contract.name
    later = sorted((escalates or {}).items())
    if people < 1 or isinstance(roles, str) or any(isinstance(each, str) for _, each in later):
        raise ContractError(
            f"approvers({name}): people={people}, roles={roles!r} say nothing that can be checked",
            remedy="give people=1 or more, and sets of role names",
        )
    if later and not roles:
        raise ContractError(
            f"approvers({name}): anybody may answer, so nothing can escalate",
            remedy="give the roles that answer first",
        )
    times = [*(after for after, _ in later), *reminds]
    if any(after <= timedelta() for after in times):
        raise ContractError(
            f"approvers({name}): a time isn't after the question", remedy="give times above zero"
        )
    who = Who(
        tuple(sorted(roles)),
        (),
        tuple((after.total_seconds(), tuple(sorted(more))) for after, more in later),
        tuple(sorted(each.total_seconds() for each in reminds)),
    )
    return Approvers(name, people, requester_may, who)


def reviewer_from(name: str, told: Any) -> Reviewer:
    """Read a reviewer as a settings file has it: roles, or a table. Raises ConfigurationError."""
    table: Mapping[str, Any] = cast("Any", told) if isinstance(told, dict) else {"roles": told}
    roles, names = table.get("roles", []), {"roles", "stand_in", "away_from", "away_until"}
    away = table.get("away_from"), table.get("away_until")
    if table.keys() <= names and isinstance(roles, list) and all(map(_is_time, away)):
        plain = frozenset(map(str, cast("list[Any]", roles)))
        return Reviewer(name, plain, str(table.get("stand_in", "")), *away)
    raise ConfigurationError(
        f"the reviewer {name!r} can't be read",
        remedy=f'write {name} = ["role"], or {name} = {{ roles = ["role"], stand_in = "bo", '
        "away_from = 2026-12-01T00:00:00Z, away_until = 2026-12-10T00:00:00Z }",
    )


def _is_time(value: Any) -> bool:
    return value is None or (isinstance(value, datetime) and value.tzinfo is not None)
