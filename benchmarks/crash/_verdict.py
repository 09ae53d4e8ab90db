"""What came of it, judged from outside: the target's log, the questions asked, the runs' outputs.

Nothing here reads the ledger. An effect is lost if its run ended without it, or names a receipt
that the target never gave; doubled if it was performed more often than its contract allows; a
silent unknown if only a person could have known what became of it and none was asked.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from benchmarks.crash._arena import Arena
from benchmarks.crash._world import (
    GUARD,
    GUARDED,
    LOOK,
    PACE,
    PACED,
    STEPS,
    TOOLS_OUTSIDE,
    UNDOING,
    helpless,
    wanted,
)

__all__ = ["ClassCount", "Verdict", "judge"]


@dataclass(slots=True)
class ClassCount:
    """What happened to one class of effects."""

    wanted: int = 0
    received: int = 0
    """Requests that arrived, repetitions with a known key included."""
    performed: int = 0
    asked: int = 0
    """Questions about unknown outcomes."""
    again: int = 0
    """Performed once more after a person had said, truthfully then, that it did not happen."""
    lost: int = 0
    doubled: int = 0
    silent_unknown: int = 0


@dataclass(slots=True)
class Verdict:
    """The findings about one arena."""

    classes: dict[str, ClassCount] = field(default_factory=dict[str, ClassCount])
    needless: int = 0
    """Questions about outcomes that a stopped writer had learnt and left behind."""
    rate_exceeded: int = 0
    """Calls that came before the rate would let anybody make them."""
    probes_too_many: int = 0
    """Calls of a target out of order that an open breaker should have refused."""
    disordered: int = 0
    """Sagas that weren't undone newest first."""
    unfinished: int = 0
    findings: list[str] = field(default_factory=list[str])

    def total(self, name: str) -> int:
        """Sum a count over the classes."""
        return sum(getattr(each, name) for each in self.classes.values())

    @property
    def clean(self) -> bool:
        """Whether nothing was found, and every run came to its end."""
        return not self.findings

    @property
    def caught(self) -> bool:
        """Whether an effect was lost, doubled, hidden or too early, or a question needless."""
        limits = self.rate_exceeded + self.probes_too_many + self.disordered
        effects = sum(map(self.total, ("lost", "doubled", "silent_unknown")))
        return self.needless + limits + effects > 0


@dataclass(slots=True)
class _Seen:
    """One effect from outside."""

    receipts: list[str] = field(default_factory=list[str])
    """Of the times that it was performed."""
    received: int = 0
    keys: set[str] = field(default_factory=set[str])
    answers: Counter[str] = field(default_factory=Counter[str])
    """What a person said about it."""
    returned: bool = False
    """Whether its run returned one of the receipts."""


def judge(arena: Arena) -> Verdict:
    """Judge one arena."""
    verdict = Verdict({name: ClassCount() for name in (*TOOLS_OUTSIDE, *STEPS, LOOK, GUARDED)})
    seen: defaultdict[str, _Seen] = defaultdict(_Seen)
    for line in arena.lines("log"):
        _note_request(verdict, seen[line["item"]], line)
    for line in arena.lines("answers"):
        seen[line["item"]].answers[line["answer"]] += 1
        verdict.classes[line["tool"]].asked += 1
    _judge_rate(verdict, arena)
    _judge_breaker(verdict, arena)
    _judge_sagas(verdict, arena)
    for run, order in arena.orders.items():
        ended = arena.ended.get(run)
        completed = ended is not None and ended["state"] == "completed"
        if not completed:
            verdict.unfinished += 1
            what = order.tool or order.workflow
            died = arena.died.get(run, "")
            verdict.findings.append(f"{run} ({what} {died}) didn't complete: {ended}")
        receipts = set(ended["output"]) if completed and ended is not None else set[str]()
        for item, tool in wanted(order).items():
            effect = seen[item]
            effect.returned = not receipts.isdisjoint(effect.receipts)
            effect.returned |= completed and tool in UNDOING and bool(effect.receipts)
            _judge_effect(verdict, arena, (item, tool), effect, completed=completed)
    verdict.classes = {name: each for name, each in verdict.classes.items() if each.received}
    return verdict


