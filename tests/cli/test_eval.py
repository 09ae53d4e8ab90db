"""``stanchion eval``: exit codes for CI, reports in files, plans before the cases."""

from __future__ import annotations

from pathlib import Path

import pytest

from stanchion.evaluate import CaseResult, load_dataset, read_results, write_results
from tests.cli.conftest import Terminal


@pytest.fixture
def files(folder: Path) -> Path:
    """Return a folder with results of a good and of a bad system on the same 400 cases."""
    for name, share in (("good", 10), ("bad", 4), ("twin", 10)):
        cases = [CaseResult(f"{n}", {"exact": float(n % share != 0)}) for n in range(400)]
        write_results(folder / f"{name}.jsonl", cases)
    return folder


@pytest.mark.parametrize(
    ("candidate", "baseline", "code", "verdict"),
    [
        ("good", "bad", 0, "pass"),
        ("bad", "good", 1, "fail"),
        ("twin", "good", 0, "pass"),
    ],
)
def test_the_exit_code_is_the_verdict(
    terminal: Terminal, files: Path, candidate: str, baseline: str, code: int, verdict: str
) -> None:
    words = ("eval", "gate", f"{candidate}.jsonl", f"{baseline}.jsonl", "--margin", "exact=0.05")

    told, data = terminal(*words), terminal(*words, "--json").data

    assert (told.code, data["verdict"]) == (code, verdict)
    assert f"gate: {verdict}" in told.out


def test_too_few_cases_exit_with_2_and_say_how_many_more(terminal: Terminal, files: Path) -> None:
    told = terminal(
        "eval", "gate", "twin.jsonl", "bad.jsonl", "--margin", "exact=0.05", "--maximum", "15"
    )

    assert told.code == 2
    assert "more would settle it" in told.out


def test_reports_are_written_for_ci(terminal: Terminal, files: Path) -> None:
    words = ("eval", "gate", "bad.jsonl", "good.jsonl", "--margin", "exact=0.05")

    terminal(*words, "--junit", "gate.xml", "--markdown", "gate.md")

    assert '<testcase classname="gate" name="exact"><failure' in (files / "gate.xml").read_text()
    assert (files / "gate.md").read_text().startswith("**Gate: fail**")


@pytest.mark.parametrize("margin", ["0.05", "exact=wide", "=0.05"])
def test_a_margin_names_its_metric(terminal: Terminal, files: Path, margin: str) -> None:
    told = terminal("eval", "gate", "good.jsonl", "bad.jsonl", "--margin", margin)

    assert told.code == 2
    assert "METRIC=MARGIN" in told.err


def test_results_that_are_not_there_are_said_with_a_remedy(terminal: Terminal) -> None:
    told = terminal("eval", "gate", "no.jsonl", "no.jsonl", "--margin", "exact=0.05")

    assert told.code == 1
    assert "no.jsonl can't be read" in told.err


def test_a_plan_says_how_many_cases_before_they_are_paid_for(terminal: Terminal) -> None:
    words = ("eval", "plan", "--margin", "0.1", "--group-size", "5", "--icc", "0.3")

    told, data = terminal(*words), terminal(*words, "--json").data

    assert f"{data['planned']:,} cases" in told.out
    assert data["maximum"] == 2 * data["planned"]


EXPERIMENT = """
from stanchion import Stanchion
from stanchion.evaluate import Case, Dataset, Experiment, exact
from tests.evaluate.shop import quote

cases = [
    Case(["tea"], {"tea": 3}, id="tea", facts={"kind": "drink"}),
    Case(["jam"], {"jam": 4}, id="jam", facts={"kind": "food"}),
]
prices = Experiment(quote, Dataset(tuple(cases)), {"exact": exact()})
broken = Experiment(quote, Dataset((Case(["gold"]),)), {"exact": exact()})
"""


@pytest.fixture
def experiment(folder: Path) -> str:
    (folder / "prices.py").write_text(EXPERIMENT, encoding="utf-8")
    return "prices.py:prices"


def test_an_experiment_is_run_and_again_for_nothing(
    terminal: Terminal, folder: Path, experiment: str
) -> None:
    words = ("eval", "run", experiment, "--to", "results.jsonl", "--store", "sqlite:///l.db")

    told, data = terminal(*words, "--by", "kind"), terminal(*words, "--by", "kind", "--json").data

    assert told.code == 0
    assert "2 runs in" in told.err
    assert data["reused"] == 2
    assert [each["name"] for each in data["metrics"]["exact"]] == ["all", "food", "drink"]
    assert [each.scores["exact"] for each in read_results(folder / "results.jsonl")] == [1, 0]


def test_an_experiment_with_broken_cases_exits_with_1(terminal: Terminal, experiment: str) -> None:
    told = terminal(
        "eval", "run", "prices.py:broken", "--to", "r.jsonl", "--store", "sqlite:///l.db"
    )

    assert told.code == 1
    assert "1 without a score" in told.err


def test_runs_are_added_to_a_dataset_once_and_split(
    terminal: Terminal, folder: Path, experiment: str
) -> None:
    store = ("--store", "sqlite:///l.db")
    terminal("eval", "run", experiment, "--to", "results.jsonl", *store)
    runs = [str(r.facts["runs"][0]) for r in read_results(folder / "results.jsonl")]
    add = ("dataset", "add", "--to", "cases.jsonl", *store)

    one = terminal(*add, runs[0][:8], "--expected", '{"tea": 3}', "--json").data
    both = terminal(*add, "--workflow", "quote", "--was-right", "--json").data
    cases = load_dataset(folder / "cases.jsonl").cases
    parts = terminal("dataset", "split", "cases.jsonl", "--part", "a=0.5", "--part", "b=0.5")

    assert (one["cases"], both["cases"]) == (1, 2)
    assert [(c.input, c.expected) for c in cases] == [
        (["tea"], {"tea": 3}),
        (["jam"], {"jam": 5}),
    ]
    assert parts.code == 0
    assert (folder / "cases.a.jsonl").exists()
    assert terminal("dataset", "show", "cases.jsonl", "--json").data["cases"] == 2


@pytest.mark.parametrize(
    "words",
    [
        ("add", "--to", "c.jsonl"),
        ("add", "abc", "--to", "c.jsonl", "--workflow", "quote"),
        ("add", "abc", "def", "--to", "c.jsonl", "--expected", "1"),
        ("split", "c.jsonl", "--part", "0.5"),
    ],
)
def test_words_that_contradict_are_wrong_usage(terminal: Terminal, words: tuple[str, ...]) -> None:
    assert terminal("dataset", *words).code == 2
