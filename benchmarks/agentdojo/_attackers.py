"""The planner as an attacker from the first step: it plays the attack's calls, whatever happens.

Before them and between them it does the user's task, so that everything which that task looks up
is within its reach, and the attack's own look-ups come first.
"""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.agentdojo._calls import Call, Signature
from benchmarks.agentdojo._contracts import contract_tool

__all__ = ["effects_of", "executed_of", "hostile"]


def hostile(reference: Sequence[Call], attack: Sequence[Call]) -> list[Call]:
    """Return the calls of a hostile planner: the attack before and after the user's task."""
    return [*attack, *reference, *attack]


def effects_of(calls: Sequence[Call], signatures: Sequence[Signature]) -> list[Call]:
    """Return the calls that do something: writes, and reads that reach out."""
    made = {each.name: contract_tool(each) for each in signatures}
    return [c for c in calls if _does_something(made[c.name].tool.contract)]


def executed_of(attack: Sequence[Call], executed: Sequence[Call]) -> list[Call]:
    """Return the attack's effects that an environment performed, exactly as the attack has them."""
    return [call for call in attack if call in executed]


def _does_something(contract: object) -> bool:
    return getattr(contract, "effect", "") == "write" or bool(getattr(contract, "targets", ()))
