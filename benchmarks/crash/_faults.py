"""Where a worker dies or stops, and what its parent can see of it.

A fault is hit by name: before or after a commit ("intent call plain"), or inside a body. The pulse
is memory shared with the parent, which survives a kill.
"""

from __future__ import annotations

import mmap
import os
import signal
import struct
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from stanchion.ledger import Commit, EntryPhase, Place

__all__ = ["Fault", "Moment", "Pulse", "name_of"]

Moment: TypeAlias = Literal[
    "before commit",
    "after commit",
    "before send",
    "after send",
    "after answer",
    "reading late outcomes",
    "before deciding",
    "after deciding",
    "entering layer",
    "leaving layer",
]


@dataclass(frozen=True, slots=True)
class Fault:
    """What a worker does to itself, the n-th time it comes by."""

    moment: Moment
    what: str = ""
    nth: int = 1
    signal: int = signal.SIGKILL
    """0: the line breaks, the process goes on."""

    def __str__(self) -> str:
        count = f" ({self.nth})" if self.nth > 1 else ""
        return f"{self.moment} {self.what}{count}".strip()


@dataclass(slots=True)
class Trigger:
    """Counts how often a worker came by its fault."""

    fault: Fault | None
    left: int = field(init=False)

    def __post_init__(self) -> None:
        self.left = 0 if self.fault is None else self.fault.nth

    def hit(self, moment: Moment, what: str = "") -> None:
        """Come by; the process may end here. Raises ConnectionResetError if the line breaks."""
        fault = self.fault
        if fault is None or fault.moment != moment or fault.what not in {"", what}:
            return
        self.left -= 1
        if self.left == 0 and not fault.signal:
            raise ConnectionResetError("the line broke")
        if self.left == 0:
            os.kill(os.getpid(), fault.signal)


class Pulse:
    """How many commits a worker made, and how many of its intents are open."""

    _FORM = struct.Struct("qqq")

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, self._FORM.size)
        self._open: set[tuple[str, Place]] = set()
        self._commits = 0

    def committed(self, commit: Commit) -> None:
        """Note an acknowledged commit."""
        self._commits += 1
        for draft in commit.entries:
            place = (commit.run, draft.place)
            if draft.phase is EntryPhase.INTENT:
                self._open.add(place)
            else:
                self._open.discard(place)
        self._FORM.pack_into(self._memory, 0, self._commits, len(self._open), int(self.retired))

    @property
    def commits(self) -> int:
        """Commits acknowledged so far."""
        return self._FORM.unpack_from(self._memory)[0]

    @property
    def open_intents(self) -> int:
        """Intents acknowledged, with no outcome yet."""
        return self._FORM.unpack_from(self._memory)[1]

    @property
    def retired(self) -> bool:
        """Whether the worker may take no more runs."""
        return bool(self._FORM.unpack_from(self._memory)[2])

    def retire(self) -> None:
        """Let the worker take no more runs."""
        commits, intents, _ = self._FORM.unpack_from(self._memory)
        self._FORM.pack_into(self._memory, 0, commits, intents, 1)

    def close(self) -> None:
        """Release the memory."""
        self._memory.close()


def name_of(commit: Commit) -> str:
    """Return a commit's name, for example ``intent call plain``."""
    if not commit.entries:
        return "suspend"
    last = commit.entries[-1]
    return f"{last.phase} {last.kind} {last.name}"
