"""Other names, addresses, accounts, files, sites and years for everything, consistently.

The suites run as they are; what crosses their boundary is exchanged, both ways. If a rule knew
something of their data, other verdicts would come out. Ids are kept: they are numbers in a row.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

__all__ = ["Redraw"]

_MAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_SITE = re.compile(r"\bwww\.[\w-]+(?:\.[a-z]{2,})+")
_ACCOUNT = re.compile(r"\b[A-Z]{2}\d{2}[A-Z0-9]{10,30}\b")
_FILE = re.compile(r"\b[\w-]+(?=\.(?:txt|docx|xlsx|pdf|pptx)\b)")
_NAME = re.compile(r"[A-Z][a-z]{2,}")
_YEAR = re.compile(r"\b20(?:2[0-5])\b")
_YEARS = 7
_LETTERS = ("bcdfghjklmnprstvwz", "aeiou")


class Redraw:
    """A way there and back, drawn by a seed; seed 0 leaves everything as it is."""

    def __init__(self, texts: Iterable[str], names: Iterable[str], seed: int) -> None:
        self._chance = random.Random(seed)
        self._drawn: dict[str, str] = {}
        if seed:
            self._draw("\n".join(texts), names)
        self.there = _exchange(self._drawn)
        """Exchange in JSON coming out of a suite."""
        self.back = _exchange({new: old for old, new in self._drawn.items()})
        """Exchange in JSON going into it."""

    def _draw(self, text: str, names: Iterable[str]) -> None:
        mails = sorted(set(_MAIL.findall(text)))
        parts = {part.title() for mail in mails for part in mail.split("@")[0].split(".")}
        for name in sorted({n for n in {*parts, *names} if _NAME.fullmatch(n)}):
            self._add(name, self._word(len(name)).title())
        for mail in mails:
            local, _, domain = mail.partition("@")
            known = (self._drawn.get(part.title(), self._word(6)) for part in local.split("."))
            who = ".".join(known).lower()
            self._add(mail, f"{who}@{self._word(8)}.{domain.rpartition('.')[2]}")
        for site in sorted(set(_SITE.findall(text))):
            self._add(site, f"www.{self._word(9)}.{site.rpartition('.')[2]}")
        for file in sorted(set(_FILE.findall(text)), key=len, reverse=True):
            self._add(file, re.sub(r"[a-z]+", lambda m: self._word(len(m[0])), file))
        for account in sorted(set(_ACCOUNT.findall(text))):
            self._add(account, self._account(account))
        for year in sorted(set(_YEAR.findall(text))):
            self._drawn[year] = str(int(year) + _YEARS)

    def _add(self, old: str, new: str) -> None:
        if new in self._drawn.values():
            new = self._word(len(old) + 1)
        self._drawn.setdefault(old, new)

    def _word(self, length: int) -> str:
        letters = (self._chance.choice(_LETTERS[place % 2]) for place in range(length))
        return "".join(letters)

    def _account(self, old: str) -> str:
        """Return an account of the same form, with right check digits if the old one has such."""
        rest = re.sub(r"\d", lambda _: str(self._chance.randrange(10)), old[4:])
        if _checks(old):
            return f"{old[:2]}{98 - _modulo(f'{rest}{old[:2]}00'):02}{rest}"
        forms = (f"{old[:2]}{number}{rest}" for number in range(10, 99))
        return next(form for form in forms if not _checks(form))


def _checks(account: str) -> bool:
    return _modulo(account[4:] + account[:4]) == 1


def _modulo(text: str) -> int:
    return int("".join(str(int(character, 36)) for character in text)) % 97


def _exchange(drawn: Mapping[str, str]) -> Callable[[Any], Any]:
    longest = sorted(drawn, key=len, reverse=True)
    either = "|".join(map(re.escape, longest))
    form = re.compile(rf"(?<![A-Za-z0-9])(?:{either})(?![A-Za-z])")

    def text(value: str) -> str:
        return form.sub(lambda match: drawn[match[0]], value) if drawn else value

    def exchange(value: Any) -> Any:
        if isinstance(value, str):
            return text(value)
        if isinstance(value, Mapping):
            fields = cast("Mapping[str, Any]", value)
            return {text(key): exchange(each) for key, each in fields.items()}
        if isinstance(value, list):
            return [exchange(each) for each in cast("list[Any]", value)]
        return value

    return exchange
