"""Times as the tables keep them: whole microseconds since 1970, in UTC."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

__all__ = ["Clock", "host_micros", "micros", "moment", "span_micros"]

Clock: TypeAlias = Callable[[], datetime]
"""Returns the current time, aware."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def micros(when: datetime) -> int:
    """Return an aware time in microseconds."""
    return (when - _EPOCH) // _MICROSECOND


def span_micros(span: timedelta) -> int:
    """Return a duration in microseconds."""
    return span // _MICROSECOND


def moment(value: int) -> datetime:
    """Return the time that microseconds stand for."""
    return _EPOCH + timedelta(0, 0, value)


def host_micros() -> int:
    """Return the host's time in microseconds."""
    return time.time_ns() // 1000
