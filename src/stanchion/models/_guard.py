"""One switch that forbids real models, for tests: nothing can be sent by accident."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from stanchion.errors import ConfigurationError

__all__ = ["check_real_calls", "forbid_real_calls"]


class _Switch:
    """How many forbidding blocks are open; process-wide, since tests start threads and tasks."""

    closed = 0


@contextmanager
def forbid_real_calls() -> Generator[None]:
    """Make every call of a model that isn't scripted raise ConfigurationError in this block."""
    _Switch.closed += 1
    try:
        yield
    finally:
        _Switch.closed -= 1


def check_real_calls(name: str, *, real: bool) -> None:
    """Raise if real calls are forbidden and this model's would be one."""
    if real and _Switch.closed:
        raise ConfigurationError(
            f"a call to the real model {name} while real calls are forbidden",
            remedy="give the test a ScriptedModel, or call outside forbid_real_calls()",
        )
