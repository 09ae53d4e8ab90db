"""Production runs as cases: the input as it was recorded, and what came of it.

What a run returned is what it did, not what it should have done: it becomes the expected output
only if somebody says that it was right.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

from stanchion.evaluate._dataset import Case
from stanchion.ledger import RunFilter, RunRecord, Store, codec_for

__all__ = ["recorded_case", "recorded_cases"]

PAGE = 200
INSTANT = timedelta(microseconds=1)


async def recorded_case(store: Store, run: RunRecord, *, was_right: bool = False) -> Case:
    """Return a run as a case; its user is its group, its id the run's."""
    wanted = [run.input, *([run.result] if was_right and run.result else [])]
    found = await store.payloads(run.tenant, wanted)
    values = [codec_for(Any).decode(found[digest]) for digest in wanted]
    facts = {"run": run.id, "workflow": run.workflow, "version": run.version, "state": run.state}
    return Case(values[0], values[1] if values[1:] else None, run.id, run.user, facts)


async def recorded_cases(
    store: Store, where: RunFilter, *, was_right: bool = False
) -> AsyncIterator[Case]:
    """Yield the runs of a query as cases, newest first, up to its limit; children left out."""
    seen: set[str] = set()
    while len(seen) < where.limit:
        page = await store.list(replace(where, limit=PAGE))
        new = [run for run in page if run.id not in seen][: where.limit - len(seen)]
        for run in new:
            seen.add(run.id)
            if not run.parent:
                yield await recorded_case(store, run, was_right=was_right)
        if len(page) < PAGE or not new:
            return
        # Others may have been created in the same instant as the last of the page.
        where = replace(where, before=page[-1].created_at + INSTANT)
