"""Spans of a store: of one run as it stands, or of entries as they are recorded.

A fold for each run that moves is kept in memory, those of the runs that moved last; the fold of
another is made again from the run's record. What a page of entries refers to is read at once.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from itertools import groupby
from typing import TypeAlias

from stanchion.errors import StoreCorrupt
from stanchion.ledger import Entry, RunRecord, Store, read_message
from stanchion.observe._contents import Contents
from stanchion.observe._conventions import QUIET, span_of
from stanchion.observe._finished import ENDINGS, ROOT, RunFold, Step
from stanchion.observe._span import Span
from stanchion.values import Message

__all__ = ["SpanReader", "Wanted"]

Wanted: TypeAlias = Callable[[RunRecord, Sequence[Step]], bool]
"""Says whether the spans of a run are wanted."""

MOST_FOLDS = 1000
AT_ONCE = 64
"""Steps whose contents are in memory at the same time."""


class SpanReader:
    """Reads spans from one store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._folds: OrderedDict[str, RunFold] = OrderedDict()

    async def of_run(self, run: str, wanted: Wanted | None = None) -> AsyncIterator[Span]:
        """Yield the spans of a run's own finished steps; the run's own comes last.

        None of them if ``wanted`` says so, which is asked before anything else is read.
        """
        record = await self._store.get(run)
        fold = RunFold(record.created_at)
        steps = _own(record, [fold.add(entry) for entry in await self._store.entries(run)])
        if wanted is None or wanted(record, steps):
            async for span in self._built(record, steps):
                yield span

    async def of_entries(self, entries: Sequence[Entry]) -> AsyncIterator[Span]:
        """Yield the spans of the steps whose outcomes are among these entries, a page's."""
        for run, found in groupby(sorted(entries, key=lambda e: e.run), key=lambda e: e.run):
            record = await self._store.get(run)
            steps = [step async for step in self._steps(record, list(found))]
            async for span in self._built(record, _own(record, steps)):
                yield span

    async def of_ended_runs(
        self, entries: Sequence[Entry], wanted: Wanted | None = None
    ) -> AsyncIterator[Span]:
        """Yield all spans of each run that ended with one of these entries."""
        for entry in entries:
            if _ends(entry):
                async for span in self.of_run(entry.run, wanted):
                    yield span

    async def _steps(self, record: RunRecord, entries: Sequence[Entry]) -> AsyncIterator[Step]:
        fold = self._folds.pop(record.id, None)
        if fold is None or fold.seq != entries[0].seq - 1:
            fold = RunFold(record.created_at)
            if entries[0].seq > 1:
                for entry in await self._store.entries(record.id):
                    if entry.seq < entries[0].seq:
                        fold.add(entry)
        for step in (fold.add(entry) for entry in entries):
            if step is not None:
                yield step
        if not _ends(entries[-1]):
            self._keep(record.id, fold)

    def _keep(self, run: str, fold: RunFold) -> None:
        self._folds[run] = fold
        while len(self._folds) > MOST_FOLDS:
            self._folds.popitem(last=False)

    async def _built(self, record: RunRecord, steps: Sequence[Step]) -> AsyncIterator[Span]:
        for start in range(0, len(steps), AT_ONCE):
            some = steps[start : start + AT_ONCE]
            contents = await self._contents(record, some)
            for step in some:
                yield span_of(record, step, contents)

    async def _contents(self, record: RunRecord, steps: Sequence[Step]) -> Contents:
        wanted = {d for step in steps for d in (step.request, step.result, step.shown, step.sent)}
        wanted |= {record.input} if any(step.kind == "run" for step in steps) else set()
        digests = [digest for digest in wanted if digest]
        said = {digest for step in steps for digest in _messages(step) if digest}
        payloads = await self._store.payloads(record.tenant, digests)
        return Contents(payloads, await self._said(record.tenant, sorted(said)))

    async def _said(self, tenant: str, digests: Sequence[bytes]) -> Mapping[bytes, Message]:
        """Return the messages that are there: one by one if some were erased."""
        try:
            return dict(zip(digests, await read_message(self._store, tenant, digests), strict=True))
        except StoreCorrupt:
            if len(digests) == 1:
                return {}
        half = len(digests) // 2
        left = await self._said(tenant, digests[:half])
        return {**left, **await self._said(tenant, digests[half:])}


def _ends(entry: Entry) -> bool:
    return entry.place == ROOT and entry.name in ENDINGS


def _own(record: RunRecord, steps: Iterable[Step | None]) -> list[Step]:
    """Leave out what stands in the trace of the run that this one was forked from."""
    found = [s for s in steps if s is not None and s.seq > record.forked_at]
    return [s for s in found if s.kind not in QUIET]


def _messages(step: Step) -> list[bytes]:
    answer = [bytes.fromhex(step.facts["message"])] if "message" in step.facts else []
    return [*(digest for digests in step.prompt.values() for digest in digests), *answer]
