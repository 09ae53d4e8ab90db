"""The run for whose step something is done, so that a run started there is known to stand below it.

A context variable: it follows a body into its tasks and threads, and ends with the step. It knows
ids only; whether runs that call each other go round in circles is decided where they are started.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

__all__ = ["CIRCLES", "Caller", "calling", "current_caller"]

CIRCLES = {
    "depth": "too many runs stand above it",
    "circle": "runs above it were already given the same input, twice",
}
"""The rules by which a run isn't started, since runs call each other, with what they say."""


@dataclass(slots=True)
class Caller:
    """A run at work on one of its steps."""

    run: str
    started: list[str] = field(default_factory=list[str])
    """Ids of the runs that were started meanwhile, or that a server says it started."""
    refused: str = ""
    """The rule by which a run wasn't started; empty if none was refused."""


_current: ContextVar[Caller | None] = ContextVar("stanchion_caller", default=None)


def current_caller() -> Caller | None:
    """Return on whose step this code works; None outside of a run's steps."""
    return _current.get()


@contextmanager
def calling(run: str) -> Generator[Caller]:
    """Say that what is done here is done for a step of this run."""
    caller = Caller(run)
    token = _current.set(caller)
    try:
        yield caller
    finally:
        _current.reset(token)
