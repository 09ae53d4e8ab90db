"""What the transports noticed that the SDK's errors don't say.

One record for each call, found by the context that the SDK carries from the caller to the request:
the HTTP status with its headers, whether anything was sent, whether an answer was cut off.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field

__all__ = ["HEARD", "Heard"]


@dataclass(slots=True)
class Heard:
    """What is known of one call, or of a whole connection."""

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    unreached: bool = False
    """Nothing was sent: there was nobody to send it to."""
    too_large: bool = False
    ended: bool = False
    """The connection is over."""


HEARD: ContextVar[Heard | None] = ContextVar("heard", default=None)
