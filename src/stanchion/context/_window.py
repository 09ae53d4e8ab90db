"""The window: what is sent with a call, in an order that changes as little as it can.

Pure. From a task's turns it assembles sections under a budget of tokens: what is pinned, memory,
summaries of what has left, the newest turns word for word, and what is pending. The front changes
rarely, so that prompt caches keep hitting: turns are summarised in blocks, and only once the budget
is reached. Assembling costs what is in the window, never what was before it. It refuses to know
models, ledgers and how a summary is made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from stanchion.context._pinned import Pinned
from stanchion.context._summary import Summary, gather, render, render_open
from stanchion.context._turn import Turn
from stanchion.errors import WindowOverflow
from stanchion.values import Json, Message, TextPart

__all__ = ["Assembled", "Shares", "Size", "Window"]

Size: TypeAlias = Callable[[Message], int]
"""Says how many tokens a message has."""

SECTIONS = ("pinned", "memory", "summaries", "turns", "pending")
"""A prompt's sections in the order in which they are sent."""


@dataclass(frozen=True, slots=True)
class Shares:
    """How a budget of tokens is divided: what isn't taken by what stands in every call."""

    budget: int
    fixed: int = 0
    """Tokens of what is pinned and of the tools."""

    @property
    def free(self) -> int:
        """What is left of it."""
        return max(0, self.budget - self.fixed)

    @property
    def summaries(self) -> int:
        """All summaries together."""
        return self.free * 3 // 10

    @property
    def summary(self) -> int:
        """One summary of turns that leave together."""
        return max(60, self.free // 20)

    @property
    def results(self) -> int:
        """The results of one turn; larger ones are shown as previews."""
        return max(60, self.free // 8)

    @property
    def preview(self) -> int:
        """One preview."""
        return max(30, self.free // 24)


@dataclass(frozen=True, slots=True)
class Assembled:
    """A prompt, and what is noted of how it came about."""

    sections: Mapping[str, tuple[Message, ...]]
    facts: Mapping[str, Json]
    """Small, for the record of the call: the budget, tokens by section, what is summarised."""
    tokens: int


@dataclass(frozen=True, slots=True)
class Window:
    """What of a task a model may be sent, up to now."""

    pinned: Pinned
    shares: Shares
    boundary: str
    """The run's random word around what comes from outside."""
    front: tuple[Message, ...]
    """What is pinned, as messages."""
    summaries: tuple[Summary, ...] = ()
    """What was merged, at most one of each label, then the blocks, oldest first."""
    said: tuple[Message, ...] = ()
    """The summaries, and what they leave open, as messages."""
    turns: tuple[Turn, ...] = ()
    """The turns that are in it word for word."""
    summarised: int = 0
    """The last turn that isn't in it word for word."""
    tainted: bool = False
    """Whether the model has read something that nobody vouches for."""

    @classmethod
    def begin(cls, pinned: Pinned, shares: Shares, boundary: str) -> Window:
        """Return the window of a task that begins."""
        return cls(pinned, shares, boundary, pinned.messages())

    def open_items(self, *, trusted: bool) -> tuple[str, ...]:
        """Return what the newest summary of a label says is still open."""
        return next((s.open for s in reversed(self.summaries) if s.trusted is trusted), ())

    def add(self, turn: Turn) -> Window:
        """Return the window with a new turn; what people said in it is pinned from now on."""
        pinned = self.pinned
        if turn.answers:
            pinned = replace(pinned, answers=(*pinned.answers, *turn.answers))
        tainted = self.tainted or any(not act.trusted for act in turn.acts)
        turns = (*self.turns, replace(turn, clean=not self.tainted))
        return replace(self, pinned=pinned, turns=turns, tainted=tainted)

    def summarise(self, through: int, made: Sequence[Summary]) -> Window:
        """Return the window with summaries in place of the turns up to one."""
        turns = tuple(turn for turn in self.turns if turn.number > through)
        new = replace(self, turns=turns, summarised=through)
        return new.squeezed((*self.summaries, *made), self.shares.summaries)

    def squeezed(self, summaries: Sequence[Summary], budget: int) -> Window:
        """Return the window with summaries in so many tokens, with none of them for 0."""
        kept = gather(summaries, budget) if budget else ()
        new = replace(self, summaries=kept)
        told = [render(s, boundary=self.boundary) for s in kept]
        told += [
            render_open(lines, trusted=trusted, boundary=self.boundary)
            for trusted in (True, False)
            if (lines := new.open_items(trusted=trusted))
        ]
        return replace(new, front=new.renewed_front(), said=tuple(map(user_message, told)))

    def sections(
        self, memory: Sequence[Message] = (), pending: Sequence[str] = ()
    ) -> Mapping[str, tuple[Message, ...]]:
        """Return all that would be sent, whether it fits or not, by section."""
        turns = tuple(message for turn in self.turns for message in turn.messages)
        asked = tuple(map(user_message, pending))
        parts = (self.front, tuple(memory), self.said, turns, asked)
        return {name: part for name, part in zip(SECTIONS, parts, strict=True) if part}

    def leaving(self, sections: Mapping[str, Sequence[Message]], tools: int, size: Size) -> int:
        """Return up to which turn has to be summarised before the next call; 0 if all fits.

        ``tools`` are the tokens of the tools. Half of the turns' room is made free at once, so that
        the prompt's front stays the same for long. The newest turn always stays.
        """
        used = _tokens(sections, size)
        total = used.pop("turns", 0)
        room = self.shares.budget - tools - sum(used.values())
        if total <= room:
            return 0
        target = max(0, room - self.shares.summary) // 2
        through = 0
        for turn in self.turns[:-1]:
            if total <= target:
                break
            total -= sum(map(size, turn.messages))
            through = turn.number
        return through

    def excess(self, sections: Mapping[str, Sequence[Message]], tools: int, size: Size) -> int:
        """Return by how many tokens it doesn't fit, 0 if it does."""
        used = tools + sum(_tokens(sections, size).values())
        return max(0, used - self.shares.budget)

    def assemble(
        self, sections: Mapping[str, tuple[Message, ...]], tools: int, size: Size
    ) -> Assembled:
        """Return the prompt of the next call; raise WindowOverflow if it doesn't fit."""
        used = _tokens(sections, size)
        tokens = tools + sum(used.values())
        if tokens > self.shares.budget:
            raise WindowOverflow(
                f"what has to be sent takes {tokens:,} tokens, the window has "
                f"{self.shares.budget:,}",
                remedy="give run.agent a larger window, or shorten the goal, the constraints and "
                "the input",
                tokens=tokens,
                budget=self.shares.budget,
            )
        by_section: dict[str, Json] = {"tools": tools, **used} if tools else {**used}
        facts: dict[str, Json] = {"budget": self.shares.budget, "tokens": by_section}
        if self.summarised:
            facts["summarised"] = self.summarised
        return Assembled(sections, facts, tokens)

    def renewed_front(self) -> tuple[Message, ...]:
        """Return what is pinned; an answer that still stands in its turn isn't said twice."""
        within = {answer for turn in self.turns for answer in turn.answers}
        return self.pinned.messages([a for a in self.pinned.answers if a not in within])


def _tokens(sections: Mapping[str, Sequence[Message]], size: Size) -> dict[str, int]:
    return {name: sum(map(size, messages)) for name, messages in sections.items()}


def user_message(text: str) -> Message:
    """Return a text as somebody who isn't the model says it."""
    return Message("user", (TextPart(text),))
