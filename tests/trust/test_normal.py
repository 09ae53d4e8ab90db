"""When a value equals another: whole, typed, and never by a trick of writing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stanchion.trust import GROUNDED, Leaf, ValueIndex
from stanchion.values import Json
from tests.properties import quick


def said(*words: Json) -> ValueIndex:
    index = ValueIndex()
    index.say(Leaf((), word) for word in words)
    return index


def says(text: Json, value: Json, role: str = "target") -> bool:
    return said(text).ground(value, role) in GROUNDED


@pytest.mark.promise("TOOL-4")
@pytest.mark.parametrize(
    ("text", "value", "role"),
    [
        ("refund account 4400112201 please", "4400112201", "account"),
        ("refund account 4400 1122 01 please", "4400112201", "account"),
        ("refund order 12446.", 12446, "order_id"),
        ("to DE89 3704 0044 0532 0130 00, today", "DE89370400440532013000", "iban"),
        ("send it to Bob@Example.com!", "bob@example.com", "recipient"),
        ("call +49 (30) 123-4567", "+49301234567", "phone"),
        ("fetch https://Example.com:443/a?b=1.", "https://example.com/a?b=1", "url"),
        ("on March 3rd, 2026", "2026-03-03", "day"),
        ("on 3 March 2026", "2026-03-03", "day"),
        ("on 15/03/2026", "2026-03-15", "day"),
        ("on 3.4.2026", "2026-04-03", "day"),
        ("pay $1,200.50 back", 1200.5, "amount"),
        ("pay $1,200.50 back", {"amount": "1200.50", "currency": "USD"}, "amount"),
        ("pay 20 back", "20.00", "amount"),
        ("pay 20 back", {"amount": "20.00", "currency": "USD"}, "amount"),
        ("write to anna maria SMITH", "Anna Maria Smith", "recipient"),
        ("open 'my own report.pdf' now", "my own report.pdf", "file"),
        ("open the report.pdf.", "report.pdf", "path"),
        ("list ./docs/", "docs", "path"),
        ("the user (id=USR003)", "USR003", "user_id"),
        ("follow @ada", "ada", "user"),
        (4711, 4711, "order_id"),
        ("Zürich, soon", "zürich", "city"),
    ],
)
def test_a_value_is_found_as_people_write_it(text: Json, value: Json, role: str) -> None:
    assert says(text, value, role)


@pytest.mark.promise("TOOL-4")
@pytest.mark.parametrize(
    ("text", "value", "role"),
    [
        ("account 44001122019", "4400112201", "account"),
        ("account 4400112201-7", "4400112201", "account"),
        ("to DE89 3704 0044 0532 0130 00", "3704", "account"),
        ("mail bob@example.com", "example.com", "host"),
        ("mail bob@example.com", "bob", "user"),
        ("on 2026-03-15", 2026, "order_id"),
        ("on 03/04/2026", "2026-03-04", "day"),
        ("on 03/04/2026", "2026-04-03", "day"),
        ("$50 for the ticket", 50, "ticket_id"),
        ("pay €50", {"amount": "50", "currency": "USD"}, "amount"),
        ("see https://example.com/a", "https://example.com/a/b", "url"),
        ("see https://example.com/a", "https://example.com@evil.com/a", "url"),
        ("see https://example.com/A", "https://example.com/a", "url"),
        ("key aBcD", "abcd", "token"),
        ("on March 3rd, 2026", "2026-03-03", "booking_id"),
        ("user USR003", "usr003", "user_id"),
        ("file docs/../x", "x", "path"),
        ("version 1.10", "1.1", "version"),
        ("account 007", 7, "account"),
        ("nothing", "", "account"),
        (True, "True", "account"),
    ],
)
def test_a_part_or_a_likeness_isnt_the_value(text: Json, value: Json, role: str) -> None:
    assert not says(text, value, role)


@pytest.mark.promise("TOOL-4")
@pytest.mark.parametrize(
    "disguised",
    [
        "ad\u0430",  # a Cyrillic letter
        "a\u200bda",  # an invisible one
        "\uff41da",  # a wide one
        "ada\u202e",  # one that turns the direction
        "a\u0301da",
        "ada\x00",
        " ada",
    ],
)
def test_a_disguised_name_isnt_the_one_that_it_looks_like(disguised: str) -> None:
    assert says("write to ada", "ada", "recipient")
    assert not says("write to ada", disguised, "recipient")
    assert not says("write to ada", f"{disguised}@example.com", "recipient")


@pytest.mark.promise("TOOL-4")
@pytest.mark.parametrize("disguised", ["\uff14\uff14\uff10\uff10", "\u0664\u0664\u0660\u0660"])
def test_a_disguised_number_isnt_the_one_that_it_counts_as(disguised: str) -> None:
    assert says("pay 4400 back", "4400", "amount")
    assert not says("pay 4400 back", disguised, "amount")


@pytest.mark.promise("TOOL-4")
def test_a_letter_that_another_becomes_in_lower_case_isnt_that_letter() -> None:
    disguised = "\u212aate"  # the sign for kelvin
    assert disguised.lower() == "kate"
    assert not says("write to kate", disguised, "recipient")
    assert not says("write to kate@x.org", f"{disguised}@x.org", "recipient")


def test_a_person_may_write_wide_digits_and_mean_digits() -> None:
    assert says("account \uff14\uff14\uff10\uff10", "4400", "account")


@given(st.text(max_size=40), st.text(max_size=40))
@quick
def test_what_isnt_said_in_any_form_isnt_found(text: str, value: str) -> None:
    if value.lower().strip(" .") not in text.lower() and not any(c.isdigit() for c in value):
        assert not says(text, value)


_scalars = st.one_of(st.text(max_size=20), st.integers(), st.floats(allow_nan=False))


@given(st.recursive(_scalars, lambda inner: st.lists(inner, max_size=3), max_leaves=6))
@quick
def test_every_leaf_that_was_said_whole_is_grounded(document: Any) -> None:
    index = ValueIndex()
    index.say([Leaf((), document)] if not isinstance(document, list) else [])
    if not isinstance(document, list) and document != "":
        assert index.ground(document, "target") == "initiator"


@pytest.mark.promise("TOOL-4")
def test_a_bare_word_is_a_name_and_no_id_unless_it_is_quoted_or_a_field_of_its_own() -> None:
    assert says("fly from SFO to Bob", "Bob", "passenger")
    assert not says("fly from SFO to Bob", "SFO", "card_id")
    assert says("with card 'primary'", "primary", "card_id")
    assert says("primary", "primary", "card_id")
