"""The suite's second pass, in which every run suspends and replays at every await.

A test can notice that mode in two ways only: ``ReplayMode.from_environment``, the one reader of the
variable, is called in this process and says so to the interpreter's auditing; or a process is
started, which inherits the variable. A plain pass watches for both. ``--only-replayed`` leaves out
the tests that passed it with neither in their own phases or their fixtures; new tests are run.
PostgreSQL's own programs don't count as processes: they hold rows, and run no workflow.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from stanchion.workflows import ReplayMode

VARIABLE = "STANCHION_TEST_REPLAY"
CACHED = "stanchion/untouched_by_replay"
UNTOUCHED = ("replay mode", "untouched")
STARTS = {"subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.exec", "os.system"}
EXEMPT = "no_replay_mode"


class Replaying:
    """A pytest plugin: watches in a plain pass, selects and counts in one that replays."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.everywhere = ReplayMode.from_environment().everywhere
        self.touches = 0
        self.touched_fixtures: set[str] = set()
        self.untouched: dict[str, bool] = {}
        self.left_out: Counter[str] = Counter()
        sys.addaudithook(self._hear)

    @property
    def cache(self) -> Any:
        """What pytest keeps between passes; None without that plugin."""
        return getattr(self.config, "cache", None)

    def _hear(self, event: str, told: tuple[Any, ...]) -> None:
        if event == "stanchion.replay_mode" or (event in STARTS and not _is_database(told)):
            self.touches += 1

    # A plain pass

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, request: pytest.FixtureRequest) -> Generator[None, Any, Any]:
        """Note the fixtures that touch the mode: whoever uses them later is touched by it too."""
        before = self.touches
        value = yield
        if self.touches != before and request.fixturename:
            self.touched_fixtures.add(request.fixturename)
        return value

    @pytest.fixture(autouse=True)
    def _watched(self, request: pytest.FixtureRequest) -> Generator[None]:
        before = self.touches
        yield
        if self.touches == before and self.touched_fixtures.isdisjoint(request.fixturenames):
            request.node.user_properties.append(UNTOUCHED)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep which tests passed without a touch, as far as their last phase."""
        was_untouched = self.untouched.get(report.nodeid, True)
        untouched = report.when != "teardown" or UNTOUCHED in report.user_properties
        self.untouched[report.nodeid] = was_untouched and untouched and report.passed

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """Hand on what was found: a worker of xdist to its controller, others to the cache."""
        to_controller: dict[str, Any] | None = getattr(self.config, "workeroutput", None)
        if to_controller is not None:
            to_controller["left_out"] = dict(self.left_out)
        elif not self.everywhere and self.cache is not None:
            found = sorted(node for node, untouched in self.untouched.items() if untouched)
            self.cache.set(CACHED, found)

    # A pass that replays

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leave out what is exempt by its marker, and what can't notice the mode."""
        if not self.everywhere:
            return
        self.left_out = Counter()
        kept: list[pytest.Item] = []
        left: list[pytest.Item] = []
        untouched = self._known_as_untouched()
        for item in items:
            why = _why_not(item, untouched)
            if why:
                self.left_out[why] += 1
            (left if why else kept).append(item)
        self.config.hook.pytest_deselected(items=left)
        items[:] = kept

    def _known_as_untouched(self) -> set[str]:
        if self.cache is None or not self.config.getoption("--only-replayed"):
            return set()
        return set(self.cache.get(CACHED, []))

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take a worker's counts; all workers collect the same tests."""
        self.left_out = Counter(getattr(node, "workeroutput", {}).get("left_out", {}))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what was left out and why, and how to repeat the order of the lanes."""
        if not self.everywhere:
            return
        exempt = sum(n for why, n in self.left_out.items() if why.startswith("exempt"))
        terminalreporter.write_line(
            f"replayed at every await, lanes shuffled by seed {os.environ[VARIABLE]}; "
            f"{exempt} exempt by the marker {EXEMPT}"
        )
        for why, number in sorted(self.left_out.items()):
            terminalreporter.write_line(f"left out: {number} {why}")


def _why_not(item: pytest.Item, untouched: set[str]) -> str:
    marker = item.get_closest_marker(EXEMPT)
    if marker is not None:
        return f"exempt ({marker.args[0]})"
    return "of no workflow and no process" if item.nodeid in untouched else ""


def _is_database(told: tuple[Any, ...]) -> bool:
    program = next(iter(told[1]), "") if len(told) > 1 else ""
    return "pginstall" in Path(os.fsdecode(program)).parts
