"""The ledger that a command works on: opened, never created by looking at it.

Runs are found by their id or a unique beginning of it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from stanchion import ledger
from stanchion.engine import Settings, Stanchion, load_settings
from stanchion.errors import RunNotFound, StoreUnavailable
from stanchion.ledger import RunFilter, RunRecord, Store

__all__ = ["check_exists", "existing_store", "find_run", "messenger", "settings_for"]

_PAGE = 500
_SEARCHED = 20_000
"""Runs, newest first, among which a beginning is looked for."""


def settings_for(store: str | None) -> Settings:
    """Return the settings in force with a store given on the command line."""
    return load_settings(store=store)[0]


@asynccontextmanager
async def existing_store(url: str | None) -> AsyncGenerator[Store]:
    """Open a ledger that exists; raise StoreUnavailable otherwise."""
    settings = settings_for(url)
    check_exists(settings.store)
    store = ledger.open_store(settings.store, durability=settings.durability)
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def messenger(url: str | None) -> AsyncGenerator[Stanchion]:
    """Open an app that only sends messages: it has no models and moves nothing."""
    settings = settings_for(url)
    check_exists(settings.store)
    app = Stanchion(settings=replace(settings, models={}))
    try:
        await app.open(serve=False)
        yield app
    finally:
        await app.close()


def check_exists(url: str) -> None:
    """Raise StoreUnavailable for a file that isn't there: opening it would make one."""
    if not url.startswith("sqlite:///") or ":memory:" in url:
        return
    path = Path(url.removeprefix("sqlite:///")).expanduser()
    if not path.exists():
        raise StoreUnavailable(
            f"there is no ledger at {path.absolute()}",
            remedy="name it with --store or STANCHION_STORE, go to the folder that holds it, or "
            "start a run, which makes one",
        )


async def find_run(store: Store, beginning: str) -> RunRecord:
    """Return a run by its id or a unique beginning of it, or raise RunNotFound."""
    try:
        return await store.get(beginning)
    except RunNotFound:
        found = await _starting_with(store, beginning)
    # A child's id and a successor's begin with those of the runs before them.
    found = [r for r in found if not r.parent and not r.predecessor] or found
    if len(found) == 1:
        return found[0]
    if found:
        known = ", ".join(record.id for record in found[:5])
        raise RunNotFound(
            f"{len(found)} runs begin with {beginning!r}", remedy=f"write more of it: {known}"
        )
    raise RunNotFound(
        f"no run begins with {beginning!r}", remedy="`stanchion runs list` shows the runs"
    )


async def _starting_with(store: Store, beginning: str) -> list[RunRecord]:
    found: list[RunRecord] = []
    where = RunFilter(limit=_PAGE)
    for _ in range(0, _SEARCHED, _PAGE):
        page = await store.list(where)
        found += [record for record in page if record.id.startswith(beginning)]
        if len(page) < _PAGE:
            break
        where = replace(where, before=page[-1].created_at)
    return found
