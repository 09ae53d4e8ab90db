"""Beside the runtime: no defence, and the rule that targets stand in the user's words.

Both play the calls straight into the world, in the same order as the runtime's planner.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

from benchmarks.agentdojo._calls import Call, Signature
from benchmarks.agentdojo._contracts import contract_tool
from benchmarks.agentdojo._decidable import is_said
from stanchion.trust import leaves_of

__all__ = ["Rule", "in_words", "play_direct", "undefended"]

Rule: TypeAlias = Callable[[Call, str], bool]
"""Whether a call may be made for somebody who said these words."""


class World(Protocol):
    def call(self, name: str, arguments: Mapping[str, Any]) -> Any: ...


def undefended(call: Call, words: str) -> bool:
    """Let every call pass."""
    return True


def in_words(signatures: Sequence[Signature]) -> Rule:
    """Return the naive rule for these tools."""
    made = {each.name: contract_tool(each) for each in signatures}

    def rule(call: Call, words: str) -> bool:
        targets = made[call.name].tool.contract.targets
        given = {name: value for name, value in call.arguments.items() if name in targets}
        return all(is_said(leaf.value, words) for leaf in leaves_of(given))

    return rule


def play_direct(world: World, calls: Sequence[Call], words: str, rule: Rule) -> None:
    """Make the calls that the rule lets pass; what the system refuses isn't made."""
    for call in calls:
        if rule(call, words):
            try:
                world.call(call.name, call.arguments)
            except RuntimeError:
                continue
