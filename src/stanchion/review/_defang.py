"""Text from outside made harmless to look at.

A terminal obeys escape sequences, a line can be written backwards or over, and characters that
nobody sees can hide words from the reader but not from the machine. All of that is removed before
a person decides; what stays is what is really there. Markup of a renderer is not its business.
"""

from __future__ import annotations

import re
import unicodedata

__all__ = ["MAX_SHOWN", "defang"]

MAX_SHOWN = 4000
"""Characters shown of one text."""

_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*"  # OSC, DCS: titles, links
    r"(?:\x07|\x1b\\|\x9c)"
    r"|\x1b[ -/]*[0-~]"  # the short ones: reset, character sets
)
_HIDDEN_CATEGORIES = {"Cc", "Cf", "Cs", "Co", "Cn"}
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\uffa0\ufe00-\ufe0f\U000e0100-\U000e01ef]"
)
_MANY_MARKS = re.compile(r"([\u0300-\u036f\u20d0-\u20ff]{2})[\u0300-\u036f\u20d0-\u20ff]+")


def defang(text: str, *, limit: int = MAX_SHOWN, one_line: bool = False) -> str:
    """Return what a person may look at: no escapes, controls, bidi or invisible characters.

    Line ends and tabs stay unless ``one_line``. A text over ``limit`` characters is cut and says
    so.
    """
    kept = text[:limit]
    shown = "".join(map(_harmless, _ESCAPES.sub("", kept.replace("\r\n", "\n"))))
    shown = _MANY_MARKS.sub(r"\1", _INVISIBLE.sub("", shown))
    if one_line:
        shown = " ".join(shown.split())
    cut = len(text) - len(kept)
    return f"{shown}… ({cut:,} more characters)" if cut else shown


def _harmless(character: str) -> str:
    if character in "\n\t":
        return character
    category = unicodedata.category(character)
    if category in {"Zl", "Zp"}:
        return "\n"
    if category == "Zs":
        return " "
    return "" if category in _HIDDEN_CATEGORIES else character
