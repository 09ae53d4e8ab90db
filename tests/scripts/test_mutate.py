from collections.abc import Callable
from pathlib import Path

import pytest

from scripts import mutate
from scripts.mutate import Mutant, Outcome, Verdict
from tests.scripts.conftest import GATE, MANIFEST, TEST

Project = Callable[..., Path]

SLOPPY = TEST.replace("assert not allowed(51)", "assert allowed(50)")


@pytest.fixture(autouse=True)
def quick_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tiny project needs no plugin of ours."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


def mutation(find: str, replace: str) -> str:
    table = f"file = 'src/gate.py'\nfind = '{find}'\nreplace = '{replace}'\n"
    return f"{MANIFEST}\n[[promise.mutation]]\n{table}"


@pytest.mark.parametrize(
    ("verdict", "test", "find", "replace"),
    [
        (Verdict.CAUGHT, TEST, "<= 50", "<= 5000"),
        (Verdict.SURVIVED, SLOPPY, "<= 50", "<= 5000"),
        (Verdict.STALE, TEST, "< 60", "< 6000"),
        (Verdict.STALE, TEST, "a", "b"),
        (Verdict.BROKEN, TEST, "def allowed", "def renamed"),
        (Verdict.UNTESTED, "def test_it(): ...\n", "<= 50", "<= 5000"),
    ],
)
def test_a_mutant_gets_the_verdict_it_deserves(
    project: Project, verdict: Verdict, test: str, find: str, replace: str
) -> None:
    root = project(test=test, manifest=mutation(find, replace))

    outcomes = [mutate.try_mutant(root, mutant) for mutant in mutate.mutants(root)]

    assert [outcome.verdict for outcome in outcomes] == [verdict]
    assert (root / "src" / "gate.py").read_text() == GATE


def test_one_survivor_fails_the_whole_and_is_named(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    root = project(test=SLOPPY, manifest=mutation("<= 50", "<= 5000"))

    untouched, outcomes = mutate.run(root, jobs=2)

    assert mutate.report(untouched, outcomes, seconds=1) == 1
    assert "GATE-1: SURVIVED, replacing\n<= 50" in capsys.readouterr().out


def test_tests_that_fail_anyway_prove_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    untouched = Outcome(Mutant("", None, ("tests/test_gate.py::test_it",)), Verdict.CAUGHT)

    assert mutate.report(untouched, [], seconds=1) == 1
    assert capsys.readouterr().out.startswith("Without any mutation the tests don't pass")


def test_a_hang_is_not_a_failure_and_is_ended(project: Project) -> None:
    endless = TEST.replace("assert not", "while True:\n        assert not")
    root = project(test=endless, manifest=mutation("<= 50", "<= 49"))
    (mutant,) = mutate.mutants(root)

    outcome = mutate.try_mutant(root, mutant, hung_after=1.0)

    assert outcome.verdict is Verdict.HUNG
