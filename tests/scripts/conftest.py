"""A tiny project with one promise, one mechanism and one test."""

from collections.abc import Callable
from pathlib import Path

import pytest

GATE = '''"""A gate."""


def allowed(amount: int) -> bool:
    """Tell whether an amount may pass."""
    return amount <= 50
'''

TEST = """import pytest

from gate import allowed


@pytest.mark.promise("GATE-1")
def test_large_amounts_are_refused():
    assert not allowed(51)
"""

MANIFEST = """[[promise]]
id = "GATE-1"
sentence = "Amounts above 50 are refused."
limits = ["Whole numbers."]
page = "docs/gate.md"
"""

Project = Callable[..., Path]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Return a function that writes the project, with parts replaced, and returns its folder."""

    def write(*, test: str = TEST, manifest: str = MANIFEST, page: str = "(GATE-1)") -> Path:
        files = {
            "src/gate.py": GATE,
            "tests/test_gate.py": test,
            "promises.toml": manifest,
            "docs/gate.md": page,
            "pytest.ini": "[pytest]\nmarkers = promise(id): x\n",
        }
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path

    return write
