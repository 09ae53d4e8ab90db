"""Guards of the shape: modules, rooms, the public face, what an import loads, what is shipped."""

import ast
import importlib
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

import stanchion
from stanchion.workflows import ReplayMode

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "stanchion"
MODULES = sorted(SOURCE.rglob("*.py"))
PROGRAMS = sorted(
    path
    for folder in ("benchmarks", "scripts", "examples")
    for path in (ROOT / folder).rglob("*.py")
)
ROOMS = sorted(path.parent.name for path in SOURCE.glob("*/__init__.py"))

FACE = [
    "Action",
    "AgentResult",
    "Breaker",
    "Budget",
    "BudgetExceeded",
    "CallContext",
    "CantTell",
    "Ceiling",
    "Decision",
    "Denied",
    "DidNotHappen",
    "Durability",
    "Expired",
    "Happened",
    "ModelFailed",
    "Money",
    "NotPerformed",
    "Principal",
    "Rate",
    "Refused",
    "Reviewer",
    "Run",
    "RunHandle",
    "Settings",
    "Stanchion",
    "StanchionError",
    "StepFailed",
    "ToolError",
    "ToolFailed",
    "Untrusted",
    "allow",
    "approvers",
    "tool",
    "workflow",
]
"""Every public name of ``stanchion`` itself. A change here is a change of the API: CHANGELOG."""

HEAVY = {
    "alembic",
    "genai_prices",
    "httpx",
    "jsonschema",
    "mcp",
    "numpy",
    "psycopg",
    "pydantic_ai",
    "rich",
    "scipy",
    "sqlalchemy",
    "typer",
    "xllamacpp",
    "zstandard",
}


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def explained(path: Path, node: ast.stmt) -> bool:
    """Tell whether a comment stands beside a statement or on the line above it."""
    lines = path.read_text(encoding="utf-8").splitlines()[node.lineno - 2 : node.end_lineno]
    return any("#" in line for line in lines)


def order(name: str) -> tuple[bool, str]:
    """Sort as ruff sorts ``__all__``: constants, classes, the rest."""
    return (not name.isupper(), name)


def deferred_imports(module: ast.Module) -> Iterator[ast.Import | ast.ImportFrom]:
    for function in ast.walk(module):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for node in ast.walk(function):
                if isinstance(node, ast.Import | ast.ImportFrom):
                    yield node


def test_every_module_says_what_it_is_in_a_few_lines() -> None:
    docstrings = {
        named(path): ast.get_docstring(parsed(path)) or "" for path in [*MODULES, *PROGRAMS]
    }
    del docstrings["src/stanchion/errors.py"]  # it draws the tree

    assert {k for k, text in docstrings.items() if not 1 <= len(text.splitlines()) <= 12} == set()


def test_every_import_inside_a_function_says_why() -> None:
    silent = [
        f"{named(path)}:{node.lineno}"
        for path in MODULES
        for node in deferred_imports(parsed(path))
        if not explained(path, node)
    ]

    assert silent == []


def test_no_module_is_a_drawer_for_everything() -> None:
    drawers = {"common", "helpers", "manager", "misc", "utils"}

    assert [named(path) for path in MODULES if path.stem.strip("_") in drawers] == []


def test_every_room_keeps_its_files_private() -> None:
    files = [path for room in ROOMS for path in (SOURCE / room).glob("*.py")]

    assert [named(path) for path in files if not path.name.startswith("_")] == []


def test_every_room_has_its_line_in_the_ownership_list() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")

    assert [room for room in ROOMS if f"| `{room}` |" not in text] == []


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_lists_its_public_names_in_order_and_has_them(room: str) -> None:
    module = importlib.import_module(f"stanchion.{room}")
    names: list[str] = module.__all__

    assert names == sorted(set(names), key=order)
    assert [name for name in names if not hasattr(module, name)] == []
    assert [name for name in names if name.startswith("_")] == []


def test_the_face_is_exactly_what_is_pinned_here() -> None:
    names = list(getattr(stanchion, "__all__", []))

    assert names == sorted(names, key=order)
    assert names == FACE
    assert [name for name in names if not hasattr(stanchion, name)] == []


def test_using_any_public_name_loads_nothing_heavy() -> None:
    program = (
        "import stanchion, sys\n"
        "for name in getattr(stanchion, '__all__', []): getattr(stanchion, name)\n"
        "print(*sorted({module.partition('.')[0] for module in sys.modules}))"
    )
    told = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout

    assert "stanchion" in told.split()
    assert HEAVY & set(told.split()) == set()


def test_the_mode_that_replays_everywhere_is_asked_for_in_one_place_which_the_tests_hear() -> None:
    words = {path: path.read_text(encoding="utf-8") for path in MODULES}
    readers = [path.name for path, text in words.items() if "STANCHION_TEST_REPLAY" in text]
    heard: list[str] = []
    sys.addaudithook(lambda event, _: heard.append(event) if "replay_mode" in event else None)

    ReplayMode.from_environment()

    assert readers == ["_host.py"]
    assert heard == ["stanchion.replay_mode"]


def test_the_lock_comes_from_the_public_index_alone() -> None:
    packages = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))["package"]
    sources = {tuple(package["source"].items()) for package in packages}

    assert sources == {(("registry", "https://pypi.org/simple"),), (("editable", "."),)}


def test_the_wheel_holds_every_file_of_the_package_and_nothing_else(tmp_path: Path) -> None:
    builder = WheelBuilder(str(ROOT))
    (wheel,) = builder.build(directory=str(tmp_path), versions=["standard"])
    shipped = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    wanted = {
        path.relative_to(SOURCE.parent).as_posix()
        for path in SOURCE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }

    example = ROOT / "examples" / "support_desk"
    wanted |= {
        f"stanchion/demo/support_desk/{path.name}" for path in example.iterdir() if path.is_file()
    }

    assert shipped == wanted
    assert "stanchion/py.typed" in shipped
