"""The values that a person's words name.

A text is read as whole, typed literals: quoted strings, addresses, dates, amounts, numbers, single
words and short runs of words within a sentence. What it says about them isn't understood, and
nothing is completed, joined or corrected: a value is among them or it isn't.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from stanchion.trust._english import FUNCTION_WORDS
from stanchion.trust._normal import MONTH, keys_of, word_keys

__all__ = ["literal_keys"]

MAX_TEXT = 64 * 1024
"""Characters of one text that are read."""
MAX_RUN = 8
"""Words of a name, a title or an address that isn't quoted."""

_QUOTED = re.compile(
    r"(?<!\w)'([^'\n]{1,200})'(?!\w)|(?<!\w)\"([^\"\n]{1,200})\"|`([^`\n]{1,200})`"
    "|[\u201c\u00ab\u201e\u2018]([^\u201c\u201d\u00ab\u00bb\u201e\u2018\u2019\n]{1,200})"
    "[\u201d\u00bb\u201c\u2019]"
)
_NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:[.,]\d+)?"
_TYPED = re.compile(
    r"[a-zA-Z][a-zA-Z0-9+.-]*://[^\s<>\"'`]+"
    r"|\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b"
    r"|(?<!\w)(?:\+|00)\d[\d ()./-]{5,20}\d"
    r"|\b[A-Za-z]{3,9}\.? \d{1,2}(?:st|nd|rd|th)?,? \d{4}\b"
    r"|\b\d{1,2}(?:st|nd|rd|th)?\.? (?:of )?[A-Za-z]{3,9}\.?,? \d{4}\b"
    rf"|\b{MONTH}\.? \d{{1,2}}(?:st|nd|rd|th)?\b(?!:)"
    rf"|\b\d{{1,2}}(?:st|nd|rd|th)?\.? (?:of )?{MONTH}\b"
    rf"|[$€£¥]\s?(?:{_NUMBER})(?![\w,.]?\d)"
    rf"|(?<![\w.,])(?:{_NUMBER})\s?(?:[A-Z]{{3}}\b|[€£¥])"
    r"|(?<![\w-])\d{2,4}(?:[ -]\d{2,4}){2,8}(?![\w-])"
)
_GAP = " . "
"""Stands where a literal was taken out; no run of words goes across it."""
_WORD = re.compile(r"\S+")
_MARKER = re.compile(r"(?:^|(?<=[.:;!?])\s+|\n\s*)\d{1,2}[.)](?=\s)")
"""The number of a list's item."""
_EDGES = ".,;:!?\"'`()[]{}<>“”„«»…"
_OPENINGS = _EDGES.replace(".", "")
"""A name may begin with a dot: ``.env``, ``..``."""
_ENDS = re.compile(r"[.;:!?)\]}]+$")
_PAIR = re.compile(r"[A-Za-z_]+[=:](.+)")
_GROUPED = re.compile(r"\d{2,4}(?:[ -]\d{2,4}){2,8}")


def literal_keys(text: str) -> set[str]:
    """Return the keys of every literal in a text, and of the text as a whole."""
    read = text[:MAX_TEXT]
    keys = set(keys_of(text))
    for written in {read, unicodedata.normalize("NFKC", read)}:
        for literal in _marked(written):
            keys |= keys_of(literal)
        for word in _words(_without_markers(_TYPED.sub(_GAP, _QUOTED.sub(_GAP, written)))):
            if word.lower() not in FUNCTION_WORDS:
                keys |= word_keys(word)
    return keys


def _marked(text: str) -> Iterator[str]:
    """Yield what is quoted and what has a typed form; nothing is read within another."""
    for match in _QUOTED.finditer(text):
        yield next(filter(None, match.groups())).strip()
    text = _QUOTED.sub(_GAP, text)
    for match in _TYPED.finditer(text):
        found = match[0].rstrip(_EDGES)
        yield found
        if _GROUPED.fullmatch(found):
            yield re.sub(r"\D", "", found)


def _without_markers(text: str) -> str:
    """Drop the numbers of a list: at the beginning, or after the end of a sentence."""
    return _MARKER.sub(" ", text)


def _words(text: str) -> Iterator[str]:
    """Yield words, and runs of them within a sentence: a name, a title, an address."""
    starts: list[int] = []
    for match in _WORD.finditer(text):
        written = match[0]
        word = written.rstrip(_EDGES).lstrip(_OPENINGS)
        if not word or written[0] in _OPENINGS:
            starts.clear()
        if not word:
            continue
        yield from _forms(word)
        end = match.end() - len(written) + len(written.rstrip(_EDGES))
        yield from (" ".join(text[start:end].split()) for start in starts)
        starts.append(end - len(word))
        del starts[: -MAX_RUN + 1]
        if _ENDS.search(written):
            starts.clear()


def _forms(word: str) -> Iterator[str]:
    yield word
    if word[0] == "#":
        yield word[1:]
    if word.endswith(("'s", "\u2019s")):
        yield word[:-2]
    if "://" not in word and (pair := _PAIR.fullmatch(word)):
        yield pair[1].strip(_EDGES)
