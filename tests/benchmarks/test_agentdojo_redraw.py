"""Everything that has a name is exchanged, and comes back as it was."""

from typing import Any

import pytest

from benchmarks.agentdojo._redraw import Redraw

TEXTS = [
    "Write to ada.stone@example.org about www.shop-one.com/a and plan-b.docx in 2024.",
    "DE89370400440532013000 and US133000000121212121212",
]


@pytest.mark.parametrize("seed", range(1, 6))
def test_what_went_out_comes_back_as_it_was(seed: int) -> None:
    drawn = Redraw(TEXTS, ["Bob"], seed)
    document: Any = {"to": ["ada.stone@example.org", "Ada Stone"], "Bob": TEXTS, "n": 13}
    exchanged = drawn.there(document)
    assert drawn.back(exchanged) == document
    assert not any(word in str(exchanged) for word in ("ada", "Ada", "Bob", "shop", "plan", "3704"))
    assert "2031" in str(exchanged)


def test_an_account_keeps_right_check_digits_and_a_wrong_one_stays_wrong() -> None:
    right, wrong = str(Redraw(TEXTS, [], 3).there(TEXTS[1])).split(" and ")
    remainder = [
        int("".join(str(int(c, 36)) for c in each[4:] + each[:4])) % 97 for each in (right, wrong)
    ]
    assert remainder[0] == 1
    assert remainder[1] != 1


def test_seed_zero_leaves_everything_as_it_is() -> None:
    assert Redraw(TEXTS, ["Bob"], 0).there(TEXTS) == TEXTS
