"""An agent that works for longer than its window: what each call holds, and what comes back."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from stanchion import AgentResult, Run, tool, workflow
from stanchion.context import PER_MESSAGE, estimate, spelled
from stanchion.errors import ModelUnavailable, PinnedMissing
from stanchion.models import ModelRequest, ScriptedModel
from stanchion.models._scripted import Scripted
from stanchion.testing import Simulated, simulate
from stanchion.values import Message, TextPart, ToolCallPart, ToolResponsePart
from stanchion.workflows._models import ModelCall, call_model

GOAL = "Go through all the files and report what is wrong in them."
CONSTRAINTS = ("Never write to the folder /etc.", "Report in English.")
REQUEST = "Please check the files of project Kestrel."
WINDOW = 1_200


@tool(read=True)
async def read_file(number: int) -> str:
    """Read one file."""
    return f"file {number} of the project holds code KX-{number:04}: " + f"body{number} " * 25


@tool(read=True, trusted=True)
async def read_index(number: int) -> list[dict[str, Any]]:
    """Read the index of the files."""
    rows = 300 if number == 3 else 1
    return [{"row": n, "code": f"R{number}-{n:03}", "text": "entry " * 5} for n in range(rows)]


TOOLS = [read_file, read_index]
Step = Callable[[ModelRequest], Scripted]


def agent_model(
    turns: int, *last: Scripted, summary: Step | None = None, name: str = "read_file"
) -> ScriptedModel:
    """Return a model that reads so many files, says the rest, and writes summaries if asked to."""
    worked = 0

    def answer(request: ModelRequest) -> Scripted:
        nonlocal worked
        if request.schema is not None:
            return (summary or good_summary)(request)
        worked += 1
        if worked <= turns:
            return ToolCallPart(f"c{worked}", "read_file", {"number": worked})
        return last[worked - turns - 1]

    return ScriptedModel(answer)


def good_summary(request: ModelRequest) -> Scripted:
    del request
    some = {"goal": GOAL, "done": ["read some files"], "open": ["the rest"]}
    return {**some, "decided": [], "learnt": [], "closed": []}


def sorry(request: ModelRequest) -> Scripted:
    del request
    return "Sorry."


def failing(request: ModelRequest) -> Scripted:
    del request
    return ModelUnavailable("overloaded")


@workflow(tools=TOOLS, untrusted="off")
async def check(run: Run, turns: int) -> AgentResult[str]:
    return await run.agent(
        goal=GOAL,
        constraints=CONSTRAINTS,
        tools=TOOLS,
        input=REQUEST,
        max_turns=turns,
        window=WINDOW,
    )


async def checked(model: ScriptedModel, turns: int = 200) -> Simulated[AgentResult[str]]:
    done = await simulate(check, turns, models={"strong": model})
    assert done.state == "completed", done.reason
    return done


def working(model: ScriptedModel) -> list[ModelRequest]:
    return [request for request in model.requests if request.schema is None]


def words_of(request: ModelRequest) -> str:
    return "\n".join(map(spelled, request.messages))


def own_words(request: ModelRequest) -> list[str]:
    parts = [p for m in request.messages if m.role in {"system", "user"} for p in m.parts]
    return [p.content for p in parts if isinstance(p, TextPart)]


def answered(request: ModelRequest) -> Any:
    part = request.messages[-1].parts[-1]
    assert isinstance(part, ToolResponsePart)
    return part.response


@pytest.mark.promise("CONTEXT-1")
@pytest.mark.parametrize("summary", [good_summary, failing, sorry])
async def test_every_call_of_a_long_task_has_the_goal_the_constraints_and_the_request(
    summary: Step,
) -> None:
    model = agent_model(60, "all is well", summary=summary)

    done = await checked(model)

    assert done.output is not None
    assert done.output.stop_reason == "completed"
    assert len(working(model)) == 61
    for request in model.requests:
        said = own_words(request)
        for text in (GOAL, *CONSTRAINTS, REQUEST):
            assert any(text in each for each in said)


@pytest.mark.promise("CONTEXT-1")
async def test_a_prompt_without_what_is_pinned_is_never_sent() -> None:
    model = ScriptedModel(["sent"])
    refused: list[str] = []

    @workflow
    async def careless(run: Run, value: int) -> int:
        user = Message("user", (TextPart("something else"),))
        call = ModelCall("strong", {"turns": [user]}, pinned=(GOAL,))
        try:
            await call_model(run._incarnation, call)  # pyright: ignore[reportPrivateUsage]
        except PinnedMissing as error:
            refused.append(error.message)
        return value

    await simulate(careless, 1, models={"strong": model})

    assert refused
    assert model.requests == []


@pytest.mark.promise("CONTEXT-2")
async def test_no_call_is_larger_than_the_window_and_no_pair_of_call_and_result_is_split() -> None:
    model = agent_model(60, "all is well")

    await checked(model)

    assert len(working(model)) == 61
    for request in working(model):
        tokens = sum(estimate(spelled(m)) + PER_MESSAGE for m in request.messages)
        # Scripted models report words, so an estimate is corrected down, to its half at most.
        assert tokens <= 2 * WINDOW
        parts = [p for m in request.messages for p in m.parts]
        calls = [p.id for p in parts if isinstance(p, ToolCallPart)]
        results = [p.id for p in parts if isinstance(p, ToolResponsePart)]
        assert calls == results
        assert request.messages[1].role == "user"


@pytest.mark.promise("CONTEXT-3")
@pytest.mark.parametrize("summary", [failing, sorry])
async def test_a_summariser_that_fails_leaves_a_summary_made_by_code(summary: Step) -> None:
    model = agent_model(40, "all is well", summary=summary)

    done = await checked(model)

    compacted = [s for s in all_steps(done) if s.kind == "compact"]
    assert len(compacted) >= 2
    assert all(step.facts["by"] == ["code"] for step in compacted)
    assert all(len(step.facts["rejected"]) == 2 for step in compacted)
    assert "Record of turns 1 to" in words_of(working(model)[-1])
    assert "KX-" in words_of(working(model)[-1])


async def test_the_turns_that_left_the_window_are_those_that_its_summaries_cover() -> None:
    model = agent_model(60, "all is well")

    done = await checked(model)

    through = 0
    for step in (s for s in all_steps(done) if s.kind == "compact"):
        assert step.facts["through"] > through
        assert step.facts["turns"] == step.facts["through"] - through
        through = step.facts["through"]
    newest = [s for s in all_steps(done) if s.kind == "model" and "window" in s.facts][-1]
    assert newest.facts["window"]["summarised"] == through
    assert newest.facts["window"]["budget"] == WINDOW


@pytest.mark.promise("CONTEXT-4")
async def test_what_left_the_window_is_found_by_words_that_stood_in_it() -> None:
    asks = ToolCallPart("r1", "recall", {"what": "code of file 7"})
    model = agent_model(50, asks, "it is found")

    await checked(model)

    before, after = working(model)[-2:]
    assert "KX-0007" not in words_of(before)
    assert "KX-0007" in json.dumps(answered(after)[0])


@pytest.mark.promise("CONTEXT-4")
async def test_a_turn_that_left_the_window_is_read_again_by_its_number() -> None:
    model = agent_model(50, ToolCallPart("r1", "recall", {"what": "turn 9"}), "it is found")

    await checked(model)

    turn = answered(working(model)[-1])
    assert turn["turn"] == 9
    assert turn["calls"][0]["arguments"] == {"number": 9}
    assert "KX-0009" in turn["calls"][0]["result"]


@pytest.mark.parametrize("what", ["turn 999", "walrus", ""])
async def test_what_can_not_be_found_is_an_error_that_says_what_to_do(what: str) -> None:
    model = agent_model(50, ToolCallPart("r1", "recall", {"what": what}), "not found")

    await checked(model)

    assert answered(working(model)[-1])["code"] == "not_found"


async def test_a_model_is_offered_what_looks_back_only_when_there_is_something() -> None:
    model = agent_model(50, "all is well")

    await checked(model)

    offered = [[spec.name for spec in request.tools] for request in working(model)]
    assert offered[0] == ["read_file", "read_index"]
    assert offered[-1] == ["read_file", "read_index", "recall", "read_result"]


async def test_a_call_of_recall_before_it_is_offered_is_a_call_of_an_unknown_tool() -> None:
    model = agent_model(0, ToolCallPart("r1", "recall", {"what": "turn 1"}), "so be it")

    await checked(model)

    assert answered(working(model)[-1])["code"] == "unknown_tool"


@pytest.mark.promise("CONTEXT-5")
async def test_a_large_result_is_shown_as_a_preview_and_read_by_its_handle() -> None:
    def look(by: str, at: str) -> Step:
        def ask(request: ModelRequest) -> Scripted:
            handle = re.search(r"result-\w+", words_of(request))
            assert handle is not None
            return ToolCallPart(f"r-{by}", "read_result", {"handle": handle[0], "by": by, "at": at})

        return ask

    looks = [look("path", "[200].code"), look("search", "R3-250"), look("slice", "9000")]
    worked = 0

    def answer(request: ModelRequest) -> Scripted:
        nonlocal worked
        worked += 1
        if worked == 1:
            return ToolCallPart("c1", "read_index", {"number": 3})
        return looks[worked - 2](request) if worked - 2 < len(looks) else "done"

    model = ScriptedModel(answer)

    await checked(model)

    shown, path, found, part = (answered(r) for r in model.requests[1:])
    assert (shown["type"], shown["items"]) == ("list", 300)
    assert estimate(json.dumps(shown)) < WINDOW // 8
    assert path == "R3-200"
    assert "R3-250" in found[0]["text"]
    assert (part["from"], part["next"] - part["from"]) == (9000, len(part["text"]))


@pytest.mark.promise("CONTEXT-5")
async def test_a_large_result_is_found_by_its_words_after_its_preview_has_left_the_window() -> None:
    def later(request: ModelRequest) -> Scripted:
        assert "R3-250" not in words_of(request)
        return ToolCallPart("r1", "recall", {"what": "the row with R3 250"})

    worked = 0

    def answer(request: ModelRequest) -> Scripted:
        nonlocal worked
        if request.schema is not None:
            return good_summary(request)
        worked += 1
        match worked:
            case 1:
                return ToolCallPart("c1", "read_index", {"number": 3})
            case _ if worked < 50:
                return ToolCallPart(f"c{worked}", "read_file", {"number": worked})
            case 50:
                return later(request)
            case _:
                return "done"

    model = ScriptedModel(answer)

    await checked(model)

    assert "R3-250" in json.dumps(answered(working(model)[-1]))


async def test_a_handle_that_was_not_shown_leads_nowhere() -> None:
    guess = ToolCallPart("r1", "read_result", {"handle": "result-000000000000"})
    model = agent_model(50, guess, "so be it")

    await checked(model)

    assert answered(working(model)[-1])["code"] == "not_found"


async def test_looking_back_in_circles_is_noticed() -> None:
    asks = [ToolCallPart(f"r{n}", "recall", {"what": "code of file 7"}) for n in range(40)]
    model = agent_model(50, *asks, "never")

    done = await simulate(check, 200, models={"strong": model}, answers=["end"])

    assert done.output is not None
    assert done.output.stop_reason == "stuck"


async def test_what_does_not_fit_ends_the_task_with_a_reason() -> None:
    @workflow(tools=TOOLS, untrusted="off")
    async def verbose(run: Run, value: str) -> AgentResult[str]:
        return await run.agent(goal=GOAL, tools=TOOLS, input=value, window=600)

    done = await simulate(verbose, "very long " * 2_000, models={"strong": ScriptedModel([])})

    assert done.output is not None
    assert done.output.stop_reason == "overflow"
    assert "tokens" in done.output.explanation


async def test_a_run_that_is_replayed_asks_for_no_summary_again() -> None:
    model = agent_model(40, "all is well")
    done = await checked(model)
    summaries = [r for r in model.requests if r.schema is not None]
    compacted = [s for s in all_steps(done) if s.kind == "compact"]

    asked = sum(len(step.children) for step in compacted)

    assert len(summaries) == asked


def all_steps(done: Simulated[Any]) -> Sequence[Any]:
    found: list[Any] = []

    def walk(steps: Sequence[Any]) -> None:
        for step in steps:
            found.append(step)
            walk(step.children)

    walk(done.steps)
    return found
