"""``stanchion runs``: list, show, follow, resume, cancel and fork."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from stanchion.cli._console import console_for, draw, glyphs_for
from stanchion.cli._evidence import all_steps, evidence_for, initiator_of, read_detail, read_value
from stanchion.cli._follow import follow
from stanchion.cli._input import read_pairs
from stanchion.cli._messages import Delivery, carry_out
from stanchion.cli._options import App, By, Json, RunId, StoreUrl, Tags, who
from stanchion.cli._output import emit_json
from stanchion.cli._plain import detail_of, entry_of, run_of, step_of
from stanchion.cli._progress import progress_lines
from stanchion.cli._run_facts import facts_table, runs_table
from stanchion.cli._step_detail import detail_picture
from stanchion.cli._step_tree import steps_table
from stanchion.cli._stores import existing_store, find_run
from stanchion.cli._watch import interruptible
from stanchion.engine import Stanchion
from stanchion.errors import RunNotFound
from stanchion.ledger import Entry, RunFilter, RunRecord, Store
from stanchion.values import RunState
from stanchion.workflows import steps_of

__all__ = ["app"]

app = typer.Typer(
    name="runs", help="List, show, follow, resume, cancel and fork runs.", no_args_is_help=True
)


@app.command("list")
def list_runs(
    *,
    state: Annotated[list[RunState] | None, typer.Option(help="Only in this state.")] = None,
    workflow: Annotated[str, typer.Option(help="Only of this workflow.")] = "",
    tenant: Annotated[str | None, typer.Option(help="Only of this tenant.")] = None,
    tag: Tags = None,
    limit: Annotated[int, typer.Option(min=1, help="At most this many, newest first.")] = 30,
    store: StoreUrl = None,
    as_json: Json = False,
) -> None:
    """List runs, newest first."""
    where = RunFilter(
        tuple(state or ()), workflow, tenant, tags=read_pairs(tag, "--tag"), limit=limit
    )
    records = interruptible(_list(store, where))
    if as_json:
        emit_json([run_of(record) for record in records])
    elif records:
        draw(runs_table(records, datetime.now(UTC)))
    else:
        typer.echo("no runs" if where == RunFilter(limit=limit) else "no runs like that")


async def _list(url: str | None, where: RunFilter) -> list[RunRecord]:
    async with existing_store(url) as store:
        return list(await store.list(where))


@app.command()
def show(
    run: RunId,
    *,
    step: Annotated[
        int | None, typer.Option(metavar="SEQ", help="Everything about the step with this number.")
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="Every prompt, response, request and payload.")
    ] = False,
    limit: Annotated[int, typer.Option(min=0, help="Lines of the tree; 0 for all.")] = 200,
    store: StoreUrl = None,
    as_json: Json = False,
) -> None:
    """Show a run: its facts and the tree of its steps."""
    interruptible(_show(store, run, step, limit, full=full, as_json=as_json))


async def _show(
    url: str | None, run: str, step: int | None, limit: int, *, full: bool, as_json: bool
) -> None:
    async with existing_store(url) as store:
        record = await find_run(store, run)
        entries = await store.entries(record.id)
        wanted = _at(entries, step, run) if full or step is not None else []
        details = [await read_detail(store, record.tenant, entry) for entry in wanted]
        if as_json:
            whole = {} if step is not None else await _document(store, record, entries)
            emit_json({**whole, "entries": [detail_of(detail) for detail in details]})
            return
        if step is None:
            await _draw(store, record, entries, limit)
        for detail in details:
            draw(detail_picture(detail))


def _at(entries: Sequence[Entry], seq: int | None, run: str) -> list[Entry]:
    """Return the entries of the step that an entry with this number belongs to; None for all."""
    if seq is None:
        return list(entries)
    place = next((entry.place for entry in entries if entry.seq == seq), None)
    if place is None:
        raise RunNotFound(
            f"the run has no entry {seq}", remedy=f"`stanchion runs show {run}` has the numbers"
        )
    return [entry for entry in entries if entry.place == place]


async def _document(store: Store, record: RunRecord, entries: Sequence[Entry]) -> dict[str, Any]:
    who = await initiator_of(store, record)
    return {
        "run": run_of(record),
        "initiator": None if who is None else asdict(who),
        "input": await read_value(store, record.tenant, record.input),
        "output": await read_value(store, record.tenant, record.result),
        "error": await read_value(store, record.tenant, record.error),
        "steps": [step_of(step) for step in steps_of(entries)],
    }


async def _draw(store: Store, record: RunRecord, entries: Sequence[Entry], limit: int) -> None:
    steps = steps_of(entries)
    value = await read_value(store, record.tenant, record.input)
    output = await read_value(store, record.tenant, record.result)
    who = await initiator_of(store, record)
    evidence = await evidence_for(store, record, all_steps(steps))
    draw(facts_table(record, who, value, output, datetime.now(UTC)))
    typer.echo()
    ended = record.state not in {RunState.RUNNING, RunState.WAITING}
    glyphs = glyphs_for(console_for())
    draw(steps_table(steps, evidence, glyphs, limit=limit, ended=ended))


@app.command()
def tail(
    run: RunId,
    *,
    app_target: App = None,
    store: StoreUrl = None,
    as_json: Json = False,
) -> None:
    """Follow a run until it has ended; with --json an entry a line."""
    if app_target is not None:
        raise typer.Exit(carry_out(_nothing, run, Delivery("tail", store, app_target, as_json)))
    interruptible(_tail(store, run, as_json=as_json))


async def _nothing(_: Stanchion, run: str) -> str:
    return run


async def _tail(url: str | None, run: str, *, as_json: bool) -> None:
    async with existing_store(url) as store:
        record = await find_run(store, run)
        console = console_for()
        async for news in follow(store, record.id):
            if as_json:
                for entry in news.entries:
                    emit_json(entry_of(entry), compact=True)
                continue
            for line in await progress_lines(store, news.record, news.entries, glyphs_for(console)):
                console.print(line, no_wrap=True, overflow="ellipsis")


@app.command()
def resume(
    run: RunId,
    *,
    accept_drift: Annotated[
        bool, typer.Option("--accept-drift", help="Go on though the code differs from the record.")
    ] = False,
    app_target: App = None,
    store: StoreUrl = None,
    by: By = None,
    as_json: Json = False,
) -> None:
    """Let a failed, parked or interrupted run go on."""

    async def order(app: Stanchion, whole: str) -> str:
        await app.resume(whole, accept_drift=accept_drift, by=who(by))
        return whole

    raise typer.Exit(carry_out(order, run, Delivery("resume", store, app_target, as_json)))


@app.command()
def cancel(
    run: RunId,
    *,
    app_target: App = None,
    store: StoreUrl = None,
    by: By = None,
    as_json: Json = False,
) -> None:
    """Ask a run to end; a write in flight gets its outcome first."""

    async def order(app: Stanchion, whole: str) -> str:
        await app.cancel(whole, by=who(by))
        return whole

    raise typer.Exit(carry_out(order, run, Delivery("cancel", store, app_target, as_json)))


@app.command()
def fork(
    run: RunId,
    *,
    at: Annotated[int, typer.Option(metavar="SEQ", help="Keep the record up to this number.")],
    app_target: App = None,
    store: StoreUrl = None,
    as_json: Json = False,
) -> None:
    """Start a new run from the first part of another's record."""

    async def order(app: Stanchion, whole: str) -> str:
        return (await app.fork(whole, at=at)).id

    raise typer.Exit(carry_out(order, run, Delivery("fork", store, app_target, as_json)))
