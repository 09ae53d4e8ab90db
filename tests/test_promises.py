"""The manifest, the tests that name its promises, and the pages agree."""

from pathlib import Path

from scripts import promises

ROOT = Path(__file__).parents[1]


def test_every_promise_has_a_test_and_a_page_and_every_named_promise_exists() -> None:
    assert promises.problems(ROOT) == []
