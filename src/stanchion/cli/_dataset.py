"""``stanchion dataset``: cases from recorded runs, versions, splits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from stanchion.cli._input import read_json, read_pairs
from stanchion.cli._options import Json, StoreUrl, Tags
from stanchion.cli._output import emit_json, note
from stanchion.cli._stores import existing_store, find_run
from stanchion.cli._watch import interruptible
from stanchion.evaluate import Case, Dataset, load_dataset, recorded_case, recorded_cases
from stanchion.ledger import RunFilter

__all__ = ["app"]

app = typer.Typer(
    name="dataset", help="Make cases of recorded runs, split datasets.", no_args_is_help=True
)

File: TypeAlias = Annotated[Path, typer.Argument(metavar="FILE", help="A dataset, JSON lines.")]


@app.command()
def add(
    runs: Annotated[
        list[str] | None, typer.Argument(metavar="[RUN...]", help="Ids, or beginnings of them.")
    ] = None,
    *,
    to: Annotated[Path, typer.Option("--to", metavar="FILE", help="The dataset, JSON lines.")],
    workflow: Annotated[
        str, typer.Option(metavar="NAME", help="Instead of ids: the newest runs of a workflow.")
    ] = "",
    tag: Tags = None,
    limit: Annotated[int, typer.Option(min=1, help="How many of them.")] = 50,
    expected: Annotated[
        str | None, typer.Option(metavar="JSON", help="What the run should have returned.")
    ] = None,
    was_right: Annotated[
        bool, typer.Option("--was-right", help="It should have returned what it did.")
    ] = False,
    store: StoreUrl = None,
    as_json: Json = False,
) -> None:
    """Add runs to a dataset, with their inputs as they were recorded; known ones stay as they are.

    What a run returned is expected only with --was-right: it is what it did, not what it should do.
    """
    if expected is not None and (was_right or len(runs or ()) != 1):
        raise typer.BadParameter("says it of one run, without --was-right", param_hint="--expected")
    if bool(runs) is bool(workflow):
        raise typer.BadParameter("give ids of runs, or --workflow", param_hint="RUN")
    where = RunFilter(workflow=workflow, tags=read_pairs(tag or (), "--tag"), limit=limit)
    cases = interruptible(_recorded(store, runs or [], where, was_right=was_right))
    if expected is not None:
        cases = [replace(cases[0], expected=read_json(expected, "--expected"))]
    known = load_dataset(to).cases if to.exists() and to.stat().st_size else ()
    new = [case for case in cases if case.id not in {each.id for each in known}]
    dataset = Dataset((*known, *new))
    dataset.save(to)
    note(f"{len(new)} new cases")
    _tell(dataset, to, as_json=as_json)


@app.command()
def show(path: File, *, as_json: Json = False) -> None:
    """Say how many cases and groups a dataset has, and its version."""
    _tell(load_dataset(path), path, as_json=as_json)


@app.command()
def split(
    path: File,
    *,
    part: Annotated[
        list[str], typer.Option("--part", metavar="NAME=SHARE", help="Repeatable; they sum to 1.")
    ],
    as_json: Json = False,
) -> None:
    """Split a dataset so that no part has seen a group or an input of another.

    Writes FILE.NAME.jsonl beside it. A case stays in its part when the dataset grows.
    """
    shares = dict(_share(each) for each in part)
    parts = load_dataset(path).split(**shares)
    written = {name: path.with_suffix(f".{name}.jsonl") for name in parts}
    for name, dataset in parts.items():
        dataset.save(written[name])
    if as_json:
        emit_json({name: _facts(each, written[name]) for name, each in parts.items()})
        return
    for name, dataset in parts.items():
        _tell(dataset, written[name], as_json=False)


async def _recorded(
    url: str | None, runs: list[str], where: RunFilter, *, was_right: bool
) -> list[Case]:
    async with existing_store(url) as store:
        if not runs:
            return [case async for case in recorded_cases(store, where, was_right=was_right)]
        found = [await find_run(store, run) for run in runs]
        return [await recorded_case(store, run, was_right=was_right) for run in found]


def _share(given: str) -> tuple[str, float]:
    name, _, share = given.partition("=")
    try:
        if name.isidentifier():
            return name, float(share)
    except ValueError:
        pass
    raise typer.BadParameter(f"{given!r} isn't NAME=SHARE, as in test=0.3", param_hint="--part")


def _facts(dataset: Dataset, path: Path) -> dict[str, object]:
    groups = {case.group or f"\0{case.id}" for case in dataset.cases}
    return {
        "file": str(path),
        "cases": len(dataset.cases),
        "groups": len(groups),
        "version": dataset.digest[:12],
    }


def _tell(dataset: Dataset, path: Path, *, as_json: bool) -> None:
    facts = _facts(dataset, path)
    if as_json:
        emit_json(facts)
        return
    typer.echo(
        f"{path}: {facts['cases']} cases in {facts['groups']} groups, version {facts['version']}"
    )
