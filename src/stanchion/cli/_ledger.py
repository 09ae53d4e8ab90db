"""``stanchion ledger``: check it, count what it holds."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from stanchion import ledger  # the verifier comes with the database drivers, when it is used
from stanchion.cli._console import console_for, draw
from stanchion.cli._options import Json, StoreUrl
from stanchion.cli._output import emit_json
from stanchion.cli._pictures import findings_table, stats_table
from stanchion.cli._stores import existing_store
from stanchion.cli._watch import interruptible

__all__ = ["app"]

app = typer.Typer(
    name="ledger", help="Check the ledger, count what it holds.", no_args_is_help=True
)


@app.command()
def verify(*, store: StoreUrl = None, as_json: Json = False) -> None:
    """Check every digest, chain and projection; exit with 1 and name what is broken."""
    report = interruptible(_verify(store, is_watched=not as_json and sys.stderr.isatty()))
    if as_json:
        emit_json({"ok": report.ok, **asdict(report)})
    else:
        draw(findings_table(report))
    raise typer.Exit(0 if report.ok else 1)


async def _verify(url: str | None, *, is_watched: bool) -> Any:
    async with existing_store(url) as store:
        entries = (await store.stats()).get("entries", 0)
        with _bar(entries, is_watched=is_watched) as advance:
            return await ledger.verify(store, progress=advance)


@contextmanager
def _bar(total: int, *, is_watched: bool) -> Generator[Callable[[Any], None]]:
    """Draw a bar over the entries that have been checked, if somebody watches."""
    text = TextColumn("{task.completed:,.0f} of {task.total:,.0f} entries")
    columns = (TextColumn("checking"), BarColumn(), text, TimeElapsedColumn())
    with Progress(
        *columns, console=console_for(err=True), transient=True, disable=not is_watched
    ) as bar:
        task = bar.add_task("entries", total=total)
        yield lambda checked: bar.update(task, completed=checked.entries)


@app.command()
def stats(*, store: StoreUrl = None, as_json: Json = False) -> None:
    """Count runs by state, rows and bytes."""
    counted = interruptible(_stats(store))
    if as_json:
        emit_json(counted)
    else:
        draw(stats_table(counted))


async def _stats(url: str | None) -> dict[str, int]:
    async with existing_store(url) as store:
        return dict(await store.stats())
