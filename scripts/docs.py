"""The documentation's machine-made parts, and the checks that keep the rest from rotting.

``docs/promises.md`` is generated. A page shows a snippet as a code block below a line
``<!-- snippet: first.py -->``; the block's text is taken from ``docs/snippets/first.py``, which a
test runs. Links between files, and to headings in them, must lead somewhere. ``--check`` writes
nothing and fails on any difference.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from scripts import promises

__all__ = ["broken_links", "generated", "pages", "unused_snippets"]

SNIPPET = re.compile(r"(<!-- snippet: (\S+\.py) -->\n)```python\n.*?```", re.DOTALL)
FENCE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)


def pages(root: Path) -> list[Path]:
    """Return every Markdown page of the tree."""
    return sorted([*root.glob("*.md"), *(root / "docs").rglob("*.md")])


def generated(root: Path) -> dict[Path, str]:
    """Return the text that each page ought to have, for pages with machine-made parts."""
    texts = {
        page: with_snippets(page.read_text(encoding="utf-8"), root)
        for page in pages(root)
        if SNIPPET.search(page.read_text(encoding="utf-8"))
    }
    listed = promises.render(promises.load(root), promises.find_tests(root))
    return {**texts, root / "docs" / "promises.md": listed}


def with_snippets(text: str, root: Path) -> str:
    """Return the page's text with its code blocks as the snippets' files have them."""

    def block(match: re.Match[str]) -> str:
        source = (root / "docs" / "snippets" / match[2]).read_text(encoding="utf-8")
        return f"{match[1]}```python\n{source.rstrip()}\n```"

    return SNIPPET.sub(block, text)


def unused_snippets(root: Path) -> list[str]:
    """Return the snippets that no page shows."""
    shown = {
        match[2]
        for page in pages(root)
        for match in SNIPPET.finditer(page.read_text(encoding="utf-8"))
    }
    names = sorted(file.name for file in (root / "docs" / "snippets").glob("*.py"))
    return [name for name in names if name not in shown]


def broken_links(root: Path) -> list[str]:
    """Return links between files of the tree that lead nowhere, as ``page: link``."""
    return [f"{page.relative_to(root)}: {link}" for page in pages(root) for link in _broken(page)]


def _broken(page: Path) -> Iterator[str]:
    for link in LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path) if path else page
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            yield link


def _anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, made as code hosts make them."""
    headings = HEADING.findall(FENCE.sub("", page.read_text(encoding="utf-8")))
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}


def main() -> None:
    """Write the pages, or check them."""
    parser = argparse.ArgumentParser(prog="python -m scripts.docs", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, fail on differences")
    check: bool = parser.parse_args().check
    root = Path()
    stale = [
        page
        for page, text in generated(root).items()
        if not page.exists() or page.read_text(encoding="utf-8") != text
    ]
    if not check:
        for page in stale:
            page.write_text(generated(root)[page], encoding="utf-8")
            print(f"wrote {page}")
        stale = []
    wrong = [f"{page} is out of date: make docs" for page in stale]
    wrong += [f"no page shows docs/snippets/{name}" for name in unused_snippets(root)]
    wrong += [f"a link leads nowhere: {link}" for link in broken_links(root)]
    wrong += promises.problems(root) if check else []
    sys.exit("\n".join(wrong) or 0)


if __name__ == "__main__":
    main()
