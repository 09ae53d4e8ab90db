"""What a destination must not see, taken out of a span before anything else touches it. Pure.

Secrets always, unless an operator says otherwise; contents and patterns of one's own if wanted. A
redaction that fails keeps the span back: nothing is sent that wasn't redacted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from stanchion.observe._span import Attributes, AttributeValue, Span

__all__ = ["CONTENT", "REDACTED", "Redaction", "redact"]

REDACTED = "(redacted)"

CONTENT = frozenset(
    {
        "error.message",
        "exception.message",
        "gen_ai.evaluation.explanation",
        "gen_ai.input.messages",
        "gen_ai.output.messages",
        "gen_ai.system_instructions",
        "gen_ai.tool.call.arguments",
        "gen_ai.tool.call.result",
        "input.value",
        "output.value",
        "stanchion.run.reason",
    }
)
"""Attributes that hold what people, models and tools said."""

SECRETS = re.compile(
    r"""
    -----BEGIN[ ][A-Z ]*PRIVATE[ ]KEY-----.*?(?:-----END[ ][A-Z ]*PRIVATE[ ]KEY-----|\Z)
    | \b(?:sk|pk|rk)-(?:[A-Za-z]+-)*[A-Za-z0-9_-]{20,}            # OpenAI, Anthropic, Langfuse
    | \b[spr]k_(?:live|test)_[A-Za-z0-9]{16,}                     # Stripe
    | \blsv2_[a-z]{2}_[A-Za-z0-9_]{20,}                           # LangSmith
    | \bgh[pousr]_[A-Za-z0-9]{30,} | \bgithub_pat_[A-Za-z0-9_]{30,}
    | \bxox[abeprs]-[A-Za-z0-9-]{10,}                             # Slack
    | \b(?:AKIA|ASIA)[A-Z0-9]{16}\b                               # AWS
    | \bAIza[A-Za-z0-9_-]{35}                                     # Google
    | \bhf_[A-Za-z0-9]{30,}
    | \beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]*   # JSON Web Token
    | (?<=://)[^\s:/@"]{1,100}:[^\s:/@"]{1,200}(?=@)              # user:password@host
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Redaction:
    """What is taken out."""

    secrets: bool = True
    """What looks like a key, a token or a password in an address."""
    content: bool = False
    """All that people, models and tools said: what is left is names, times, tokens and costs."""
    patterns: tuple[re.Pattern[str], ...] = ()
    """What else is taken out of every text."""


def redact(span: Span, redaction: Redaction) -> Span:
    """Return the span without what must not be seen."""
    patterns = (*((SECRETS,) if redaction.secrets else ()), *redaction.patterns)
    if not patterns and not redaction.content:
        return span

    def clean(attributes: Attributes) -> Attributes:
        return {
            name: REDACTED if redaction.content and name in CONTENT else _clean(value, patterns)
            for name, value in attributes.items()
        }

    error = span.error
    if error is not None:
        error = REDACTED if redaction.content else _text(error, patterns)
    return replace(
        span,
        attributes=clean(span.attributes),
        error=error,
        events=tuple(replace(e, attributes=clean(e.attributes)) for e in span.events),
    )


def _clean(value: AttributeValue, patterns: Sequence[re.Pattern[str]]) -> AttributeValue:
    match value:
        case str():
            return _text(value, patterns)
        case bool() | int() | float():
            return value
        case _:
            return [_text(each, patterns) for each in value]


def _text(text: str, patterns: Sequence[re.Pattern[str]]) -> str:
    for pattern in patterns:
        text = pattern.sub(REDACTED, text)
    return text
