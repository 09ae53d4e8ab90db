"""An experiment: each case of a dataset as a run, scored; resumed, cached and bounded in cost.

A case's run has a key made of what decides its outcome: workflow and version, models, the variant,
the input, the trial. Whoever evaluates the same again in the same store gets the same runs, so a
crash, a second scorer or an equal case costs nothing. The engine moves the runs; this only starts
them, waits and scores.
"""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice
from typing import Any

from stanchion.engine import ModelSpec, Stanchion
from stanchion.errors import ConfigurationError, EncodingError
from stanchion.evaluate._attempt import Attempt, Scorer
from stanchion.evaluate._dataset import Case, Dataset
from stanchion.evaluate._order import drawn_order
from stanchion.evaluate._results import CaseResult
from stanchion.ledger import RunRecord, canonical, codec_for
from stanchion.values import RunState
from stanchion.workflows import Workflow

__all__ = ["Evaluation", "Experiment", "Progress", "evaluate"]

NANOS = Decimal(1_000_000_000)


@dataclass(frozen=True, slots=True)
class Experiment:
    """What is evaluated, on what, and how it is judged."""

    workflow: Workflow[Any, Any, Any]
    dataset: Dataset
    scorers: Mapping[str, Scorer]
    variant: str = ""
    """What else decides the outcome and isn't recorded elsewhere: a prompt's version, a commit."""
    trials: int = 1
    """Runs of each case."""
    concurrency: int = 100
    ceiling_usd: Decimal | None = None
    """No run is started that could bring the cost above it, if none costs more than the dearest so
    far; what was paid for in an earlier evaluation doesn't count."""
    order: str = ""
    """Draws the order of the groups, as a gate's does."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an evaluation is."""

    done: int
    total: int
    failed: int
    """Runs without a score."""
    reused: int
    """Runs that were there already."""
    usd: Decimal


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What came of an experiment: a result for each case of which every trial was made."""

    results: tuple[CaseResult, ...]
    dataset: str
    """The version of the dataset: its digest."""
    progress: Progress
    seconds: float
    stopped: str = ""
    """Why not every case has a result."""


@dataclass(slots=True)
class _State:
    """What has happened so far; only the event loop's one thread touches it."""

    total: int
    tries: dict[str, list[_Tried]] = field(default_factory=dict[str, "list[_Tried]"])
    """Of cases that have trials left."""
    results: dict[str, CaseResult] = field(default_factory=dict[str, CaseResult])
    done: int = 0
    failed: int = 0
    reused: int = 0
    nanos: int = 0
    dearest: int = 0
    """The most that one run has cost."""
    in_flight: int = 0
    stopped: str = ""

    def progress(self) -> Progress:
        return Progress(self.done, self.total, self.failed, self.reused, self.nanos / NANOS)


@dataclass(frozen=True, slots=True)
class _Tried:
    """One run of a case, scored."""

    record: RunRecord
    scores: Mapping[str, float]
    errors: tuple[str, ...]
    is_reused: bool


async def evaluate(
    app: Stanchion,
    experiment: Experiment,
    *,
    progress: Callable[[Progress], None] = lambda _: None,
    stop: Callable[[Sequence[CaseResult]], bool] | None = None,
) -> Evaluation:
    """Run every case and score it; with the app open.

    ``progress`` is told after each run; ``stop`` is asked after each case, with the results so far,
    whether that is enough: a gate's verdict, for example. Runs in flight then still finish.
    """
    _check(experiment)
    began = time.monotonic()
    pending = _trials(experiment)
    state = _State(len(experiment.dataset.cases) * experiment.trials)
    version = experiment.dataset.digest

    async def work(trials: Iterator[tuple[Case, int]]) -> None:
        for case, trial in trials:
            if state.stopped or not _affordable(state, experiment.ceiling_usd):
                state.stopped = state.stopped or f"the ceiling of ${experiment.ceiling_usd}"
                return
            state.in_flight += 1
            tried = await _try(app, experiment, version, case, trial)
            state.in_flight -= 1
            _count(state, case, tried)
            progress(state.progress())
            if len(state.tries[case.id]) == experiment.trials:
                state.results[case.id] = _result(case, state.tries.pop(case.id))
                if stop is not None and stop(tuple(state.results.values())):
                    state.stopped = "enough: the evidence suffices"

    # Nothing is known of the cost before one run has ended: with a ceiling it goes ahead alone.
    ahead = 1 if experiment.ceiling_usd is not None else 0
    for workers, trials in ((ahead, islice(pending, ahead)), (experiment.concurrency, pending)):
        async with asyncio.TaskGroup() as tasks:
            for _ in range(workers):
                tasks.create_task(work(trials))
    cases = experiment.dataset.cases
    results = tuple(state.results[case.id] for case in cases if case.id in state.results)
    seconds = time.monotonic() - began
    left = state.stopped if len(results) < len(cases) else ""
    return Evaluation(results, version, state.progress(), seconds, left)