def _note_request(verdict: Verdict, effect: _Seen, line: dict[str, Any]) -> None:
    counts = verdict.classes[line["tool"]]
    counts.received += 1
    effect.received += 1
    effect.keys.add(line["key"])
    if line["performed"]:
        counts.performed += line["tool"] != LOOK
        effect.receipts.append(line["receipt"])


def _judge_rate(verdict: Verdict, arena: Arena) -> None:
    """Count the calls that exceed what a bucket, full at the first order, gave until they came.

    A call may come later than its token, never sooner, so the bound holds however long anybody was
    delayed. Repetitions of an admitted call, known by their key, have no token of their own.
    """
    own = (line for line in arena.lines("log") if line["tool"] == PACED and line["performed"])
    for nth, line in enumerate(own, 1):
        elapsed = line["at"] - arena.paced_since
        if nth > PACE.capacity + elapsed / PACE.interval.total_seconds():
            verdict.rate_exceeded += 1
            verdict.findings.append(f"rate exceeded: {line['item']} after {elapsed:.2f} s")


def _judge_breaker(verdict: Verdict, arena: Arena) -> None:
    """Count the calls of a target out of order beyond those that open a breaker and then probe.

    Two may be on their way beside the one that opens it. A kill hides what came of one call, and
    lets the next probe come sooner.
    """
    failed = [x["at"] for x in arena.lines("log") if x["tool"] == GUARDED and not x["performed"]]
    span = max(failed, default=0.0) - min(failed, default=0.0)
    probes = 1 + int(span / GUARD.cooldown.total_seconds())
    permitted = GUARD.failures + 2 + probes + 2 * arena.outage_kills
    verdict.probes_too_many = max(len(failed) - permitted, 0)
    if verdict.probes_too_many:
        verdict.findings.append(f"too many probes: {len(failed)} calls, {permitted} permitted")


def _judge_sagas(verdict: Verdict, arena: Arena) -> None:
    """Count the sagas whose effects weren't undone newest first."""
    first: dict[str, int] = {}
    for at, line in enumerate(arena.lines("log")):
        first.setdefault(line["item"], at)
    for run, order in arena.orders.items():
        if order.workflow == "regret":
            undone = [item for item in wanted(order) if item.endswith("/undone")]
            came = [first[item] for item in reversed(undone) if item in first]
            if came != sorted(came):
                verdict.disordered += 1
                verdict.findings.append(f"undone out of order: {run}")


def _judge_effect(
    verdict: Verdict, arena: Arena, which: tuple[str, str], effect: _Seen, *, completed: bool
) -> None:
    """Judge one effect, an item with its tool."""
    item, tool = which
    counts = verdict.classes[tool]
    counts.wanted += 1
    if completed and not effect.returned and not (effect.receipts and helpless(tool)):
        counts.lost += 1
        verdict.findings.append(f"lost: {item}")
    if _is_doubled(tool, effect):
        counts.doubled += 1
        verdict.findings.append(f"doubled: {item} {effect}")
    else:
        counts.again += max(len(effect.receipts) - 1, 0)
    silent = effect.receipts and not effect.returned and not effect.answers
    if helpless(tool) and (silent or (item in arena.must_ask and not effect.answers)):
        counts.silent_unknown += 1
        verdict.findings.append(f"silent unknown: {item}")
    if item in arena.must_not_ask and effect.answers:
        verdict.needless += 1
        verdict.findings.append(f"asked needlessly: {item}")


def _is_doubled(tool: str, effect: _Seen) -> bool:
    """Tell whether it was performed more often than its contract allows."""
    contract = TOOLS_OUTSIDE.get(tool)
    if contract is not None and contract.key and len(effect.keys) > 1:
        return True
    permitted = 1
    if contract is None or not contract.reconcile:
        permitted += effect.answers["did_not_happen"]  # a person let it be sent again
    return len(effect.receipts) > permitted
