"""``stanchion eval``: exit codes for CI, reports in files, plans before the cases."""

from __future__ import annotations

from pathlib import Path

import pytest

from stanchion.evaluate import CaseResult, write_results
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
