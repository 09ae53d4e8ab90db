"""Experiments: each case a run, none of them twice, within a ceiling, in a drawn order."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from stanchion import Run, Settings, Stanchion, workflow
from stanchion.errors import ConfigurationError
from stanchion.evaluate import (
    Attempt,
    Case,
    Dataset,
    Experiment,
    GatePlan,
    Progress,
    Verdict,
    evaluate,
    exact,
    gate,
    recorded_cases,
    tool_calls,
)
from stanchion.ledger import RunFilter
from stanchion.models import ModelRequest, ModelResponse, ScriptedModel
from stanchion.values import Message, TextPart, Usage
from tests.evaluate.shop import answer, obliging, quote

QUICK = Settings(poll_seconds=0.02)
WORDS = ("tea", "jam", "rice", "oats")


def words(*, wrong: str = "") -> Dataset:
    """Return cases that expect the upper-cased word, but for one."""
    cases = (Case(word, "no" if word == wrong else word.upper(), id=word) for word in WORDS)
    return Dataset(tuple(cases))


def shouting(**options: Any) -> Experiment:
    """Return the experiment that most tests here make."""
    given: dict[str, Any] = {"dataset": words(), "scorers": {"exact": exact()}, **options}
    return Experiment(answer, **given)


@pytest.fixture
async def app() -> AsyncIterator[Stanchion]:
    models = {"strong": obliging()}
    async with Stanchion("sqlite://:memory:", models=models, settings=QUICK) as opened:
        yield opened


def length(attempt: Attempt) -> float:
    return len(attempt.output) / 10


def wild(attempt: Attempt) -> float:
    return 3.0


def asked(app: Stanchion) -> int:
    """Return how often the model was asked."""
    model = app.models_in_code["strong"]
    assert isinstance(model, ScriptedModel)
    return len(model.requests)


async def test_each_case_is_a_run_that_is_scored(app: Stanchion) -> None:
    told: list[Progress] = []

    found = await evaluate(app, shouting(dataset=words(wrong="jam")), progress=told.append)

    assert [(r.case, r.scores["exact"]) for r in found.results] == [
        ("tea", 1), ("jam", 0), ("rice", 1), ("oats", 1),
    ]  # fmt: skip
    assert [each.done for each in told] == [1, 2, 3, 4]
    assert (found.stopped, found.dataset) == ("", words(wrong="jam").digest)
    record = await app.store.get(found.results[0].facts["runs"][0])
    assert record.tags["case"] == "tea"


@pytest.mark.promise("EVAL-5")
async def test_the_same_again_costs_nothing_and_another_variant_is_run(app: Stanchion) -> None:
    first = await evaluate(app, shouting())
    again = await evaluate(app, shouting(scorers={"length": length}))
    calls = asked(app)
    other = await evaluate(app, shouting(variant="prompt 2"))

    assert [r.facts["runs"] for r in first.results] == [r.facts["runs"] for r in again.results]
    assert (first.progress.reused, again.progress.reused, other.progress.reused) == (0, 4, 0)
    assert (calls, asked(app)) == (4, 8)
    assert again.results[0].scores == {"length": 0.3}


async def test_another_model_or_input_is_another_run_and_an_equal_input_is_not() -> None:
    renamed = ScriptedModel(lambda _: "TEA", version="scripted-2")
    for model, reused in ((obliging(), 0), (renamed, 0)):
        app = Stanchion("sqlite://:memory:", models={"strong": model}, settings=QUICK)
        async with app:
            assert (await evaluate(app, shouting())).progress.reused == reused
            more = Dataset((*words().cases, Case("salt", id="new"), Case("tea", id="twin")))
            assert (await evaluate(app, shouting(dataset=more))).progress.reused >= 4


async def test_a_case_that_broke_has_an_error_and_no_score(app: Stanchion) -> None:
    dataset = Dataset((Case(["tea"], id="good"), Case(["gold"], id="bad")))
    experiment = Experiment(quote, dataset, {"any": lambda _: 1.0})

    good, bad = (await evaluate(app, experiment)).results

    assert (good.scores, bad.scores) == ({"any": 1}, {})
    assert "failed" in bad.error


async def test_a_scorer_that_raises_or_leaves_the_scale_spoils_its_metric_alone(
    app: Stanchion,
) -> None:
    def broken(attempt: Attempt) -> float:
        raise LookupError(attempt.case.id)

    scorers = {"exact": exact(), "broken": broken, "wild": wild}

    found = (await evaluate(app, shouting(scorers=scorers))).results[0]

    assert found.scores == {"exact": 1}
    assert "broken raised LookupError: tea" in found.error
    assert "wild returned 3" in found.error


async def test_a_run_that_waits_for_a_person_is_no_success(app: Stanchion) -> None:
    found = await evaluate(app, Experiment(ask_first, Dataset((Case("tea"),)), {"exact": exact()}))

    assert found.results[0].scores == {}
    assert "waiting" in found.results[0].error


@workflow
async def ask_first(run: Run, word: str) -> str:
    return await run.ask(f"Sell {word}?", choices=("yes", "no"))


async def test_trials_of_a_case_are_averaged_and_kept(app: Stanchion) -> None:
    def odd(attempt: Attempt) -> float:
        return float(attempt.trial != 1)

    found = await evaluate(app, shouting(trials=4, scorers={"odd": odd}))

    assert asked(app) == 16
    assert {r.scores["odd"] for r in found.results} == {0.75}
    assert sorted(found.results[0].facts["trials"]["odd"]) == [0, 1, 1, 1]


async def test_calls_of_tools_are_judged_from_the_record(app: Stanchion) -> None:
    wanted = {"calls": [{"name": "price", "arguments": {"item": each}} for each in ("jam", "tea")]}
    dataset = Dataset((Case(["tea", "jam"], wanted),))
    scorers = {"ordered": tool_calls(), "any order": tool_calls(in_order=False)}

    (found,) = (await evaluate(app, Experiment(quote, dataset, scorers))).results

    assert found.scores == {"ordered": 0.5, "any order": 1}


class Priced:
    """A model whose price is in the table: a million tokens a call."""

    name, real = "openai:gpt-4o", True

    async def complete(self, request: ModelRequest) -> ModelResponse:
        message = Message("assistant", (TextPart("TEA"),))
        usage = Usage(input_tokens=1_000_000)
        return ModelResponse(message, usage, model="gpt-4o-2024-08-06", provider="openai")


@pytest.mark.parametrize("concurrency", [1, 3])
async def test_no_run_is_started_that_could_pass_the_ceiling(concurrency: int) -> None:
    async with Stanchion("sqlite://:memory:", models={"strong": Priced()}, settings=QUICK) as app:
        dataset = Dataset(tuple(Case(f"{n}") for n in range(12)))
        first = await evaluate(app, shouting(dataset=Dataset((Case("price"),))))
        price = first.progress.usd
        ceiling = price * 4 + price / 2

        found = await evaluate(
            app, shouting(dataset=dataset, concurrency=concurrency, ceiling_usd=ceiling)
        )
        rest = await evaluate(app, shouting(dataset=dataset))

    assert price > 0
    assert found.progress.usd == 4 * price <= ceiling
    assert len(found.results) == 4
    assert found.stopped == f"the ceiling of ${ceiling}"
    assert rest.progress.reused == len(found.results)
    assert rest.progress.usd == price * (12 - len(found.results))


async def test_an_evaluation_ends_when_the_gate_has_its_verdict(app: Stanchion) -> None:
    cases = tuple(Case(f"case {n}", f"CASE {n}") for n in range(150))
    baseline = (await evaluate(app, shouting(dataset=Dataset(cases)))).results
    plans = {"exact": GatePlan(0.2, discordance=0.1)}

    found = await evaluate(
        app,
        shouting(dataset=Dataset(cases), variant="new", concurrency=1),
        stop=lambda results: gate(results, baseline, plans).verdict is not Verdict.INCONCLUSIVE,
    )

    assert gate(found.results, baseline, plans).verdict is Verdict.PASS
    assert len(found.results) < 60
    assert found.stopped.startswith("enough")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"scorers": {}}, "needs a scorer"),
        ({"trials": 0}, "needs a scorer"),
        ({"dataset": Dataset((Case({"no": "text"}, id="odd"),))}, "the case odd isn't an input"),
    ],
)
async def test_what_cannot_be_evaluated_is_refused_before_anything_is_run(
    app: Stanchion, options: dict[str, Any], told: str
) -> None:
    with pytest.raises(ConfigurationError, match=told):
        await evaluate(app, shouting(**options))
    assert asked(app) == 0


async def test_recorded_runs_become_cases(app: Stanchion) -> None:
    await evaluate(app, shouting())
    where = RunFilter(workflow="answer", limit=3)

    found = [case async for case in recorded_cases(app.store, where, was_right=True)]
    unjudged = [case async for case in recorded_cases(app.store, RunFilter())]

    assert len(found) == 3
    assert all(case.expected == case.input.upper() for case in found)
    assert [case.expected for case in unjudged] == [None] * 4
    assert found[0].facts["run"] == found[0].id


PROGRAM = """
import asyncio, sys
from pathlib import Path
from stanchion import Stanchion
from stanchion.evaluate import Case, Dataset, Experiment, evaluate, exact
from stanchion.models import ScriptedModel
from tests.evaluate.shop import answer

