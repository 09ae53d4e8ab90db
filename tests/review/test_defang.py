"""Text from outside made harmless to look at."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stanchion.review import MAX_SHOWN, defang
from tests.properties import quick


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain café, naïve, 日本語, عربي", "plain café, naïve, 日本語, عربي"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x9b2Jgone", "gone"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;https://evil.test\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bPq#0\x1b\\sixel", "sixel"),
        ("\x1bcreset", "reset"),
        ("\x1b(0line", "line"),
        ("\x1b", ""),
        ("a\x00b\x07c\x08d\x7fe\x85f", "abcdef"),
        ("approve\rdeny", "approvedeny"),
        ("one\r\ntwo\tthree", "one\ntwo\tthree"),
        ("\u202eevil\u202c \u2066x\u2069 \u200fy\u061c", "evil x y"),
        ("1\u200b2\u200c3\u200d4\u20605\ufeff6\u00ad7", "1234567"),
        ("tag\U000e0041\U000e007fged", "tagged"),
        ("v\ufe0f\U000e0100s", "vs"),
        ("x\u3164\u115f\uffa0y", "xy"),
        ("a\u2028b\u2029c", "a\nb\nc"),
        ("a\u00a0b\u2003c", "a b c"),
        ("private \ue000 use", "private  use"),
        ("Z" + "\u0301" * 50 + "o", "Z\u0301\u0301o"),
    ],
)
def test_what_is_not_really_there_is_not_shown(text: str, shown: str) -> None:
    assert defang(text) == shown


def test_a_long_text_is_cut_and_says_so() -> None:
    assert defang("x" * (MAX_SHOWN + 1500)) == "x" * MAX_SHOWN + "… (1,500 more characters)"
    assert defang("abcdef", limit=3) == "abc… (3 more characters)"


def test_one_line_is_one_line() -> None:
    assert defang(" a\n\n  b\tc\u2028d ", one_line=True) == "a b c d"


@quick
@given(st.text(alphabet=st.characters(codec=None), max_size=200))
def test_nothing_that_a_terminal_obeys_is_left(text: str) -> None:
    shown = defang(text)
    hidden = {c for c in shown if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Co", "Cn"}}
    assert hidden <= {"\n", "\t"}
    assert len(shown) <= len(text)


@quick
@given(st.text(alphabet="\x1b[]0;m\x07\\ab\x9b\u200b", max_size=60))
def test_defanging_again_changes_nothing(text: str) -> None:
    assert defang(defang(text)) == defang(text)
