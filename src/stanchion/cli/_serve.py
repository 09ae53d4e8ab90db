"""``stanchion serve``: a process that recovers and moves runs until it is stopped."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from typing import Annotated

import typer

from stanchion.cli._activity import activity
from stanchion.cli._console import console_for
from stanchion.cli._diagnosis import without_secret
from stanchion.cli._options import Json, StoreUrl
from stanchion.cli._output import emit_json, note
from stanchion.cli._stores import settings_for
from stanchion.cli._targets import load_app
from stanchion.cli._watch import interruptible
from stanchion.engine import Stanchion
from stanchion.observe import destination_for, exporting

__all__ = ["app"]

app = typer.Typer()


@app.command()
def serve(
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[MODULE:APP | MODULE:WORKFLOW...]", help="By default the setting app."
        ),
    ] = None,
    *,
    store: StoreUrl = None,
    as_json: Json = False,
) -> None:
    """Recover and move the runs of an app until Ctrl-C.

    Steps in flight get their outcome before it stops; whatever is left goes on with the next one
    that serves. With --json what happens is an entry a line. Traces are exported meanwhile to
    where the settings say.
    """
    settings = settings_for(store)
    named = targets or ([settings.app] if settings.app else [])
    if not named:
        raise typer.BadParameter(
            "name an app or workflows, or set app in stanchion.toml", param_hint="MODULE:APP"
        )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(message)s")
    words = " ".join(["stanchion", "serve", *named, *(["--store", store] if store else [])])
    interruptible(_serve(load_app(named, settings), as_json=as_json), hint={"command": words})


async def _serve(served: Stanchion, *, as_json: bool) -> None:
    """Serve until SIGINT, which ends with KeyboardInterrupt, or SIGTERM, which ends quietly."""
    destinations = [destination_for(n, given) for n, given in served.settings.exports.items()]
    async with served, exporting(served.store, *destinations):
        names = ", ".join(f"{w.name} version {w.version}" for w in served.workflows)
        note(f"serving {names} on {without_secret(served.settings.store)}; Ctrl-C stops")
        moving = asyncio.create_task(served.serve())
        telling = asyncio.create_task(_tell(served, as_json=as_json))
        stopped = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
        ending = asyncio.create_task(stopped.wait())
        try:
            done, _ = await asyncio.wait(
                {moving, telling, ending}, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                task.result()
        finally:
            note("stopping: steps in flight get their outcome first; Ctrl-C again doesn't wait")
            for task in (moving, telling, ending):
                task.cancel()
            await asyncio.gather(moving, telling, ending, return_exceptions=True)


async def _tell(served: Stanchion, *, as_json: bool) -> None:
    """Print what happens to runs, as it happens."""
    console = console_for()
    async for line, entry in activity(served.store):
        if as_json:
            emit_json(entry, compact=True)
        else:
            console.print(line, no_wrap=True, overflow="ellipsis")
