from pathlib import Path

import pytest

from scripts import docs


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "docs" / "snippets").mkdir(parents=True)
    (tmp_path / "docs" / "snippets" / "first.py").write_text('"""First."""\nprint(1)\n')
    (tmp_path / "promises.toml").write_text("")
    return tmp_path


def test_a_block_below_a_snippet_mark_gets_the_files_text(root: Path) -> None:
    page = root / "docs" / "page.md"
    page.write_text("<!-- snippet: first.py -->\n```python\nold\n```\nafter\n")

    assert docs.generated(root)[page] == (
        '<!-- snippet: first.py -->\n```python\n"""First."""\nprint(1)\n```\nafter\n'
    )


def test_a_snippet_that_no_page_shows_is_found(root: Path) -> None:
    assert docs.unused_snippets(root) == ["first.py"]


@pytest.mark.parametrize(
    ("link", "broken"),
    [
        ("other.md", False),
        ("other.md#two-words", False),
        ("#here", False),
        ("https://example.org/x", False),
        ("missing.md", True),
        ("other.md#missing", True),
    ],
)
def test_a_link_that_leads_nowhere_is_found(root: Path, link: str, *, broken: bool) -> None:
    (root / "docs" / "other.md").write_text("## `Two` words\n")
    (root / "docs" / "page.md").write_text(f"# Here\n[x]({link})\n```\n[x](not-a-link)\n```\n")

    assert bool(docs.broken_links(root)) is broken
