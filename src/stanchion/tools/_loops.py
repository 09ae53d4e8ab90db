"""Notices that a model goes round in circles: calls that bring nothing new, again and again.

Pure. A history of one agent's calls, folded call by call from what was recorded, so that a resumed
run knows what the interrupted one knew. A call is *barren* unless it made progress: it changed
something, told a fact that its tool hadn't told before, or was about something that the task or an
answer named and that the tool hadn't been asked about. So batches, pages with new items and polls
of a job that moves may go on for ever, and it doesn't matter in which form a model repeats itself:
the same call, two or more in turn, other words for the same question.

As barren calls add up, the model is told; then it is refused more of the same and pointed
elsewhere; then it is stopped. An answer may change by itself, so a read that is merely asked again
is held back, longer each time, rather than refused.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeAlias

from stanchion.ledger import canonical, digest
from stanchion.tools._contract import Contract
from stanchion.tools._limit import Admit, Hold, Refuse
from stanchion.tools._novelty import Novelty
from stanchion.values import Action, Json, ToolError

__all__ = ["NOTICE_AT", "STUCK", "CallHistory", "Recall", "Seen"]

STUCK = "stuck"
"""The code of the error that ends an agent's loop."""

NOTICE_AT = 2
"""Barren calls in a row after which the model is told."""
RECALL_UNTIL = 4
"""Up to here a fresh answer is repeated from the record; later the call is held back instead."""
REFUSE_AT = 4
STOP_AT = 7
HOLD_AT = 3
STOP_POLLING_AT = 8
FIRST_HOLD = timedelta(seconds=5)
HOLD_FACTOR = 3
MOST_ANSWERS = 256
"""Reads whose newest answers are remembered."""
MOST_FOUND = 256 * 1024
"""Characters of the calls that made progress, the newest of them; the ledger has them all."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A call and what came of it, as recorded."""

    tool: str
    arguments: Json
    result: Json
    failed: bool = False
    wrote: bool = False
    """It changed something now: a write that was performed, not one answered from the record."""
    read: bool = False
    """It was a read that answered: the same call may bring another answer later."""


@dataclass(frozen=True, slots=True)
class Recall:
    """The recorded answer is still fresh: give it again."""

    result: Json
    why: str


Verdict: TypeAlias = Admit | Hold | Recall | Refuse


@dataclass(frozen=True, slots=True)
class _Barren:
    """A call that brought nothing."""

    identity: bytes
    tool: str
    polls: bool
    """It was a read that answered, so its answer may be another later."""
    failed: bool


