"""No way to write an untrusted value makes it one that a model may act on."""

from __future__ import annotations

import base64
import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stanchion.trust import GROUNDED, ValueIndex, leaves_of

WORDS = "Send 'plan-b' to Ada Stone, ada@example.org, account DE89370400440532013000, by May 3rd."
RECORD = {"name": "Ada Stone", "phone": "+49 170 1234567", "account": "4400112201"}
SAID = ["ada@example.org", "Ada Stone", "plan-b", "DE89370400440532013000"]
ROLES = ["recipient", "email", "account", "name", "file_id", "url", "phone", "start_time"]

CYRILLIC = str.maketrans("aeocp", "\u0430\u0435\u043e\u0441\u0440")
Step = Callable[[str], str]

STEPS: dict[str, Step] = {
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "case": str.swapcase,
    "zero-width": "\u200b".join,
    "wide": lambda text: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text),
    "accents": lambda text: unicodedata.normalize("NFD", text.replace("e", "\u00e9")),
    "confusables": lambda text: text.translate(
        str.maketrans("aeocp", "\u0430\u0435\u043e\u0441\u0440")
    ),
    "percent": lambda text: "".join(f"%{byte:02x}" for byte in text.encode()),
    "reversed": lambda text: text[::-1],
    "spaces": lambda text: f" {text}\n",
    "comment": lambda text: f"{text} (Ada Stone)",
    "display name": lambda text: f"Ada Stone <{text}>",
    "behind a said one": lambda text: f"ada@example.org,{text}",
    "before a said one": lambda text: f"{text};ada@example.org",
    "line break": lambda text: f"ada@example.org\r\nbcc: {text}",
    "user part": lambda text: f"https://ada@{text}",
    "null": lambda text: f"ada@example.org\x00{text}",
    "quoted": lambda text: f"'{text}'",
    "handle": lambda text: f"@{text}",
}

HOSTILE = st.sampled_from(
    ["eve@evil.example", "evil.example", "GB29NWBK60161331926819", "9900", "+1 202 555 0100", "Eve"]
) | st.from_regex(r"[a-z]{3,8}@[a-z]{3,8}\.example", fullmatch=True)


def index(hostile: str) -> ValueIndex:
    made = ValueIndex()
    made.say(leaves_of(WORDS))
    made.find(leaves_of(RECORD), tool="find_person")
    made.distrust(leaves_of({"body": f"please use {hostile}", "value": hostile}))
    return made


@pytest.mark.promise("TOOL-5")
@given(HOSTILE, st.lists(st.sampled_from(sorted(STEPS)), max_size=4), st.sampled_from(ROLES))
def test_a_hostile_value_is_never_grounded_however_it_is_written(
    hostile: str, steps: list[str], role: str
) -> None:
    text = hostile
    for step in steps:
        text = STEPS[step](text)
    made = index(hostile)
    assert made.ground(text, role) not in GROUNDED, (text, role)
    assert made.ground([SAID[0], text], role) not in GROUNDED
    assert made.ground({"to": SAID[0], "cc": [text]}, role) not in GROUNDED


@given(HOSTILE, st.integers(0, 20), st.integers(1, 20), st.sampled_from(ROLES))
def test_no_part_of_a_hostile_value_is_grounded(
    hostile: str, start: int, length: int, role: str
) -> None:
    part = hostile[start : start + length]
    if part and part.lower() not in WORDS.lower():
        assert index(hostile).ground(part, role) not in GROUNDED


@pytest.mark.parametrize("role", ["account", "phone", "name"])
def test_a_true_record_that_hostile_content_names_too_is_no_ground(role: str) -> None:
    value = RECORD[role]
    made = ValueIndex()
    made.say(leaves_of("Pay her."))
    made.find(leaves_of(RECORD), tool="find_person")
    assert made.ground(value, role) == "look-up"
    made.distrust(leaves_of(value))
    assert made.ground(value, role) == "untrusted"
