"""``stanchion export``: feed traces to other programs, see how each stands, try a destination."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, TypeAlias

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from stanchion.cli._console import console_for, draw
from stanchion.cli._exports import checks_picture, feeds_picture, letters_picture
from stanchion.cli._options import Json, StoreUrl
from stanchion.cli._output import emit_json
from stanchion.cli._stores import existing_store, settings_for
from stanchion.cli._watch import interruptible
from stanchion.engine import Settings
from stanchion.errors import ConfigurationError, DestinationFailed
from stanchion.ledger import Store
from stanchion.observe import (
    Destination,
    Exporter,
    Feed,
    FeedState,
    Meaning,
    check,
    destination_for,
    since,
)

__all__ = ["app"]

PATIENCE = timedelta(seconds=60)
_COUNTED = 20_000

app = typer.Typer(
    name="export",
    help="Feed traces to Langfuse, LangSmith, Weave, Phoenix, MLflow, OpenTelemetry.",
    no_args_is_help=True,
)

Names: TypeAlias = Annotated[
    list[str] | None,
    typer.Argument(metavar="[NAME...]", help="Of the settings' exports, or a type; else all."),
]


@dataclass(frozen=True, slots=True)
class Standing:
    """How one destination stands."""

    destination: Destination
    feed: Feed
    behind: int
    """Entries that it hasn't been fed yet, counted up to a limit."""


@app.command()
def status(names: Names = None, *, store: StoreUrl = None, as_json: Json = False) -> None:
    """Show how far each destination has been fed, what it refused and what the matter is."""
    chosen = _chosen(names, settings_for(store))
    standings = interruptible(_status(store, chosen))
    if as_json:
        emit_json([_plain(each) for each in standings])
    else:
        draw(feeds_picture(standings, most=_COUNTED))


@app.command()
def run(
    names: Names = None,
    *,
    from_: Annotated[
        str | None,
        typer.Option("--since", metavar="TIME", help="Send again what was recorded since (ISO)."),
    ] = None,
    store: StoreUrl = None,
    as_json: Json = False,
) -> None:
    """Send what is recorded and not taken yet, then end; exit with 1 if a destination fails."""
    chosen = _chosen(names, settings_for(store))
    start = None if from_ is None else _time(from_)
    ended = interruptible(
        _run(store, chosen, start, is_watched=not as_json and sys.stderr.isatty())
    )
    if as_json:
        emit_json([{**_plain(standing), "failed": failed} for standing, failed in ended])
    else:
        draw(feeds_picture([standing for standing, _ in ended], most=_COUNTED))
    raise typer.Exit(int(any(failed for _, failed in ended)))


@app.command(name="check")
def check_(names: Names = None, *, store: StoreUrl = None, as_json: Json = False) -> None:
    """Send each destination a probe and tell what became of it; exit with 1 if one fails."""
    chosen = _chosen(names, settings_for(store))
    verdicts = interruptible(_check(chosen))
    if as_json:
        emit_json(
            [
                {"name": to.name, "url": to.url, "meaning": v.meaning.value, "reason": v.reason}
                for to, v in zip(chosen, verdicts, strict=True)
            ]
        )
    else:
        draw(checks_picture(chosen, verdicts))
    raise typer.Exit(int(any(v.meaning is not Meaning.TAKEN for v in verdicts)))


@app.command()
def letters(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the settings' exports.")],
    *,
    store: StoreUrl = None,
    as_json: Json = False,
) -> None:
    """List the newest spans that a destination wouldn't take, with its reasons."""
    found = interruptible(_letters(store, name))
    if as_json:
        emit_json(found)
    else:
        draw(letters_picture(found))


def _chosen(names: Sequence[str] | None, settings: Settings) -> list[Destination]:
    wanted = list(names or settings.exports)
    if not wanted:
        raise ConfigurationError(
            "no export is set up",
            remedy='add one to stanchion.toml, [exports.langfuse], or name a type: "... langfuse"',
        )
    return [destination_for(name, settings.exports.get(name, {})) for name in wanted]


def _time(text: str) -> datetime:
    try:
        given = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(
            f"{text!r} is no time such as 2026-11-01 or 2026-11-01T12:00", param_hint="--since"
        ) from error
    return given if given.tzinfo else given.replace(tzinfo=UTC)


async def _status(url: str | None, chosen: Sequence[Destination]) -> list[Standing]:
    async with existing_store(url) as store:
        return [await _standing(store, to) for to in chosen]


async def _standing(store: Store, to: Destination) -> Standing:
    feed = await FeedState(store, to.name, "status").read()
    behind, cursor = 0, feed.cursor
    while behind < _COUNTED and (entries := await store.follow(cursor, 2000)):
        behind, cursor = behind + len(entries), entries[-1].cursor
    return Standing(to, feed, behind)


async def _run(
    url: str | None, chosen: Sequence[Destination], start: datetime | None, *, is_watched: bool
) -> list[tuple[Standing, str]]:
    async with existing_store(url) as store:
        if start is not None:
            cursor = await since(store, start)
            for to in chosen:
                await FeedState(store, to.name, "since").reset(cursor)
        before = [await _standing(store, to) for to in chosen]
        with _bar(sum(each.behind for each in before), is_watched=is_watched) as advance:
            failed = [await _catch_up(store, each.destination, advance) for each in before]
        return [(await _standing(store, to), why) for to, why in zip(chosen, failed, strict=True)]


async def _catch_up(store: Store, to: Destination, advance: Callable[[int], None]) -> str:
    """Feed a destination; return why it couldn't be, empty if it could."""
    exporter = Exporter(store, to, patience=PATIENCE, fed=advance)
    try:
        await exporter.catch_up()
    except DestinationFailed as error:
        await FeedState(store, to.name, "run").trouble(error.message)
        return error.message
    finally:
        await exporter.close()
    return ""


@contextmanager
def _bar(total: int, *, is_watched: bool) -> Generator[Callable[[int], None]]:
    """Draw a bar over the entries that have been fed, if somebody watches."""
    text = TextColumn("{task.completed:,.0f} of {task.total:,.0f} entries")
    columns = (TextColumn("exporting"), BarColumn(), text, TimeElapsedColumn())
    console = console_for(err=True)
    with Progress(*columns, console=console, transient=True, disable=not is_watched) as bar:
        task = bar.add_task("entries", total=total)
        yield lambda count: bar.advance(task, count)


async def _check(chosen: Sequence[Destination]) -> list[Any]:
    return list(await asyncio.gather(*(check(to) for to in chosen)))


async def _letters(url: str | None, name: str) -> list[dict[str, Any]]:
    async with existing_store(url) as store:
        return await FeedState(store, name, "letters").letters()


def _plain(standing: Standing) -> dict[str, Any]:
    feed = standing.feed
    return {
        "name": standing.destination.name,
        "url": standing.destination.url,
        "behind": standing.behind,
        "sent": feed.sent,
        "dead": feed.dead,
        "fed_up_to": feed.at,
        "trouble": feed.trouble,
        "trouble_since": feed.since,
    }
