"""``stanchion init``: the project that it writes works."""

import os
import subprocess
import sys
from pathlib import Path

from tests.cli.conftest import Terminal

FILES = ["README.md", "stanchion.toml", "test_workflow.py", "workflow.py"]


def test_the_projects_own_tests_pass(terminal: Terminal, folder: Path) -> None:
    terminal("init", "project")

    told = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=folder / "project",
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert told.returncode == 0, told.stdout
    assert "3 passed" in told.stdout


def test_the_project_runs_asks_and_serves_as_its_readme_says(
    terminal: Terminal, folder: Path
) -> None:
    told = terminal("init", "--json")
    cheap = terminal("run", "workflow:take_back", "--input", "A-17")
    dear = terminal("run", "workflow:take_back", "--input", "A-18")
    (question,) = terminal("review", "list", "--json").data
    paid = terminal("review", "approve", question["id"], "--app", "workflow:app")

    assert told.data == {"folder": str(folder), "files": FILES}
    assert (cheap.code, cheap.out) == (0, "refund of A-17\n")
    assert dear.code == 3
    assert (paid.code, paid.out) == (0, "refund of A-18\n")


def test_nothing_is_overwritten_and_nothing_else_is_written(
    terminal: Terminal, folder: Path
) -> None:
    (folder / "workflow.py").write_text("mine", encoding="utf-8")

    told = terminal("init")

    assert told.code == 1
    assert "workflow.py already" in told.err
    assert [path.name for path in folder.iterdir()] == ["workflow.py"]
    assert (folder / "workflow.py").read_text(encoding="utf-8") == "mine"
