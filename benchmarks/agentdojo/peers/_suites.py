"""AgentDojo's suites as data: signatures, tasks with their reference calls, environments.

The package's pipelines import the SDKs of every provider; what the suites take from them is one
class that is never called, so it is left empty here.
"""

from __future__ import annotations

import importlib.util
import re
import sys
import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic_core import to_jsonable_python

from benchmarks.agentdojo._calls import Call, Parameter, Signature
from benchmarks.agentdojo._redraw import Redraw

VERSION = "v1.2.2"


def _without_pipelines() -> None:
    found = importlib.util.find_spec("agentdojo")
    if found is None or not found.submodule_search_locations:
        raise ModuleNotFoundError("agentdojo")
    package = types.ModuleType("agentdojo.agent_pipeline")
    package.__path__ = [f"{found.submodule_search_locations[0]}/agent_pipeline"]
    sys.modules[package.__name__] = package
    pipeline = types.ModuleType("agentdojo.agent_pipeline.ground_truth_pipeline")
    pipeline.GroundTruthPipeline = None
    sys.modules[pipeline.__name__] = pipeline


_without_pipelines()

from agentdojo.functions_runtime import FunctionCall, FunctionsRuntime  # noqa: E402
from agentdojo.task_suite.load_suites import get_suites  # noqa: E402

_suites = get_suites(VERSION)
SUITES: tuple[str, ...] = tuple(_suites)


@dataclass(frozen=True, slots=True)
class Task:
    """A user's task or an attacker's."""

    suite: str
    id: str
    words: str
    """What the user says, or the attacker's goal."""
    output: str
    """What a right final answer holds."""


def signatures(suite: str) -> tuple[Signature, ...]:
    """Return the tools of a suite as their signatures say."""
    return tuple(
        Signature(
            each.name,
            each.description,
            tuple(_parameter(name, field) for name, field in each.parameters.model_fields.items()),
            each.return_type,
        )
        for each in _suites[suite].tools
    )


def _parameter(name: str, field: Any) -> Parameter:
    default = None if field.is_required() else field.get_default()
    return Parameter(name, field.annotation, field.is_required(), default, field.description or "")


def user_tasks(suite: str) -> tuple[Task, ...]:
    """Return what users ask for."""
    tasks, there = _suites[suite].user_tasks.items(), _drawn(suite).there
    return tuple(
        Task(suite, name, there(t.PROMPT), there(t.GROUND_TRUTH_OUTPUT)) for name, t in tasks
    )


def attacks(suite: str) -> tuple[Task, ...]:
    """Return the attacker's tasks."""
    tasks, there = _suites[suite].injection_tasks.items(), _drawn(suite).there
    return tuple(
        Task(suite, name, there(t.GOAL), there(t.GROUND_TRUTH_OUTPUT)) for name, t in tasks
    )


def texts(suite: str) -> Iterator[str]:
    """Yield every text of a suite's environment and tasks."""
    yield from _strings(to_jsonable_python(_environment(suite, "")))
    found = _suites[suite]
    for task in found.user_tasks.values():
        yield task.PROMPT
        yield from _strings([dict(c.arguments) for c in _calls(task, _environment(suite, ""))])
    for attack in found.injection_tasks.values():
        yield attack.GOAL
        yield from _strings([dict(c.arguments) for c in _calls(attack, _environment(suite, ""))])


_seed = [0]


def redraw(seed: int) -> None:
    """Exchange names, addresses, accounts, files, sites and years from now on."""
    _seed[0] = seed


def _drawn(suite: str) -> Redraw:
    return _redraw(suite, _seed[0])


@cache
def _redraw(suite: str, seed: int) -> Redraw:
    users = getattr(getattr(_environment(suite, ""), "slack", None), "users", ())
    return Redraw(texts(suite), users, seed)


class World:
    """One environment, and the calls that were executed in it."""

    def __init__(self, suite: str, task: Task | None, injected: str = "") -> None:
        self.suite = _suites[suite]
        self.drawn = _drawn(suite)
        fresh = _environment(suite, self.drawn.back(injected)).model_copy(deep=True)
        self.user = None if task is None else self.suite.user_tasks[task.id]
        self.environment = fresh if self.user is None else self.user.init_environment(fresh)
        self.before = self.environment.model_copy(deep=True)
        self.runtime = FunctionsRuntime(self.suite.tools)
        self.executed: list[Call] = []
        """Calls that the environment performed, in order."""
        self.results: list[Any] = []

    def reference(self) -> tuple[Call, ...]:
        """Return the calls that do the user's task."""
        return () if self.user is None else self._there(_calls(self.user, self.before))

    def attack(self, task: Task) -> tuple[Call, ...]:
        """Return the calls that do an attacker's task."""
        return self._there(_calls(self.suite.injection_tasks[task.id], self.before))

    def _there(self, calls: Sequence[Call]) -> tuple[Call, ...]:
        return tuple(Call(c.name, self.drawn.there(dict(c.arguments))) for c in calls)

    def call(self, name: str, arguments: Mapping[str, Any]) -> Any:
        """Perform a call and return its result as JSON; raise RuntimeError if it fails."""
        given = self.drawn.back(to_jsonable_python(dict(arguments)))
        result, error = self.runtime.run_function(self.environment, name, given)
        if error is not None:
            raise RuntimeError(error)
        self.executed.append(Call(name, to_jsonable_python(dict(arguments))))
        self.results.append(self.drawn.there(to_jsonable_python(result)))
        return self.results[-1]

    def is_done(self, output: str) -> bool:
        """Tell whether the user's task is done, by the benchmark's own measure."""
        return self.suite._check_user_task_utility(
            self.user,
            _blocks(self.drawn.back(output)),
            self.before,
            self.environment,
            self._traces(),
        )

    def is_attacked(self, task: Task, output: str) -> bool:
        """Tell whether the benchmark's own measure says that the attack succeeded."""
        attack = self.suite.injection_tasks[task.id]
        return self.suite._check_injection_task_security(
            attack, _blocks(self.drawn.back(output)), self.before, self.environment, self._traces()
        )

    def _traces(self) -> list[Any]:
        back = self.drawn.back
        return [FunctionCall(function=c.name, args=back(dict(c.arguments))) for c in self.executed]


def _calls(task: Any, environment: Any) -> tuple[Call, ...]:
    calls = task.ground_truth(environment.model_copy(deep=True))
    return tuple(Call(c.function, to_jsonable_python(dict(c.args))) for c in calls)


@cache
def _environment(suite: str, injected: str) -> Any:
    found = _suites[suite]
    text = re.sub(r"[^\w .,@/-]+", " ", injected)
    vectors = found.get_injection_vector_defaults() if text else ()
    return found.load_and_inject_default_environment(dict.fromkeys(vectors, text))


def _blocks(text: str) -> list[dict[str, str]]:
    return [{"type": "text", "content": text}]


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield str(key)
            yield from _strings(each)
    elif isinstance(value, Sequence):
        for each in value:
            yield from _strings(each)
