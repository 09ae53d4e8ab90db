"""``stanchion eval``: what an upgrade must show, and whether it did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, TypeAlias

import typer
from rich.text import Text

from stanchion.cli._console import columns, draw, yielding
from stanchion.cli._options import Json
from stanchion.cli._output import emit_json
from stanchion.cli._text import one_line
from stanchion.evaluate import (
    GatePlan,
    GateReport,
    gate,
    in_words,
    junit,
    markdown,
    plan_gate,
    read_results,
)

__all__ = ["app"]

app = typer.Typer(
    name="eval",
    help="Judge a candidate against a baseline; plan how many cases that needs.",
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
