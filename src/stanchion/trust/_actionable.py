"""What a reader of a text could act on: links, addresses, accounts, phone numbers.

Found by form, in whatever surrounds it: in markdown, in HTML, in brackets. A link needs no scheme:
mail and chat programs make one of ``www.example.com`` too. Invisible characters are dropped first.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from stanchion.trust._leaves import leaves_of
from stanchion.values import Json

__all__ = ["actionable"]

_LINK = re.compile(
    r"[a-z][a-z0-9+.-]*://[^\s<>\"'`)\]}]+"
    r"|(?<![\w@.-])(?:[\w-]+\.)+(?!(?:docx|xlsx|pptx|pdf|txt|csv|json|xml|html?|jpe?g|png|gif)\b)"
    r"[^\W\d_]{2,}\b(?::\d+)?(?:/[^\s<>\"'`)\]}]*)?"
    r"|(?<![\w@.-])www\.[^\s<>\"'`)\]}]+"
    r"|\b(?:mailto|tel|javascript|data):[^\s<>\"'`)\]}]+",
    re.IGNORECASE,
)
_MAIL = re.compile(r"[^\s@<>()\",;:'\[\]]+@[^\s@<>()\",;:'\[\]]+\.[^\W\d_]{2,}")
_ACCOUNT = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b")
_PHONE = re.compile(r"(?<!\w)(?:\+|00)\d[\d ()./-]{5,20}\d")
_FORMS = (("email", _MAIL), ("link", _LINK), ("account", _ACCOUNT), ("phone", _PHONE))
_ENDS = ".,;:!?"


def actionable(value: Json) -> Iterator[tuple[str, str]]:
    """Yield what a text, or the texts of a document, hold, each with what it is."""
    for leaf in leaves_of(value):
        if isinstance(leaf.value, str):
            text = _visible(leaf.value)
            for kind, form in _FORMS:
                for match in form.finditer(text):
                    yield kind, match[0].rstrip(_ENDS)
                text = form.sub(" ", text)


def _visible(text: str) -> str:
    normal = unicodedata.normalize("NFKC", text)
    return "".join(c for c in normal if unicodedata.category(c) not in {"Cf", "Cc"} or c in "\n\t")
