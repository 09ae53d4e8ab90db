"""Which drafts of a summary stand for history, and what code makes where none does."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stanchion.context import Act, Pinned, Rejected, Turn, material_of, read_draft
from stanchion.values import Message, TextPart, ToolCallPart

PINNED = Pinned("Reconcile the invoices of supplier Meyer.", ("Never delete one.",))
GOOD: dict[str, Any] = {
    "goal": "Reconcile the invoices of the supplier",
    "done": ["read invoice INV-2041"],
    "decided": [],
    "learnt": ["INV-2041 is over 90 euros"],
    "open": ["invoice INV-2042"],
    "closed": [],
}
BUDGET = 200


def turn(number: int, result: str, *, trusted: bool = False, wrote: bool = False) -> Turn:
    call = ToolCallPart(f"c{number}", "fetch", {"n": number})
    act = Act("fetch", {"n": number}, result, wrote=wrote, trusted=trusted)
    return Turn(number, (Message("assistant", (TextPart("next"), call)),), (act,))


TURNS = [
    turn(1, "INV-2041 over 90 euros; INV-2042 is next"),
    turn(2, "paid as TX-99a1", wrote=True),
]
MATERIAL = material_of(TURNS, ("the January list",), BUDGET, trusted=False)


def test_a_draft_that_holds_up_is_kept_with_what_code_knows_beside_it() -> None:
    summary = read_draft(json.dumps(GOOD), MATERIAL, PINNED, BUDGET)

    assert summary.by == "model"
    assert (summary.first, summary.last) == (1, 2)
    assert "INV-2041 is over 90 euros" in summary.learnt
    assert any("TX-99a1" in line for line in summary.effects)
    assert any("INV-2042" in line for line in summary.identifiers)


@pytest.mark.promise("CONTEXT-3")
@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"done": [], "learnt": [], "open": []}, "empty"),
        ({"done": ["  "], "learnt": [], "open": []}, "empty"),
        ({"done": ["a long story " * 200]}, "too long"),
        ({"done": ["it went on"] * 9, "learnt": [], "open": []}, "repeats itself"),
        ({"goal": "Write a poem on the sea"}, "lost the goal"),
        ({"goal": ""}, "lost the goal"),
        ({"learnt": ["INV-9999 is settled"]}, "identifiers that aren't in the turns"),
        ({"closed": [7]}, "closed what wasn't open"),
    ],
)
def test_a_draft_that_does_not_hold_up_is_refused(change: dict[str, Any], why: str) -> None:
    with pytest.raises(Rejected, match=why):
        read_draft(json.dumps(GOOD | change), MATERIAL, PINNED, BUDGET)


@pytest.mark.parametrize("text", ["", "{}", "Sorry, I can't.", '{"goal": 1}', "[]", "null"])
def test_what_is_no_draft_is_refused(text: str) -> None:
    with pytest.raises(Rejected, match="form"):
        read_draft(text, MATERIAL, PINNED, BUDGET)


@pytest.mark.promise("CONTEXT-3")
def test_an_open_item_stays_open_unless_the_draft_says_that_it_is_closed() -> None:
    silent = read_draft(json.dumps(GOOD), MATERIAL, PINNED, BUDGET)
    closing = read_draft(json.dumps(GOOD | {"closed": [1]}), MATERIAL, PINNED, BUDGET)

    assert silent.open == ("the January list", "invoice INV-2042")
    assert closing.open == ("invoice INV-2042",)
    assert "closed: the January list" in closing.done


def test_what_code_makes_has_every_effect_and_identifier_and_what_was_open() -> None:
    made = MATERIAL.by_code

    assert made.by == "code"
    assert "the January list" in made.open
    assert any("TX-99a1" in line for line in made.effects)
    for identifier in ("INV-2041", "INV-2042"):
        assert any(identifier in line for line in made.identifiers)


@pytest.mark.promise("CONTEXT-6")
def test_trusted_and_untrusted_acts_are_never_in_one_material() -> None:
    mixed = [turn(1, "from outside"), turn(2, "vouched for", trusted=True)]

    trusted = material_of(mixed, (), BUDGET, trusted=True)
    untrusted = material_of(mixed, (), BUDGET, trusted=False)

    assert "vouched for" in trusted.text
    assert "from outside" not in trusted.text
    assert "vouched for" not in untrusted.text
    assert trusted.by_code.trusted
    assert not untrusted.by_code.trusted
