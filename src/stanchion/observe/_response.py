"""What a destination's response means for what was sent. Pure.

OpenTelemetry's own exporters drop what is refused and tell nobody. Here each response is one of
five things, and a span that isn't taken ends up somewhere: sent again, sent alone, or among the
dead letters with the reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum

__all__ = ["Meaning", "Response", "Verdict", "judge", "seconds_of"]


@dataclass(frozen=True, slots=True)
class Response:
    """What came back, over HTTP or gRPC alike; nothing at all has status 0."""

    status: int
    """As in HTTP."""
    reason: str = ""
    """What it said, for people."""
    retry_after: float | None = None
    """Seconds."""
    rejected: int = 0
    """Spans that an otherwise successful response says were not taken."""
    media_type: str = ""


class Meaning(StrEnum):
    """What becomes of what was sent."""

    TAKEN = "taken"
    AGAIN = "again"
    """The destination is overloaded, down or silent: the same once more, later."""
    SMALLER = "smaller"
    """Too much at once."""
    REFUSED = "refused"
    """Something in it isn't acceptable, and nothing says what."""
    MISCONFIGURED = "misconfigured"
    """No span is at fault: the address, the credentials or the set-up is."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A response, judged."""

    meaning: Meaning
    reason: str = ""
    after: float | None = None
    """Seconds to wait, if the destination says so."""


_REFUSED = frozenset({400, 406, 409, 411, 422})


def judge(response: Response) -> Verdict:
    """Return what a response means."""
    status, said = response.status, response.reason
    told = f"{status} {said}".strip() if status else said
    if 200 <= status < 300:
        if response.rejected:
            return Verdict(Meaning.REFUSED, f"{response.rejected} not taken: {said}")
        if response.media_type == "text/html":
            return Verdict(Meaning.MISCONFIGURED, "a web page answered: this isn't its address")
        return Verdict(Meaning.TAKEN)
    if status == 413:
        return Verdict(Meaning.SMALLER, told)
    if status in _REFUSED:
        return Verdict(Meaning.REFUSED, told)
    if status == 0 or status in (408, 425, 429) or status >= 500:
        return Verdict(Meaning.AGAIN, told, response.retry_after)
    return Verdict(Meaning.MISCONFIGURED, told)


def seconds_of(header: str | None, now: datetime) -> float | None:
    """Return the seconds that a ``Retry-After`` header asks for: a number or a date."""
    if not header:
        return None
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        when = parsedate_to_datetime(header)
    except ValueError:
        return None
    return max(0.0, (when.replace(tzinfo=when.tzinfo or UTC) - now).total_seconds())
