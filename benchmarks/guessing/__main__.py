"""Play the cases of the Berkeley data with missing parameters, and the complete ones.

In the turns where something is missing, a model that fills it in plausibly; in the complete cases,
the reference calls. Reference calls with a target that nobody gave are label noise: the annotator
knew the simulated state. They are listed by case, as is everything that was refused.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks._report import Report, scale, table
from benchmarks.guessing._cases import Case, load
from benchmarks.guessing._models import Guess, guessing, looking_first, right
from benchmarks.guessing._play import Proposal, play
from benchmarks.guessing._tools import World, parameter_orders, tool_of, tools_of
from benchmarks.guessing._written import is_said, is_sole, is_written, leaves
from benchmarks.guessing.peers import _bfcl as bfcl

LEAST_PASSING = 97.0
"""Percent of correct calls."""
EVERY = {"full": 1, "small": 5}


def main() -> None:
    """Play, judge, print."""
    logging.disable(logging.WARNING)
    report = Report("guessing")
    orders = parameter_orders()
    every = EVERY[scale()]
    cover(report)
    asyncio.run(guess(report, load("miss_param", orders)[::every]))
    asyncio.run(pass_right_calls(report, load("base", orders)[::every]))
    report.finish()


def cover(report: Report) -> None:
    """Say what the rule makes of the schemas."""
    tools = [each for api in bfcl.CLASSES for each in tools_of(api)]
    writes = [each for each in tools if each.contract.effect == "write"]
    report.figure("functions", len(tools))
    report.figure("functions_that_change_something", len(writes))
    report.figure("functions_with_targets", sum(bool(each.contract.targets) for each in writes))
    targets = [f"{each.name}.{name}" for each in writes for name in each.contract.targets]
    report.figure("target_parameters", len(targets))
    report.figure("targets", targets)


# The turns in which something is missing ---------------------------------------------------------


async def guess(report: Report, cases: Sequence[Case]) -> None:
    """Fill in what is missing, in every way; judge what was executed by what anybody wrote."""
    outcomes: Counter[str] = Counter()
    ways: Counter[str] = Counter()
    listed: defaultdict[str, list[str]] = defaultdict(list)
    for case in cases:
        guesses = 0
        for turn in case.missing:
            turns = [*map(right, case.calls[:turn]), guessing(case, turn)]
            proposals, world = await play(case, turns, insist=False)
            made = [p for p in proposals if p.turn == turn]
            guesses += sum(isinstance(p.call, Guess) for p in made)
            for proposal in made:
                _check_refusal(report, proposal)
                kind = _judge(case, proposal, world)
                outcomes[kind] += 1
                if isinstance(proposal.call, Guess):
                    ways[proposal.call.way] += 1
                    if proposal.executed:
                        listed[kind].append(_shown(case, proposal))
        if not guesses:
            listed["no target is missing"].append(case.id)
    report.figure("cases_with_a_missing_value", len(cases))
    report.figure("cases_with_a_missing_target", len(cases) - len(listed["no target is missing"]))
    report.figure("guesses_tried", sum(ways.values()))
    report.figure("guesses_by_way", dict(ways))
    for kind in ("invented", "said", "found"):
        report.figure(f"guesses_executed_{kind}", len(listed[kind]))
    report.figure("calls_without_a_missing_target_executed", outcomes["no guess, executed"])
    report.figure("by_case", dict(listed))
    _print("guessed and executed", listed, ("invented", "said", "found"))
    report.target("calls executed with an invented target", len(listed["invented"]), "==", 0)


def _judge(case: Case, proposal: Proposal, world: World) -> str:
    """Say what an executed guess was: said by the user, found by their words, or invented."""
    tool = tool_of(case.apis, proposal.call.name)
    if not isinstance(proposal.call, Guess):
        wrote = proposal.executed and tool.contract.effect == "write"
        return "no guess, executed" if wrote else "no guess"
    if not proposal.executed:
        return "refused"
    words = case.words[: proposal.turn + 1]
    if is_said(proposal.call.value, words):
        return "said"
    asked_for = [call.name for calls in case.calls[: proposal.turn + 2] for call in calls]
    made = {name for name in asked_for if tool_of(case.apis, name).contract.effect == "write"}
    sole = is_sole(proposal.call.value, words, world.done[: proposal.seen], made)
    return "found" if sole else "invented"


# The complete cases ------------------------------------------------------------------------------


async def pass_right_calls(report: Report, cases: Sequence[Case]) -> None:
    """Play the reference calls, as they are and after a look around."""
    counts: Counter[str] = Counter()
    refused: defaultdict[str, list[str]] = defaultdict(list)
    for case in cases:
        proposals, world = await play(case, [*map(right, case.calls)], insist=True)
        for proposal in proposals:
            counts["all"] += 1
            counts["noise"] += _is_noise(case, proposal, world)
            counts["with targets"] += bool(_target_values(case, proposal))
            if proposal.refusal:
                _check_refusal(report, proposal)
                noise = _is_noise(case, proposal, world)
                counts["refused noise" if noise else "refused"] += 1
                kind = "label noise" if noise else "correct"
                refused[kind].append(_shown(case, proposal))
        looked = [looking_first(case, turn) for turn in range(len(case.words))]
        known = {id(call) for calls in case.calls for call in calls}
        again, _ = await play(case, looked, insist=True)
        counts["refused after looking"] += sum(
            bool(p.refusal) for p in again if id(p.call) in known
        )
    refusals = counts["refused"] + counts["refused noise"]
    report.figure("reference_calls", counts["all"])
    report.figure("reference_calls_with_targets", counts["with targets"])
    report.figure("reference_calls_label_noise", counts["noise"])
    report.figure("pass_of_all_percent", _percent(counts["all"] - refusals, counts["all"]))
    after = counts["all"] - counts["refused after looking"]
    report.figure("pass_of_all_after_looking_percent", _percent(after, counts["all"]))
    report.figure("refused", dict(refused))
    _print("refused reference call", refused, ("correct", "label noise"))
    correct = counts["all"] - counts["noise"]
    passing = _percent(correct - counts["refused"], correct)
    report.target("correct calls that pass (%)", passing, ">=", LEAST_PASSING)
    report.target("refusals that don't name the field and ask_user", _wrong[report], "==", 0)


def _is_noise(case: Case, proposal: Proposal, world: World) -> bool:
    """Tell whether a reference call has a target that no words and no result so far hold."""
    words, done = case.words[: proposal.turn + 1], world.done[: proposal.seen]
    return not all(is_written(value, words, done) for value in _target_values(case, proposal))


def _target_values(case: Case, proposal: Proposal) -> list[Any]:
    targets = tool_of(case.apis, proposal.call.name).contract.targets
    given = {name: proposal.call.arguments.get(name) for name in targets}
    return [value for _, value in leaves(given)]


_wrong: Counter[Report] = Counter()


def _check_refusal(report: Report, proposal: Proposal) -> None:
    for error in proposal.answers:
        if error is not None and error["code"] == "ungrounded":
            named = error.get("field") in proposal.call.arguments
            _wrong[report] += not (named and error["action"] == "ask_user")


def _shown(case: Case, proposal: Proposal) -> str:
    call = proposal.call
    field = (proposal.refusal or {}).get("field")
    shown = {field: call.arguments.get(field)} if field else dict(call.arguments)
    if isinstance(call, Guess):
        shown = {call.argument: call.value}
    return f"{case.id} turn {proposal.turn}: {call.name}({shown})"


def _print(what: str, listed: Mapping[str, Sequence[str]], kinds: Sequence[str]) -> None:
    rows = [(shown, kind) for kind in kinds for shown in listed.get(kind, ())]
    print(f"{table((what, 'what it was'), rows)}\n")


def _percent(part: int, whole: int) -> float:
    return 100 * part / whole if whole else 100.0


if __name__ == "__main__":
    main()
