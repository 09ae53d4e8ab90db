"""A destination: where spans go, in which form, and what it wants otherwise than the rest.

Everything that is particular to one destination is in its own small file, as a function of a span
and some settings; what sends and what judges is the same for all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from stanchion.observe._notes import Note
from stanchion.observe._redact import Redaction
from stanchion.observe._span import Attributes, Span

__all__ = ["Adapt", "Destination", "Protocol"]

Protocol: TypeAlias = Literal["http/protobuf", "http/json", "grpc"]

Adapt: TypeAlias = Callable[[Span], Span]
"""Says a span in a destination's own terms."""


def as_it_is(span: Span) -> Span:
    """Leave a span as the conventions have it."""
    return span


def no_notes(_: Span) -> Sequence[Note]:
    """Say nothing beside a span."""
    return ()


@dataclass(frozen=True, slots=True)
class Destination:
    """Where spans are sent."""

    name: str
    """Its own name in this store: two destinations of one kind have two."""
    url: str
    """The full address, for gRPC ``http://host:port`` or ``https://host:port``."""
    protocol: Protocol = "http/protobuf"
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    """Credentials among them: never shown."""
    resource: Attributes = field(default_factory=dict[str, str])
    """What the spans come from: service, release, environment."""
    adapt: Adapt = as_it_is
    notes: Callable[[Span], Sequence[Note]] = no_notes
    """Requests beside a span, sent after it was taken: scores, where they have a place of their
    own. Over HTTP only."""
    when: Literal["step", "run"] = "step"
    """Send a span when its step has finished, or a run's all together when it has ended."""
    sample: float = 1.0
    """Share of runs that are sent, 0 to 1. Those with an error or a question to a person always
    are; to know that, a run must have ended."""
    redaction: Redaction = field(default_factory=Redaction)
    gzip: bool = True
    most_spans: int = 256
    """In one request."""
    most_bytes: int = 3_000_000
    """In one request, before compression."""
    timeout: float = 30.0
    """Seconds for a request."""
    lacks: tuple[str, ...] = ()
    """What must be set before it can be used: names of credentials or settings."""

    @property
    def whole_runs(self) -> bool:
        """Whether a run's spans are sent together, after its end."""
        return self.when == "run" or self.sample < 1
