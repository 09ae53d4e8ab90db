"""Which run's which step the code that runs now belongs to, so that a log line can say so."""

from __future__ import annotations

from contextvars import ContextVar

from stanchion.ledger import Place, RunRecord

__all__ = ["current_step", "here"]

here: ContextVar[tuple[RunRecord, Place] | None] = ContextVar("stanchion_step", default=None)


def current_step() -> tuple[RunRecord, Place] | None:
    """Return the run and the place of the step that is being performed, None outside of one.

    In a workflow's own code it is the run's own place; in a tool's body, its call's, also in a
    thread.
    """
    return here.get()
