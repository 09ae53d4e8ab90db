"""The window of one agent's loop: kept within its budget, from the loop's own turns.

What has to be decided on counts of tokens (summarise now or not, and how far) is decided once, at
the frontier, and is in the record from then on; replay looks there and counts nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stanchion.context import (
    PER_MESSAGE,
    Calibration,
    Pinned,
    Shares,
    Turn,
    Window,
    estimate,
    spelled,
    spelled_tool,
)
from stanchion.errors import ConfigurationError
from stanchion.ledger import Document, EntryPhase
from stanchion.models import ToolSpec, context_tokens_of
from stanchion.values import Message
from stanchion.workflows._compaction import KIND, compact
from stanchion.workflows._incarnation import StepScope
from stanchion.workflows._kept import Kept
from stanchion.workflows._models import ModelCall
from stanchion.workflows._originals import OWN_SPECS
from stanchion.workflows._sizes import Sizes

__all__ = ["DEFAULT_WINDOW", "WINDOW_SINCE", "AgentWindow", "open_window"]

WINDOW_SINCE = 7
"""The first loop version with a window; the ones before sent everything."""
DEFAULT_WINDOW = 100_000
"""Tokens of a prompt, for a model that doesn't say how many it can read."""
LEAST = 500
ANSWER = 1024
"""Tokens that an answer may have."""
SUMMARY_ROLE = "summary"
"""The role whose model writes summaries, if the app has one; otherwise the agent's own."""


@dataclass(slots=True)
class AgentWindow:
    """A window, and what it takes to keep it."""

    scope: StepScope
    role: str
    window: Window
    sizes: Sizes
    specs: tuple[ToolSpec, ...]
    kept: Kept

    async def next_call(self) -> ModelCall:
        """Return the next call of the model; turns are summarised first if they have to be.

        Raises WindowOverflow if it doesn't fit all the same.
        """
        while self._recorded() == KIND:
            await self._summarise(0)
        if self._recorded() is not None:  # a model step that has its answer: nothing is sent
            self._learn_again()
            sections = self.window.sections()
            return ModelCall(self.role, sections, self.specs, own_tools=self._own())
        while through := await self._leaving():
            await self._summarise(through)
        sections = await self._squeezed()
        assembled = self.window.assemble(sections, self.sizes.of_tools, self.sizes)
        facts = {**assembled.facts, "counted": self.sizes.all}
        return ModelCall(
            self.role,
            assembled.sections,
            self.specs,
            max_tokens=min(ANSWER, max(256, self.window.shares.budget // 4)),
            pinned=self.window.pinned.texts(),
            window=facts,
            documents=await self._new_documents(),
            own_tools=self._own(),
        )

    def add(self, number: int, messages: Sequence[Message], said: Sequence[str]) -> None:
        """Take in a turn: what the model said, its answers, and what people said."""
        turn = Turn(number, tuple(messages), self.kept.acts(), tuple(said))
        self.window = self.window.add(turn)

    async def _new_documents(self) -> tuple[Document, ...]:
        """Return what large results of the newest turn are found by; no call followed it yet."""
        newest = self.window.turns[-1:]
        return tuple([large for turn in newest async for large in self.kept.large(turn)])

    async def _squeezed(self) -> Mapping[str, tuple[Message, ...]]:
        """Return the sections of the next call, with fewer lines of summaries if it must be."""
        budget = self.window.shares.summaries
        while True:
            sections = self.window.sections(pending=self._pending())
            await self._count(sections)
            excess = self.window.excess(sections, self.sizes.of_tools, self.sizes)
            if not (excess and self.window.summaries):
                return sections
            budget = budget // 2 if budget > LEAST // 8 else 0
            self.window = self.window.squeezed(self.window.summaries, budget)

    async def _leaving(self) -> int:
        sections = self.window.sections(pending=self._pending())
        await self._count(sections)
        return self.window.leaving(sections, self.sizes.of_tools, self.sizes)

    async def _count(self, sections: Mapping[str, Sequence[Message]]) -> None:
        messages = [message for section in sections.values() for message in section]
        model = self.scope.incarnation.host.model(self.role)
        await self.sizes.count(messages, (*self.specs, *self._own()), model)

    async def _summarise(self, through: int) -> None:
        models = self.scope.incarnation.host.models
        role = SUMMARY_ROLE if SUMMARY_ROLE in models else self.role
        incarnation = self.scope.incarnation
        recorded = incarnation.journal.done_at(incarnation.next_place())
        done = await compact(incarnation, self.window, self.kept, through, role)
        if recorded is not None and recorded <= incarnation.record.forked_at:
            self.kept.inherited = done.through
        self.window = self.window.summarise(done.through, done.summaries)

    def _learn_again(self) -> None:
        """Learn from a recorded call how far the counts were off, as when it was made."""
        incarnation = self.scope.incarnation
        facts = incarnation.journal.facts_at(incarnation.next_place())
        counted = facts.get("window", {}).get("counted", 0)
        self.sizes.calibration.learn(counted, facts.get("usage", {}).get("input_tokens", 0))

    def _own(self) -> tuple[ToolSpec, ...]:
        """Return the tools to look back with, once there is something to look back at."""
        if not (self.window.summarised or self.kept.handles):
            return ()
        return OWN_SPECS

    def _recorded(self) -> str | None:
        incarnation = self.scope.incarnation
        return incarnation.journal.kind_at(incarnation.next_place())

    def _pending(self) -> list[str]:
        """Return what the run waits for a person for, elsewhere: it needn't be asked again."""
        waits = self.scope.incarnation.outside.waits()
        asked = [str(w.body.get("prompt", "")) for w in waits if w.kind == "question"]
        return [f"Already put in front of a person, and not answered yet: {a}" for a in asked]


def open_window(
    scope: StepScope,
    role: str,
    pinned: Pinned,
    specs: tuple[ToolSpec, ...],
    budget: int | None,
) -> AgentWindow:
    """Return the window of an agent that begins, or goes on with the budget that it began with."""
    opening = scope.recorded.last(EntryPhase.OPEN) if scope.recorded else None
    if scope.loop < WINDOW_SINCE:
        tokens = sys.maxsize
    elif opening is not None:
        tokens = int(opening.facts["window"])
    else:
        tokens = _budget(scope, role, budget)
        scope.opening["window"] = tokens
    model = scope.incarnation.host.models.get(role)
    name = "" if model is None else model.name
    calibration = scope.incarnation.host.calibrations.setdefault(name, Calibration())
    fixed = sum(estimate(spelled(message)) + PER_MESSAGE for message in pinned.messages())
    fixed += sum(estimate(spelled_tool(spec)) for spec in (*specs, *OWN_SPECS))
    window = Window.begin(pinned, Shares(tokens, fixed), scope.incarnation.salt)
    kept = Kept(scope.incarnation, scope.place, window.shares)
    return AgentWindow(scope, role, window, Sizes(calibration), specs, kept)


def _budget(scope: StepScope, role: str, wanted: int | None) -> int:
    model = scope.incarnation.host.models.get(role)
    readable = None if model is None else context_tokens_of(model)
    most = DEFAULT_WINDOW if readable is None else readable - min(ANSWER, readable // 4)
    if wanted is None:
        return most
    if wanted < LEAST:
        raise ConfigurationError(
            f"a window of {wanted} tokens is too small to work in",
            remedy=f"give run.agent a window of at least {LEAST} tokens",
        )
    return wanted if readable is None else min(wanted, most)
