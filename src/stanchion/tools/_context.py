"""What a tool's body may know about the call it serves.

The first parameter of a body, if it is annotated with ``CallContext``; never an argument, never
shown to a model, never recorded. The key and the epoch are for the target: a target that keeps
keys makes a repeated call harmless, one that keeps epochs can turn a fenced writer away.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Generic

from typing_extensions import TypeVar

from stanchion.tools._outcomes import NotPerformed
from stanchion.tools._pulse import Pulse
from stanchion.values import Action, Json, ToolError

__all__ = ["CallContext"]

Deps = TypeVar("Deps", default=Any)


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class CallContext(Generic[Deps]):
    """One attempt of one call."""

    key: str
    """The idempotency key minted by the runtime; empty for reads."""
    epoch: int
    """The writer's epoch; a target may refuse a lower one than it has seen."""
    attempt: int
    deadline: datetime
    """Nothing may be sent after this: others count on it when they ask what happened."""
    run: str
    deps: Deps
    """The resources that the application gave: pools, clients, settings."""
    clock: Callable[[], datetime] = field(default=_utc_now, repr=False)
    pulse: Pulse = field(default_factory=Pulse, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    """What to send along so that the other service's spans join this trace: ``traceparent``."""

    def heartbeat(self, progress: Json = None) -> None:
        """Show that the body still works, and how far it is; from whatever thread."""
        self.pulse.beat(progress)

    @property
    def cancelled(self) -> threading.Event:
        """Set once nobody waits for the body any more: one in a thread should end itself."""
        return self.pulse.cancelled

    @property
    def progress(self) -> Json:
        """What the newest heartbeat said."""
        return self.pulse.progress

    def check_deadline(self) -> None:
        """Raise NotPerformed if the deadline has passed. Call it just before sending."""
        if self.clock() > self.deadline:
            raise NotPerformed(
                ToolError(
                    code="deadline_passed",
                    problem="the call's deadline had passed before anything was sent",
                    action=Action.WAIT,
                    retryable=True,
                )
            )
