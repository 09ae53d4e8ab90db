"""Pages are up to date, their links lead somewhere, and their snippets do what they say."""

import re
import runpy
from pathlib import Path

import pytest

import stanchion
from scripts import docs
from stanchion import errors
from stanchion.workflows import Run

ROOT = Path(__file__).parents[2]
SNIPPETS = sorted((ROOT / "docs" / "snippets").glob("*.py"))
PAGES = "\n".join(page.read_text(encoding="utf-8") for page in docs.pages(ROOT))


@pytest.mark.parametrize("snippet", SNIPPETS, ids=lambda path: path.name)
def test_a_snippet_runs_and_prints_what_it_says(
    snippet: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)

    runpy.run_path(str(snippet), run_name="snippet")

    said = re.findall(r"^ *# >(?: (.*))?$", snippet.read_text(encoding="utf-8"), re.MULTILINE)
    assert said
    assert capsys.readouterr().out.splitlines() == said


def test_every_snippet_is_shown_on_a_page() -> None:
    assert docs.unused_snippets(ROOT) == []


def test_machine_made_parts_are_up_to_date() -> None:
    stale = [
        str(page)
        for page, text in docs.generated(ROOT).items()
        if not page.exists() or page.read_text(encoding="utf-8") != text
    ]
    assert stale == [], "make docs"


def test_no_link_between_files_leads_nowhere() -> None:
    assert docs.broken_links(ROOT) == []


def test_every_room_has_its_page_and_the_index_lists_every_page() -> None:
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    source = ROOT / "src" / "stanchion"
    rooms = {path.parent.name for path in source.glob("*/__init__.py")}
    written = {page.stem for page in (ROOT / "docs").glob("*.md")} - {"README"}

    assert rooms - written == set()
    assert {name for name in written if f"({name}.md)" not in index} == set()


def test_every_method_of_a_run_is_on_the_page_about_workflows() -> None:
    page = (ROOT / "docs" / "workflows.md").read_text(encoding="utf-8")
    methods = [name for name in vars(Run) if not name.startswith("_")]

    assert [name for name in methods if f"run.{name}" not in page] == []


def test_every_error_that_a_workflow_may_catch_is_on_a_page() -> None:
    catchable = {error.__name__ for error in errors.StepError.__subclasses__()}

    assert {name for name in catchable if f"`{name}`" not in PAGES} == set()


def test_every_public_name_is_on_a_page() -> None:
    names = [name for name in stanchion.__all__ if not re.search(rf"\b{name}\b", PAGES)]

    assert names == []
