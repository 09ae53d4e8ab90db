"""The manifest of promises, and the tests that try to break them.

``promises.toml`` says what is promised; a test says which promise it attacks with
``@pytest.mark.promise("LEDGER-1")``. Tests are found by reading their source, not by running
pytest, so that a partial or parallel run sees all of them.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Mutation", "Promise", "TestReference", "find_tests", "load", "problems", "render"]

MANIFEST = "promises.toml"

_FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Mutation(_Strict):
    """A change of the source that takes the mechanism out: the promise's tests must then fail."""

    file: str = Field(pattern=r"^src/.+\.py$")
    find: str = Field(min_length=1)
    """Text that occurs exactly once in the file."""
    replace: str
    select: str = ""
    """A ``pytest -k`` expression, to run only the quickest of the promise's tests."""


class Promise(_Strict):
    """One guarantee."""

    id: str = Field(pattern=r"^[A-Z]+-[1-9][0-9]*$")
    sentence: str = Field(pattern=r"^[A-Z`].*\.$")
    limits: tuple[str, ...] = ()
    page: str = Field(pattern=r"^docs/.+\.md$")
    """The page that states it, and names its id."""
    mutation: tuple[Mutation, ...] = ()


@dataclass(frozen=True, slots=True)
class TestReference:
    """A test function that names a promise."""

    __test__ = False  # not a test itself, whatever its name

    promise: str
    """The id; empty if the marker's argument isn't a plain string."""
    node: str
    """The node id for pytest, without parameters."""


def load(root: Path) -> tuple[Promise, ...]:
    """Read the manifest of the tree at ``root``; raises pydantic's ValidationError."""
    table = tomllib.loads((root / MANIFEST).read_text(encoding="utf-8"))
    return tuple(Promise.model_validate(each) for each in table.get("promise", []))


def find_tests(root: Path) -> tuple[TestReference, ...]:
    """Return every (promise, test) pair under ``root/tests``, in order of file and line."""
    found: list[TestReference] = []
    for path in sorted((root / "tests").rglob("test_*.py")):
        module = ast.parse(path.read_text(encoding="utf-8"))
        found += _in_body(module.body, path.relative_to(root).as_posix(), _module_marks(module))
    return tuple(found)


def problems(root: Path) -> list[str]:
    """Return what is wrong between the manifest, the tests and the pages, a sentence each."""
    promises, tests = load(root), find_tests(root)
    ids = [promise.id for promise in promises]
    named = {test.promise for test in tests}
    wrong = [f"{each} is listed twice in {MANIFEST}" for each, n in Counter(ids).items() if n > 1]
    wrong += [f"{each} has no test that names it" for each in ids if each not in named]
    wrong += [
        f"{test.node} names {test.promise or 'a promise that is not a plain string'}, "
        f"which is not in {MANIFEST}"
        for test in tests
        if test.promise not in ids
    ]
    return wrong + [f"{p.page} doesn't state {p.id}" for p in promises if not _stated(root, p)]


def render(promises: Sequence[Promise], tests: Sequence[TestReference]) -> str:
    """Return the page that lists the promises."""
    parts = [
        "# Promises\n\n"
        "What Stanchion guarantees, with the limits, and the tests that try to break each "
        "promise. Written by `make docs` from `promises.toml`: edit that.\n"
    ]
    for promise in promises:
        page = promise.page.removeprefix("docs/")
        parts.append(f"\n## {promise.id}\n\n{promise.sentence} See [{page}]({page}).\n")
        if promise.limits:
            parts.append("\nLimits:\n\n" + "".join(f"- {limit}\n" for limit in promise.limits))
        nodes = [test.node for test in tests if test.promise == promise.id]
        parts.append("\nTests:\n\n" + "".join(f"- `{node}`\n" for node in nodes or ["none yet"]))
    return "".join(parts)


def _stated(root: Path, promise: Promise) -> bool:
    page = root / promise.page
    if not page.is_file():
        return False
    return re.search(rf"\b{promise.id}\b", page.read_text(encoding="utf-8")) is not None


def _in_body(body: Sequence[ast.stmt], prefix: str, above: list[str]) -> Iterator[TestReference]:
    for node in body:
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            inner = above + _marks(node.decorator_list)
            yield from _in_body(node.body, f"{prefix}::{node.name}", inner)
        elif isinstance(node, _FUNCTION) and node.name.startswith("test"):
            ids = dict.fromkeys(above + _marks(node.decorator_list))
            yield from (TestReference(each, f"{prefix}::{node.name}") for each in ids)


def _module_marks(module: ast.Module) -> list[str]:
    for node in module.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark":
            value = node.value
            return _marks(value.elts if isinstance(value, ast.List | ast.Tuple) else [value])
    return []


def _marks(expressions: Sequence[ast.expr]) -> list[str]:
    """Return the ids in ``pytest.mark.promise(...)`` calls; "" for an argument we can't read."""
    ids: list[str] = []
    for call in expressions:
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "pytest.mark.promise":
            ids += [
                argument.value
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
                else ""
                for argument in call.args
            ]
    return ids