log = Path("asked.log")

async def said(request):
    word = request.messages[-1].parts[-1].content
    with log.open("a") as file:
        file.write(word + "\\n")
    await asyncio.sleep(0.02)
    return "ok"

async def main():
    dataset = Dataset(tuple(Case(f"case-{n}", "ok") for n in range(40)))
    models = {"strong": ScriptedModel(said)}
    async with Stanchion("sqlite:///ledger.db", models=models) as app:
        experiment = Experiment(answer, dataset, {"exact": exact()}, concurrency=4)
        def told(progress):
            print(progress.done, flush=True)
        found = await evaluate(app, experiment, progress=told)
    print(len(found.results), found.progress.reused, flush=True)

asyncio.run(main())
"""


@pytest.mark.promise("EVAL-5")
def test_after_a_kill_no_finished_case_is_run_again(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root), "STANCHION_LEASE_SECONDS": "0.5"}
    command = [sys.executable, "-c", PROGRAM]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        assert "15" in (line.strip() for line in running.stdout)
        running.send_signal(signal.SIGKILL)
    before = (tmp_path / "asked.log").read_text().split()

    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    asked = (tmp_path / "asked.log").read_text().split()
    results, reused = map(int, done.stdout.splitlines()[-1].split())

    assert results == 40
    assert reused >= 15
    assert len(asked) - len(set(asked)) <= 4, "only what was in flight may be asked again"
    assert len(set(asked)) == 40
    assert len(before) < 40
