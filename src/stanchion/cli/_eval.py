"""``stanchion eval``: experiments, what an upgrade must show, and whether it did."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, TypeAlias

import typer
from rich.text import Text

from stanchion.cli._console import columns, draw, yielding
from stanchion.cli._evaluating import progress_bar
from stanchion.cli._options import Json, StoreUrl
from stanchion.cli._output import emit_json, note
from stanchion.cli._stores import settings_for
from stanchion.cli._targets import load_app, load_named
from stanchion.cli._text import one_line
from stanchion.cli._watch import interruptible
from stanchion.engine import Stanchion
from stanchion.evaluate import (
    Estimate,
    Evaluation,
    Experiment,
    GatePlan,
    GateReport,
    estimate,
    evaluate,
    gate,
    in_words,
    junit,
    markdown,
    plan_gate,
    read_results,
    slices,
    write_results,
)

__all__ = ["app"]

app = typer.Typer(
    name="eval",
    help="Run experiments; judge a candidate against a baseline, plan the cases for it.",
    no_args_is_help=True,
)

STYLES = {"pass": "green", "fail": "red", "inconclusive": "yellow"}

Discordance: TypeAlias = Annotated[
    float, typer.Option(help="The share of cases that you expect only one of the two to solve.")
]
Alpha: TypeAlias = Annotated[
    float, typer.Option(help="How often a wrong verdict may happen, at most.")
]


@app.command("gate")
def judge(
    candidate: Annotated[Path, typer.Argument(help="The candidate's results, JSON lines.")],
    baseline: Annotated[Path, typer.Argument(help="The baseline's, on the same cases.")],
    *,
    margin: Annotated[
        list[str],
        typer.Option(metavar="METRIC=MARGIN", help="How much worse is acceptable; repeatable."),
    ],
    alpha: Alpha = 0.05,
    discordance: Discordance = 0.2,
    maximum: Annotated[
        int, typer.Option(metavar="CASES", help="Look at no more than these; 0: all there are.")
    ] = 0,
    to_junit: Annotated[Path | None, typer.Option("--junit", help="Write JUnit XML here.")] = None,
    to_markdown: Annotated[
        Path | None, typer.Option("--markdown", help="Write a Markdown table here.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Judge a candidate: exit code 0 pass, 1 fail, 2 inconclusive.

    May be asked after every case. All metrics must pass; a candidate that lacks cases is judged by
    those that it has.
    """
    plans = {
        name: GatePlan(given, alpha=alpha, discordance=discordance, maximum=maximum)
        for name, given in _margins(margin)
    }
    report = gate(read_results(candidate), read_results(baseline), plans)
    for path, write in ((to_junit, junit), (to_markdown, markdown)):
        if path is not None:
            path.write_text(write(report), encoding="utf-8")
    if as_json:
        emit_json(asdict(report))
    else:
        _picture(report)
    raise typer.Exit(report.verdict.exit_code)


@app.command("run")
def run_experiment(
    target: Annotated[
        str, typer.Argument(metavar="MODULE:EXPERIMENT", help="An Experiment; a module, or a file.")
    ],
    *,
    to: Annotated[Path, typer.Option("--to", metavar="FILE", help="Write the results here.")],
    app_target: Annotated[
        str | None, typer.Option("--app", metavar="MODULE:APP", help="Whose models and resources.")
    ] = None,
    by: Annotated[
        str, typer.Option(metavar="FACT", help="Show slices by this fact of the cases.")
    ] = "",
    store: StoreUrl = None,
    as_json: Json = False,
) -> None:
    """Run an experiment: each case a run, scored; run it again to go on where it ended.

    Exits with 1 if not every case has its scores.
    """
    experiment: Experiment = load_named(target, (Experiment,), "Experiment")
    settings = settings_for(store)
    app = load_app([app_target], settings) if app_target else Stanchion(settings=settings)
    found = interruptible(_run(app, experiment, is_watched=not as_json and sys.stderr.isatty()))
    write_results(to, found.results)
    parts = {
        metric: [estimate(found.results, metric, name="all"), *_slices(found, metric, by)]
        for metric in experiment.scorers
        if found.results
    }
    if as_json:
        emit_json(_facts(found, parts))
    else:
        _estimates(found, parts)
    complete = len(found.results) == len(experiment.dataset.cases) and not found.progress.failed
    raise typer.Exit(0 if complete else 1)