@dataclass(slots=True)
class CallHistory:
    """What one agent has called so far."""

    known: Novelty = field(default_factory=Novelty)
    barren: list[_Barren] = field(default_factory=list[_Barren])
    """Those since the last progress, refused ones included."""
    answers: dict[bytes, Json] = field(default_factory=dict[bytes, "Json"])
    """The newest answer to each read since something was changed."""
    asked_at: dict[bytes, datetime] = field(default_factory=dict[bytes, datetime])
    """When reads were made, by this process; of others nobody knows how fresh they are."""
    found: deque[Seen] = field(default_factory=deque[Seen])
    """The newest calls that made progress, in order."""
    sizes: deque[int] = field(default_factory=deque[int])
    """Their characters."""
    size: int = 0
    """All of them together."""

    # Before a call

    def judge(self, contract: Contract, arguments: Json, now: datetime) -> Verdict:
        """Say what should become of a call that the model proposes."""
        identity = _identity(contract.name, arguments)
        count = len(self.barren)
        if count < NOTICE_AT or not self._is_more_of_it(identity, contract.name, arguments):
            return Admit()
        recalled = self._recall(identity, contract, now)
        if recalled is not None:
            return recalled
        if self._polls(identity, contract):
            return self._held(count, contract)
        return self.refusal()

    def refusal(self) -> Admit | Refuse:
        """Return the refusal of more of the same, once it has come to that."""
        count = len(self.barren)
        if count < REFUSE_AT:
            return Admit()
        return Refuse(self._stuck() if count >= STOP_AT else self._other_action())

    def asks_now(self, contract: Contract, arguments: Json, now: datetime) -> None:
        """Note when a read is made."""
        self.asked_at[_identity(contract.name, arguments)] = now

    def _is_more_of_it(self, identity: bytes, tool: str, arguments: Json) -> bool:
        """Tell whether a call resembles those that brought nothing."""
        if any(b.identity == identity for b in self.barren) or identity in self.answers:
            return True
        same_tool = any(b.tool == tool for b in self.barren)
        return same_tool and not self.known.asks(tool, arguments)

    def _recall(self, identity: bytes, contract: Contract, now: datetime) -> Recall | None:
        asked_at = self.asked_at.get(identity)
        if contract.fresh is None or asked_at is None or identity not in self.answers:
            return None
        age = now - asked_at
        if age > contract.fresh or len(self.barren) >= RECALL_UNTIL:
            return None
        why = f"answered from the record of {age.total_seconds():.0f} s ago"
        return Recall(self.answers[identity], why)

    def _polls(self, identity: bytes, contract: Contract) -> bool:
        """Tell whether an answer is waited for that may change by itself, or several."""
        if identity not in self.answers or not all(b.polls for b in self.barren):
            return False
        alone = all(b.identity == identity for b in self.barren)
        return alone or contract.fresh is not None

    def _held(self, count: int, contract: Contract) -> Admit | Hold | Refuse:
        if count >= STOP_POLLING_AT:
            return Refuse(self._stuck())
        if count < HOLD_AT:
            return Admit()
        first = max(FIRST_HOLD, contract.fresh or FIRST_HOLD)
        wait = first * HOLD_FACTOR ** (count - HOLD_AT)
        return Hold(wait, f"held back: {count} answers brought nothing new")

    # After a call

    def add(self, seen: Seen) -> None:
        """Fold in a call and what came of it."""
        result = _without_shape(seen.result) if seen.failed else seen.result
        told_new = self.known.learn(seen.tool, seen.arguments, result)
        identity = _identity(seen.tool, seen.arguments)
        if seen.wrote:
            self.answers.clear()
            self.asked_at.clear()
        elif seen.read:
            self._remember(identity, seen.result)
        if seen.wrote or told_new:
            self.barren.clear()
            self._keep(seen)
        else:
            self.barren.append(_Barren(identity, seen.tool, seen.read, seen.failed))

    def _remember(self, identity: bytes, result: Json) -> None:
        self.answers.pop(identity, None)
        self.answers[identity] = result
        while len(self.answers) > MOST_ANSWERS:
            oldest = next(iter(self.answers))
            del self.answers[oldest]
            self.asked_at.pop(oldest, None)

    def _keep(self, seen: Seen) -> None:
        self.found.append(seen)
        self.sizes.append(len(canonical([seen.arguments, seen.result], what="a call")))
        self.size += self.sizes[-1]
        while len(self.found) > 1 and self.size > MOST_FOUND:
            self.found.popleft()
            self.size -= self.sizes.popleft()

    def add_refused(self, tool: str, arguments: Json) -> None:
        """Fold in a call that wasn't made."""
        identity = _identity(tool, arguments)
        failed = any(b.failed for b in self.barren if b.identity == identity)
        self.barren.append(_Barren(identity, tool, identity in self.answers, failed))

    def start_again(self) -> None:
        """Forget the barren calls: a person lets it go on."""
        self.barren.clear()

    def notice(self) -> str:
        """Return what to tell the model with the newest answer; each time other words."""
        count = len(self.barren)
        if count < NOTICE_AT:
            return ""
        return (
            f"{count} calls in a row brought nothing new ({self.pattern()}): "
            "do something else, or say what is missing"
        )

    def pattern(self) -> str:
        """Name the circle that the barren calls make."""
        kinds = list(dict.fromkeys(b.identity for b in self.barren))
        tools = ", ".join(dict.fromkeys(b.tool for b in self.barren))
        if len(kinds) == 1:
            return f"the same {'failing ' * self.barren[-1].failed}call of {tools}"
        if len(kinds) < len(self.barren):
            return f"the same {len(kinds)} calls in turn, of {tools}"
        return f"other arguments with the same answer, of {tools}"

    # Words

    def _other_action(self) -> ToolError:
        ask = any(not b.polls for b in self.barren)
        return ToolError(
            code="no_progress",
            problem=f"{len(self.barren)} calls in a row brought nothing new: {self.pattern()}",
            action=Action.ASK_USER if ask else Action.USE_OTHER_TOOL,
            expected="another tool, or an answer that says what is missing",
            do_not="do not make this call again, in this or another form",
        )

    def _stuck(self) -> ToolError:
        return ToolError(
            code=STUCK,
            problem=f"{len(self.barren)} calls in a row brought nothing new: {self.pattern()}",
            action=Action.STOP,
        )


def _identity(tool: str, arguments: Json) -> bytes:
    return digest(canonical([tool, arguments], what="a call"))


def _without_shape(error: Json) -> Json:
    """Leave out of an error what merely mirrors the arguments."""
    if not isinstance(error, dict):
        return error
    mirrors: Iterable[str] = ("received", "retry_after", "expected")
    return {name: value for name, value in error.items() if name not in mirrors}