def _check(experiment: Experiment) -> None:
    if experiment.trials < 1 or experiment.concurrency < 1 or not experiment.scorers:
        raise ConfigurationError(
            "an experiment needs a scorer, a trial and a run at a time, at least",
            remedy="give scorers, trials >= 1 and concurrency >= 1",
        )
    codec = experiment.workflow.input_codec
    for case in experiment.dataset.cases:
        try:
            codec.decode(canonical(case.input), what=f"input of the case {case.id}")
        except EncodingError as error:
            raise ConfigurationError(
                f"the case {case.id} isn't an input of {experiment.workflow.name}: {error.message}",
                remedy="mend the dataset before anything is paid for",
            ) from error


def _trials(experiment: Experiment) -> Iterator[tuple[Case, int]]:
    """Yield cases in the order in which a gate looks at them, each as often as it is tried."""
    groups = drawn_order(
        experiment.dataset.cases, lambda case: (case.group, case.id), experiment.order
    )
    for group in groups:
        for case in group:
            for trial in range(experiment.trials):
                yield case, trial


def _affordable(state: _State, ceiling: Decimal | None) -> bool:
    """Reserve for each run in flight, and for the next, what the dearest so far has cost."""
    if ceiling is None:
        return True
    return state.nanos + (state.in_flight + 1) * state.dearest <= int(ceiling * NANOS)


def _identity(app: Stanchion, experiment: Experiment) -> list[Any]:
    """Return what decides an outcome, the input aside."""
    models: dict[str, ModelSpec] = {**app.settings.models, **app.models_in_code}
    workflow = experiment.workflow
    named = {role: _model_names(spec) for role, spec in models.items()}
    return [workflow.name, workflow.version, named, experiment.variant]


def _model_names(spec: ModelSpec) -> list[str]:
    if isinstance(spec, str):
        return [spec]
    if isinstance(spec, Sequence):
        return [name for each in spec for name in _model_names(each)]
    return [spec.name, str(getattr(spec, "version", ""))]


async def _try(
    app: Stanchion, experiment: Experiment, version: str, case: Case, trial: int
) -> _Tried:
    workflow, data = experiment.workflow, canonical(case.input)
    content = canonical([*_identity(app, experiment), case.digest, trial])
    key = f"evaluate:{hashlib.sha256(content).hexdigest()}"
    tags = {"evaluation": version[:12], "case": case.id}
    value = workflow.input_codec.decode(data)
    handle = await app.start(workflow, value, key=key, tags=tags)
    record = await handle.status()
    is_reused = record.state is not RunState.RUNNING
    record = record if is_reused else await handle.settled()
    if record.state is not RunState.COMPLETED or record.result is None:
        return _Tried(record, {}, (f"run {record.id} {record.state}: {record.reason}",), is_reused)
    found = await app.store.payloads(record.tenant, [record.result])
    output = codec_for(Any).decode(found[record.result])
    attempt = Attempt(case, output, record, app.store, trial)
    scores, errors = await _score(experiment.scorers, attempt)
    return _Tried(record, scores, errors, is_reused)


async def _score(
    scorers: Mapping[str, Scorer], attempt: Attempt
) -> tuple[dict[str, float], tuple[str, ...]]:
    scores: dict[str, float] = {}
    errors: list[str] = []
    for name, scorer in scorers.items():
        try:
            score = scorer(attempt)
            score = float(await score if inspect.isawaitable(score) else score)
        except Exception as error:  # noqa: BLE001 (a scorer is the user's code)
            errors.append(f"the scorer {name} raised {type(error).__name__}: {error}")
            continue
        if 0 <= score <= 1:
            scores[name] = score
        else:
            errors.append(f"the scorer {name} returned {score:g}, not 0 to 1")
    return scores, tuple(errors)


def _count(state: _State, case: Case, tried: _Tried) -> None:
    state.tries.setdefault(case.id, []).append(tried)
    state.done += 1
    state.failed += not tried.scores
    state.reused += tried.is_reused
    if not tried.is_reused:
        cost = tried.record.account.cost_nanos
        state.nanos, state.dearest = state.nanos + cost, max(state.dearest, cost)


def _result(case: Case, tries: Sequence[_Tried]) -> CaseResult:
    """Average a case's trials; one without a score counts as 0, unless all lack it."""
    names = {name for tried in tries for name in tried.scores}
    trials = {name: [tried.scores.get(name, 0.0) for tried in tries] for name in sorted(names)}
    return CaseResult(
        case.id,
        {name: sum(scores) / len(scores) for name, scores in trials.items()},
        case.group,
        "; ".join(error for tried in tries for error in tried.errors),
        {
            **case.facts,
            "runs": [tried.record.id for tried in tries],
            "trials": trials,
            "usd": float(sum(t.record.account.cost_nanos for t in tries) / NANOS),
        },
    )
