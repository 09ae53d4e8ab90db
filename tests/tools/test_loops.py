"""What counts as going round in circles, and what never does."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from benchmarks.loops._honest import HONEST
from benchmarks.loops._stuck import STUCK
from benchmarks.loops._world import TOOLS, WRITES, Case, Failure, World
from stanchion.tools import Admit, CallHistory, Hold, Recall, Refuse, Seen, tool
from stanchion.values import Action, Json

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@tool(read=True)
async def find(query: str) -> str:
    """Find something."""
    return query


FIND = find.contract
FRESH = replace(FIND, fresh=timedelta(minutes=1))


def asked(query: str, result: Json, **seen: Any) -> Seen:
    return Seen("find", {"query": query}, result, **{"read": True, **seen})


def history(calls: Iterable[Seen], task: str = "") -> CallHistory:
    made = CallHistory()
    made.known.give(task)
    for call in calls:
        made.add(call)
    return made


def same(times: int) -> CallHistory:
    return history([asked("x", {"state": "queued"})] * times)


def verdict(
    made: CallHistory, query: str = "x", *, now: datetime = NOW, contract: Any = FIND
) -> Any:
    return made.judge(contract, {"query": query}, now)


def test_the_third_equal_answer_comes_with_a_notice_and_each_notice_is_another() -> None:
    assert same(2).notice() == ""
    assert "same call of find" in same(3).notice()
    assert same(3).notice() != same(4).notice()


@pytest.mark.promise("LIMIT-1")
def test_a_read_that_is_merely_asked_again_is_held_back_ever_longer_and_then_stopped() -> None:
    verdicts = [verdict(same(times)) for times in range(1, 10)]

    assert verdicts[:3] == [Admit()] * 3
    waits = [said.wait.total_seconds() for said in verdicts[3:8]]
    assert waits == [5, 15, 45, 135, 405]
    assert verdicts[8].error.code == "stuck"


@pytest.mark.promise("LIMIT-1")
def test_other_words_for_the_same_question_are_refused_and_then_stopped() -> None:
    calls = [asked(f"refund {word}", []) for word in "abcdefgh"]
    verdicts = [verdict(history(calls[:n]), f"refunds, {n}") for n in range(1, 9)]

    assert verdicts[:4] == [Admit()] * 4
    assert [said.error.code for said in verdicts[4:7]] == ["no_progress"] * 3
    assert verdicts[4].error.action is Action.USE_OTHER_TOOL
    assert verdicts[7].error.code == "stuck"


def test_after_failures_the_model_is_sent_to_the_user() -> None:
    failed = [asked(f"guess {n}", {"code": "not_found"}, failed=True, read=False) for n in range(5)]

    assert verdict(history(failed), "guess 9").error.action is Action.ASK_USER


def test_another_tool_may_still_be_called_when_one_is_refused() -> None:
    stuck = history([asked(f"refund {word}", []) for word in "abcdef"])
    other = replace(FIND, name="ask_an_expert")

    assert isinstance(verdict(stuck, "refund g"), Refuse)
    assert verdict(stuck, "refund g", contract=other) == Admit()


def test_a_change_in_between_makes_asking_again_meaningful() -> None:
    calls = [asked("x", "ok")] * 3
    wrote = Seen("save", {"text": "y"}, "saved", wrote=True)

    assert isinstance(verdict(history([*calls, asked("x", "ok")])), Hold)
    assert verdict(history([*calls, asked("x", "ok"), wrote])) == Admit()


def test_within_its_declared_freshness_an_answer_comes_from_the_record() -> None:
    made = same(3)
    made.asks_now(FIND, {"query": "x"}, NOW)
    soon, late = NOW + timedelta(seconds=12), NOW + timedelta(minutes=2)

    assert verdict(made, now=soon, contract=FRESH) == Recall(
        {"state": "queued"}, "answered from the record of 12 s ago"
    )
    assert verdict(made, now=late, contract=FRESH) == Admit()
    assert verdict(made, now=soon) == Admit()  # nothing is declared


def test_where_freshness_is_declared_nobody_is_asked_again_before_it_ends() -> None:
    said = verdict(same(4), contract=FRESH)

    assert said == Hold(timedelta(minutes=1), "held back: 3 answers brought nothing new")


def test_of_an_answer_that_an_earlier_process_got_nobody_knows_how_fresh_it_is() -> None:
    assert verdict(same(3), contract=FRESH) == Admit()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"state": "running", "at": "10:31:07"}, {"state": "running", "at": "10:31:09"}),
        ("running, 2026-01-01T10:31:07Z", "running, 2026-01-01T10:31:09Z"),
        ({"state": "on", "request_id": "a1"}, {"state": "on", "request_id": "b2"}),
        ({"state": "on", "updatedAt": 17}, {"state": "on", "updatedAt": 18}),
        ("nothing about x", "nothing about x"),
        ({"x": [], "n": None}, {"x": [], "n": None}),
    ],
)
def test_an_answer_that_differs_only_by_times_and_random_ids_is_nothing_new(
    before: Json, after: Json
) -> None:
    assert len(history([asked("x", before), asked("x", after)]).barren) == 1


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"state": "running", "progress": 3}, {"state": "running", "progress": 4}),
        ("3 of 9 files", "4 of 9 files"),
        (["2026-01-01 10:00 start"], ["2026-01-01 10:01 start"]),
        ({"items": [1, 2]}, {"items": [1, 2, 3]}),
    ],
)
def test_an_answer_with_a_new_fact_is_progress(before: Json, after: Json) -> None:
    assert history([asked("x", before), asked("x", after)]).barren == []


def test_a_cursor_that_is_passed_back_is_no_fact() -> None:
    empty = [asked(f"c{n}", {"items": [], "next": f"c{n + 1}"}) for n in range(6)]

    assert isinstance(verdict(history(empty), "c6"), Refuse)


@pytest.mark.parametrize(
    ("task", "names"),
    [
        ("Check A-1, A-2, A-3 and A-4.", "A-1 A-2 A-3 A-4"),
        ("Check:\n- alpha\n- beta\n- gamma\n- delta", "alpha beta gamma delta"),
        ("Check\n1. alpha\n2. beta\n3. gamma\n4. delta", "alpha beta gamma delta"),
        ("Check rows 11 to 14.", "11 12 13 14"),
    ],
)
def test_working_through_what_the_task_names_is_progress_whatever_the_answers(
    task: str, names: str
) -> None:
    assert history([asked(name, "ok") for name in names.split()], task).barren == []


def test_what_was_found_is_kept_in_order() -> None:
    made = history([asked("a", "1"), asked("a", "1"), asked("b", "2")])

    assert [seen.arguments for seen in made.found] == [{"query": "a"}, {"query": "b"}]


@pytest.mark.promise("LIMIT-1")
@pytest.mark.parametrize("generator", STUCK, ids=lambda generator: generator.__name__)
@pytest.mark.parametrize("seed", [100, 101, 102])
def test_every_circle_of_the_benchmark_is_stopped_within_ten_wasted_calls(
    generator: Any, seed: int
) -> None:
    world, stopped = play(generator(random.Random(seed)))  # noqa: S311 (a seeded pattern)

    assert stopped
    assert world.wasted <= 10


@pytest.mark.promise("LIMIT-2")
@pytest.mark.parametrize("generator", HONEST, ids=lambda generator: generator.__name__)
def test_no_honest_work_of_the_benchmark_is_ever_refused(generator: Any) -> None:
    world, stopped = play(generator(random.Random(100), 520))  # noqa: S311 (a seeded pattern)

    assert not stopped
    assert world.finished


def play(case: Case) -> tuple[World, bool]:
    """Fold a case of the benchmark; return whether it was stopped, or honest work refused."""
    made, world = history([], case.task), World(case)
    while (call := world.propose()) is not None:
        arguments = {TOOLS[call.tool][0]: call.argument}
        said = made.judge(replace(FIND, name=call.tool), arguments, NOW)
        if isinstance(said, Refuse):
            if said.error.code == "stuck" or not case.stuck:
                return world, True
            made.add_refused(call.tool, arguments)
            continue
        writes = call.tool in WRITES
        try:
            result = world.answer(call.tool, call.argument)
        except Failure as failure:
            made.add(Seen(call.tool, arguments, {"detail": str(failure)}, failed=True))
            continue
        again = writes and any(s.arguments == arguments for s in made.found)
        made.add(Seen(call.tool, arguments, result, wrote=writes and not again, read=not writes))
    return world, False
