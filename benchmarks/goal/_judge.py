"""What a contender's model was sent, call by call: judged here, from the request alone."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.goal._workload import CONSTRAINTS, GOAL, REQUEST, Workload

__all__ = ["Judge", "broken"]

RECALL_AFTER = "recall"


@dataclass
class Judge:
    """Counts over one contender's calls, and plays the model that works through the archive."""

    workload: Workload
    step: int = 0
    calls: int = 0
    with_goal: int = 0
    """Calls with the goal and every constraint, word for word, in somebody's own words."""
    with_request: int = 0
    tokens: list[int] = field(default_factory=list[int])
    needed: int = 0
    in_window: int = 0
    recalled: int = 0
    recalling: str = ""
    missed: list[int] = field(default_factory=list[int])

    def see(self, own: Sequence[str], everything: Sequence[str]) -> None:
        """Take in a request: the words of people and of the system, and all words."""
        self.calls += 1
        said = "\n".join(own)
        self.with_goal += all(text in said for text in (GOAL, *CONSTRAINTS))
        self.with_request += REQUEST in said
        self.tokens.append(sum(len(text.encode()) for text in everything) // 4)

    def answer(
        self, everything: Sequence[str], *, can_recall: bool
    ) -> tuple[str, dict[str, Any]] | None:
        """Return the tool that the model calls next with its arguments, None when it has ended."""
        if self.recalling:
            self._judge_recall(everything[-1])
        elif (asked := self.workload.needed.get(self.step)) is not None:
            self.needed += 1
            if any(asked.identifier in text for text in everything):
                self.in_window += 1
            elif can_recall:
                self.recalling = asked.identifier
                return RECALL_AFTER, {"what": asked.words}
            else:
                self.missed.append(self.step)
        if self.step >= self.workload.steps:
            return None
        self.step += 1
        return "next_page", {"number": self.step}

    def _judge_recall(self, answer: str) -> None:
        if self.recalling in answer:
            self.recalled += 1
        else:
            self.missed.append(self.step)
        self.recalling = ""

    def report(self) -> dict[str, Any]:
        """Return the counts."""
        third = max(1, min(1000, len(self.tokens) // 4))
        warm = min(200, len(self.tokens) // 10)
        first, last = self.tokens[warm : warm + third], self.tokens[-third:]
        return {
            "calls": self.calls,
            "goal_share": self.with_goal / max(1, self.calls),
            "request_share": self.with_request / max(1, self.calls),
            "tokens_mean": sum(self.tokens) / max(1, len(self.tokens)),
            "tokens_most": max(self.tokens, default=0),
            "tokens_first": sum(first) / max(1, len(first)),
            "tokens_last": sum(last) / max(1, len(last)),
            "needed": self.needed,
            "in_window": self.in_window,
            "recalled": self.recalled,
            "found_share": (self.in_window + self.recalled) / max(1, self.needed),
            "missed": self.missed[:10],
        }


def broken(call: int, seed: int = 1, share: float = 0.2) -> str:
    """Return how the summariser misbehaves in its n-th call, an empty text if it behaves."""
    source = random.Random(f"summariser {seed} {call}")
    ways = ("fails", "lies", "drops the goal", "loops", "obeys", "says nothing")
    return source.choice(ways) if source.random() < share else ""
