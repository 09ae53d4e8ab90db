"""Pages are up to date, their links lead somewhere, and their snippets do what they say."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import docs

ROOT = Path(__file__).parents[2]
SNIPPETS = sorted((ROOT / "docs" / "snippets").glob("*.py"))


@pytest.mark.parametrize("snippet", SNIPPETS, ids=lambda path: path.name)
def test_a_snippet_runs_and_prints_what_it_says(snippet: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(snippet)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    said = re.findall(r"^# prints: (.*)$", snippet.read_text(encoding="utf-8"), re.MULTILINE)
    assert done.stdout.splitlines() == said


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
