"""When two values are the same: whole, typed and normalised.

A value has *keys*. What is looked up is compared by its narrowest ones; what is kept is kept under
all that it may be written as. Dates, amounts, e-mail addresses, phone numbers, IBANs and URLs are
compared by what they mean, names without regard to case, everything else to the letter. There are
no substrings and no likeness: a text with invisible, compatibility or control characters equals
only itself, so that nobody can dress one value up as another.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from contextlib import suppress
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, cast
from urllib.parse import urlsplit, urlunsplit

from stanchion.values import Json, Money

__all__ = [
    "MONTH",
    "is_amount_role",
    "is_money",
    "keys_of",
    "kind_of",
    "lookup_keys",
    "word_keys",
    "words_of",
]

_CURRENCY = {"$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY"}
LONGEST = 1024
"""Characters; a longer text is content and names nothing."""

_EMAIL = re.compile(r"[^\s@<>()\",;:]+@[^\s@<>()\",;:]+\.[^\W\d_]{2,}")
_URL = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://\S+")
_IBAN = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}", re.ASCII)
_PHONE = re.compile(r"(?:\+|00)\d[\d ()./-]{5,20}\d", re.ASCII)
_WHOLE = re.compile(r"0|[1-9]\d{0,39}", re.ASCII)
_NUMBER = re.compile(r"[+-]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|[+-]?\d+,\d{1,2}", re.ASCII)
_AMOUNT = re.compile(
    rf"([$€£¥])\s?({_NUMBER.pattern})|({_NUMBER.pattern})\s?([A-Z]{{3}}|[€£¥])", re.ASCII
)
_NAME = re.compile(r"[^\W\d_]+(?:(?:\.? |['\u2019-])[^\W\d_]+)*\.?")
_HANDLE = re.compile(r"^@(?=\w+$)")
"""``@ada`` is ada."""
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_MONTH_FIRST = re.compile(r"([A-Za-z]{3,9})\.? (\d{1,2})(?:st|nd|rd|th)?,? (\d{4})", re.ASCII)
_DAY_FIRST = re.compile(
    r"(\d{1,2})(?:st|nd|rd|th)?\.? (?:of )?([A-Za-z]{3,9})\.?,? (\d{4})", re.ASCII
)
MONTH = (
    "(?:[Jj]an(?:uary)?|[Ff]eb(?:ruary)?|[Mm]ar(?:ch)?|[Aa]pr(?:il)?|[Mm]ay|[Jj]une?|[Jj]uly?"
    "|[Aa]ug(?:ust)?|[Ss]ept?(?:ember)?|[Oo]ct(?:ober)?|[Nn]ov(?:ember)?|[Dd]ec(?:ember)?)"
)
_DAY = re.compile(
    rf"(?P<month>{MONTH})\.? (?P<day>\d{{1,2}})(?:st|nd|rd|th)?"
    rf"|(?P<first>\d{{1,2}})(?:st|nd|rd|th)?\.? (?:of )?(?P<then>{MONTH})",
    re.ASCII,
)
"""A day without its year."""
_NUMERIC = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4})", re.ASCII)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_EXACT_ROLES = {"id", "key", "token", "code", "password", "secret", "number", "account", "iban"}
_TIME_ROLES = {"date", "day", "deadline", "due", "start", "time", "when"}
_LINK_ROLES = {"link", "uri", "url", "webpage", "website"}
_LINK = re.compile(r"(?:[a-zA-Z][a-zA-Z0-9+.-]*://)?[\w-]+(?:\.[\w-]+)+(?::\d+)?(?:[/?#]\S*)?")
_AMOUNT_ROLES = {"amount", "price", "cost", "sum", "total", "money", "fee", "limit", "budget"}
_QUOTES = str.maketrans({"\u2018": "'", "\u2019": "'"})


def keys_of(value: Json) -> frozenset[str]:
    """Return everything that a value may be found under."""
    if is_money(value):
        money = cast("Mapping[str, Any]", value)
        return frozenset({f"amount:{_read_number(money['amount'])} {money['currency']}"})
    if isinstance(value, bool | Mapping) or value is None:
        return frozenset()
    if isinstance(value, int | float):
        return frozenset({f"number:{_canonical(Decimal(repr(value)))}"})
    text = str(value)
    return _text_keys(text) if text and len(text) <= LONGEST else frozenset()


def word_keys(word: str) -> frozenset[str]:
    """Return the keys of an unquoted word: one of letters alone is a name, and no id or token."""
    keys = keys_of(word)
    return frozenset(k for k in keys if k.startswith("name:")) if _NAME.fullmatch(word) else keys


def lookup_keys(value: Json, role: str) -> tuple[str, ...]:
    """Return what a value in this role must be found under: any of them will do."""
    if is_money(value):
        (key,) = keys_of(value)
        number, _, currency = key.partition(":")[2].partition(" ")
        return (key, f"number:{number}") if currency == Money(Decimal()).currency else (key,)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _number_keys(_canonical(Decimal(repr(value))), role)
    if not isinstance(value, str) or not value or len(value) > LONGEST:
        return ()
    if not _plain_text(value):
        return (f"raw:{value}",)
    value = _HANDLE.sub("", _path(value))
    words = words_of(role)
    if _AMOUNT_ROLES.intersection(words) and (number := _read_number(value)) is not None:
        return _number_keys(number, role)
    if _LINK_ROLES.intersection(words) and not _LINK.fullmatch(value):
        return ()
    exact = bool(_EXACT_ROLES.intersection(words))
    narrow = _typed(value)
    if narrow is not None and narrow.startswith("date:") and _TIME_ROLES.intersection(words):
        return _day_keys(narrow)
    if narrow is not None and not (exact and narrow.startswith(("date:", "amount:"))):
        return (narrow,)
    if _NAME.fullmatch(value) and not exact:
        return (f"name:{_folded(value)}",)
    return (f"text:{value}",)


def kind_of(value: Json) -> str:
    """Return the type of value that this is, as far as its form shows it."""
    if is_money(value):
        return "amount"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return "number"
    typed = _typed(value) if isinstance(value, str) else None
    return "text" if typed is None or typed.startswith("number:") else typed.partition(":")[0]


def is_amount_role(role: str) -> bool:
    """Tell whether a role says how much."""
    return not _AMOUNT_ROLES.isdisjoint(words_of(role))


def is_money(value: Json) -> bool:
    """Tell whether this is an amount with its currency, as a record."""
    return (
        isinstance(value, Mapping)
        and set(value) == {"amount", "currency"}
        and _read_number(str(value["amount"])) is not None
    )


def _plain_text(text: str) -> bool:
    """Tell whether a text is written with characters that show as what they are."""
    if text.isascii():
        return text.isprintable()
    return unicodedata.normalize("NFKC", text) == text and text.isprintable()


def _read_number(text: Any) -> str | None:
    """Return a written number's canonical form; commas are thousands marks, or one decimal."""
    written = str(text)
    if not _NUMBER.fullmatch(written):
        return None
    grouped = re.fullmatch(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?", written)
    return _canonical(Decimal(written.replace(",", "" if grouped else ".")))


def _read_date(text: str) -> str | None:
    """Return a written date in ISO form. None if it could be two: 03/04/2026."""
    with suppress(ValueError):
        if len(text) > 10 and "-" in text[:5]:
            return datetime.fromisoformat(text).isoformat()
        return date.fromisoformat(text).isoformat() if "-" in text else _spoken_date(text)
    return None


@lru_cache(maxsize=1024)
def words_of(name: str) -> tuple[str, ...]:
    """Return the lower-case words of a declared name: ``accountNumber``, ``account_number``."""
    return tuple(word.lower() for word in _WORD.findall(name))


def _day_keys(narrow: str) -> tuple[str, ...]:
    """Return what a time may be found under: itself, its day, its day without a year."""
    day = narrow[5:15]
    return tuple(dict.fromkeys((narrow, f"date:{day}", f"day:{day[5:]}")))


def _number_keys(number: str, role: str) -> tuple[str, ...]:
    bare = f"number:{number}"
    return (bare, f"sum:{number}") if _AMOUNT_ROLES.intersection(words_of(role)) else (bare,)


def _text_keys(text: str) -> frozenset[str]:
    if not _plain_text(text):
        return frozenset({f"raw:{text}"})
    text = _path(text)
    keys = {f"text:{text}"}
    if (typed := _typed(text)) is not None:
        keys.add(typed)
    if typed is not None and typed.startswith("amount:"):
        keys.add(f"sum:{typed[7:].partition(' ')[0]}")
    elif (number := _read_number(text)) is not None and not re.match(r"[+-]?0\d", text):
        keys.add(f"number:{number}")
    if _NAME.fullmatch(text):
        keys.add(f"name:{_folded(text)}")
    if _HANDLE.match(text):
        keys |= _text_keys(text[1:])
    return frozenset(keys)


def _typed(text: str) -> str | None:
    """Return the key of a text whose form says what it is, None if it doesn't."""
    if not _plain_text(text):
        return None
    if _WHOLE.fullmatch(text):
        return f"number:{text}"
    if _EMAIL.fullmatch(text):
        return f"email:{text.lower()}"
    if _URL.fullmatch(text):
        return _url(text)
    compact = text.replace(" ", "")
    if _IBAN.fullmatch(compact.upper()) and _is_iban(compact.upper()):
        return f"iban:{compact.upper()}"
    if (day := _read_date(text)) is not None:
        return f"date:{day}"
    if (found := _DAY.fullmatch(text)) is not None:
        month, day = found["month"] or found["then"], found["day"] or found["first"]
        return f"day:{_month(month):02}-{int(day):02}"
    if _PHONE.fullmatch(text):
        digits = re.sub(r"\D", "", text)
        return f"phone:{digits if text.startswith('+') else digits[2:]}"
    if amount := _AMOUNT.fullmatch(text):
        before, after, first, last = amount.groups()
        mark = before or last
        return f"amount:{_read_number(after or first)} {_CURRENCY.get(mark, mark)}"
    return None


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
        port = {"http": ":80", "https": ":443"}.get(parts.scheme, ":")
        host = parts.netloc.lower() if "@" not in parts.netloc else parts.netloc
        clean = parts._replace(netloc=host.removesuffix(port), path=parts.path or "/")
        return f"url:{urlunsplit(clean)}"
    except ValueError:
        return f"url:{text}"


def _is_iban(text: str) -> bool:
    moved = text[4:] + text[:4]
    return int("".join(str(int(c, 36)) for c in moved)) % 97 == 1


def _spoken_date(text: str) -> str | None:
    if found := _MONTH_FIRST.fullmatch(text):
        return _date(found[3], _month(found[1]), found[2])
    if found := _DAY_FIRST.fullmatch(text):
        return _date(found[3], _month(found[2]), found[1])
    if found := _NUMERIC.fullmatch(text):
        first, second = int(found[1]), int(found[3])
        if found[2] == "." or first > 12 or first == second:
            return _date(found[4], second, first)
        return _date(found[4], first, second) if second > 12 else None
    return None


def _month(name: str) -> int:
    return _MONTHS.index(name[:3].lower()) + 1


def _date(year: Any, month: Any, day: Any) -> str:
    return date(int(year), int(month), int(day)).isoformat()


def _canonical(number: Decimal) -> str:
    try:
        return f"{number.normalize():f}" if abs(number.adjusted()) < 64 else str(number)
    except (InvalidOperation, OverflowError):
        return str(number)


def _folded(text: str) -> str:
    return " ".join(text.translate(_QUOTES).lower().split())


def _path(text: str) -> str:
    """Drop what says nothing at a path's ends; ``..`` stays, as it leads elsewhere."""
    if "/" not in text:
        return text
    return text.removeprefix("./").rstrip("/") or "/"
