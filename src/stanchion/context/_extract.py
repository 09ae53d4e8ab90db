"""What code alone can say of some turns: the part of a summary that no model writes.

Effects and identifiers come from here always; the rest too when no model's summary holds up. It is
the same for the same turns, and it never fails.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from stanchion.context._identifiers import find_identifiers
from stanchion.context._summary import Summary, fit
from stanchion.context._turn import Act, Turn
from stanchion.values import Integrity, Json, Label

__all__ = ["extract_summary", "is_of"]

LINE = 160
"""Characters of what was shown that a line repeats."""
SHORT = 80


def is_of(act: Act, *, trusted: bool) -> bool:
    """Tell whether an act belongs into the summary with this label."""
    return act.trusted is trusted


def extract_summary(turns: Sequence[Turn], budget: int, *, trusted: bool) -> Summary:
    """Return a summary of the turns' acts with one label, within a budget of tokens."""
    acts = [(turn, act) for turn in turns for act in turn.acts if is_of(act, trusted=trusted)]
    label = Label(Integrity.TRUSTED if trusted else Integrity.UNTRUSTED)
    summary = Summary(
        turns[0].number,
        turns[-1].number,
        label,
        done=tuple(_done(turn, act) for turn, act in acts if not act.wrote),
        effects=tuple(_effect(turn, act) for turn, act in acts if act.wrote),
        identifiers=tuple(_identifiers(acts)),
    )
    return fit(summary, budget)


def _done(turn: Turn, act: Act) -> str:
    came = "failed" if act.failed else "returned"
    return f"turn {turn.number}: {_call(act)} {came} {_short(act.shown, LINE)}{_kept(act)}"


def _effect(turn: Turn, act: Act) -> str:
    return f"turn {turn.number}: {_call(act)} was performed: {_short(act.shown, SHORT)}"


def _call(act: Act) -> str:
    return f"{act.tool}({_short(act.arguments, SHORT)})"


def _kept(act: Act) -> str:
    return f" (all of it: {act.handle})" if act.handle else ""


def _identifiers(acts: Sequence[tuple[Turn, Act]]) -> Iterator[str]:
    for turn, act in acts:
        for found in find_identifiers([act.arguments, act.shown]):
            yield f"{found.hint}: {found.text} (turn {turn.number})".removeprefix(": ")


def _short(value: Json, length: int) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = " ".join(text.split())
    return text if len(text) <= length else f"{text[:length]}..."
