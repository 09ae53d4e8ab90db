from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from scripts import promises

Project = Callable[..., Path]

WITHOUT_MARK = "def test_it():\n    assert True\n"


def test_a_manifest_whose_promises_are_tested_and_stated_has_no_problem(project: Project) -> None:
    assert promises.problems(project()) == []


def test_a_promise_without_a_test_is_a_problem(project: Project) -> None:
    assert promises.problems(project(test=WITHOUT_MARK)) == ["GATE-1 has no test that names it"]


def test_a_test_that_names_an_unknown_promise_is_a_problem(project: Project) -> None:
    root = project()
    extra = root / "tests" / "deeper" / "test_more.py"
    extra.parent.mkdir()
    extra.write_text('@pytest.mark.promise("GATE-9")\nasync def test_it(): ...\n')

    assert promises.problems(root) == [
        "tests/deeper/test_more.py::test_it names GATE-9, which is not in promises.toml"
    ]


def test_a_promise_that_its_page_does_not_state_is_a_problem(project: Project) -> None:
    assert promises.problems(project(page="(GATE-11)")) == ["docs/gate.md doesn't state GATE-1"]


def test_a_computed_id_is_a_problem_because_nobody_can_search_for_it(project: Project) -> None:
    wrong = promises.problems(project(test="@pytest.mark.promise(ID)\ndef test_it(): ...\n"))

    assert "names a promise that is not a plain string" in wrong[1]


def test_an_id_listed_twice_is_a_problem(project: Project) -> None:
    root = project()
    manifest = root / "promises.toml"
    manifest.write_text(manifest.read_text() * 2)

    assert promises.problems(root) == ["GATE-1 is listed twice in promises.toml"]


def test_marks_on_modules_classes_and_functions_all_count(project: Project) -> None:
    root = project(
        test='pytestmark = [pytest.mark.promise("A-1")]\n'
        '@pytest.mark.promise("B-1", "B-2")\n'
        "class TestGate:\n"
        '    @pytest.mark.promise("C-1")\n'
        "    def test_it(self): ...\n"
    )

    node = "tests/test_gate.py::TestGate::test_it"
    assert [(test.promise, test.node) for test in promises.find_tests(root)] == [
        ("A-1", node),
        ("B-1", node),
        ("B-2", node),
        ("C-1", node),
    ]


@pytest.mark.parametrize(
    "entry",
    [
        'id = "gate"\nsentence = "It holds."\npage = "docs/gate.md"',
        'id = "GATE-1"\nsentence = "not a sentence"\npage = "docs/gate.md"',
        'id = "GATE-1"\nsentence = "It holds."\npage = "README.md"',
        'id = "GATE-1"\nsentence = "It holds."\npage = "docs/gate.md"\nlimit = ["x"]',
    ],
)
def test_a_malformed_promise_is_refused(project: Project, entry: str) -> None:
    with pytest.raises(ValidationError):
        promises.load(project(manifest=f"[[promise]]\n{entry}\n"))


def test_the_page_shows_sentence_limits_and_tests(project: Project) -> None:
    root = project()

    page = promises.render(promises.load(root), promises.find_tests(root))

    assert "## GATE-1\n\nAmounts above 50 are refused. See [gate.md](gate.md)." in page
    assert "- Whole numbers." in page
    assert "- `tests/test_gate.py::test_large_amounts_are_refused`" in page