@app.command()
def plan(
    *,
    margin: Annotated[float, typer.Option(help="How much worse is acceptable: 0.03.")],
    discordance: Discordance = 0.2,
    group_size: Annotated[int, typer.Option(min=1, help="Cases of one group.")] = 1,
    icc: Annotated[
        float, typer.Option(min=0, max=1, help="How alike the differences of a group are.")
    ] = 0.0,
    alpha: Alpha = 0.05,
    power: Annotated[
        float, typer.Option(help="How often an equally good candidate is to pass.")
    ] = 0.8,
    as_json: Json = False,
) -> None:
    """Say how many cases a gate needs, before any is paid for."""
    found = plan_gate(
        margin, discordance=discordance, group_size=group_size, icc=icc, alpha=alpha, power=power
    )
    if as_json:
        emit_json(asdict(found))
        return
    typer.echo(
        f"{found.planned:,} cases: by then an equally good candidate has passed with a probability "
        f"of {power:.0%}\n{found.maximum:,} at most: look no further, it stays inconclusive"
    )


async def _run(app: Stanchion, experiment: Experiment, *, is_watched: bool) -> Evaluation:
    total = len(experiment.dataset.cases) * experiment.trials
    async with app:
        with progress_bar(total, is_watched=is_watched) as show:
            return await evaluate(app, experiment, progress=show)


def _slices(found: Evaluation, metric: str, by: str) -> Sequence[Estimate]:
    return slices(found.results, metric, by) if by else ()


def _facts(found: Evaluation, parts: Mapping[str, Sequence[Estimate]]) -> dict[str, object]:
    return {
        "dataset": found.dataset,
        "cases": len(found.results),
        "runs": found.progress.done,
        "reused": found.progress.reused,
        "failed": found.progress.failed,
        "usd": str(found.progress.usd),
        "seconds": found.seconds,
        "stopped": found.stopped,
        "metrics": {metric: [asdict(each) for each in some] for metric, some in parts.items()},
    }


def _estimates(found: Evaluation, parts: Mapping[str, Sequence[Estimate]]) -> None:
    numbers = frozenset({"cases", "without"})
    table = columns("metric", "slice", "cases", "without", "value", numbers=numbers)
    for metric, some in parts.items():
        for each in some:
            table.add_row(
                Text(one_line(metric), style="bold"),
                Text(one_line(each.name)),
                Text(str(each.cases)),
                Text(str(each.unscored or "")),
                Text(str(each)),
            )
    draw(table)
    told = found.progress
    note(
        f"{told.done} runs in {found.seconds:.1f} s, {told.reused} of them there already, "
        f"{told.failed} without a score, ${told.usd:.4f}"
    )
    if found.stopped:
        note(f"not all cases were run: {found.stopped}")


def _margins(given: Sequence[str]) -> list[tuple[str, float]]:
    found: list[tuple[str, float]] = []
    for each in given:
        name, _, value = each.rpartition("=")
        try:
            found.append((name, float(value)))
        except ValueError:
            name = ""
        if not name:
            raise typer.BadParameter(
                f"{each!r} isn't METRIC=MARGIN, as in exact=0.03", param_hint="--margin"
            )
    return found


def _picture(report: GateReport) -> None:
    table = columns("metric", "verdict", "why")
    for each in report.metrics:
        table.add_row(
            Text(one_line(each.metric), style="bold"),
            Text(each.verdict, style=STYLES[each.verdict]),
            yielding(in_words(each).partition(": ")[2]),
        )
    draw(table)
    draw(Text(f"gate: {report.verdict}", style=f"bold {STYLES[report.verdict]}"))
