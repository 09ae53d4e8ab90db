"""How much may be moved, and which of several records is meant: only what words stand for."""

from typing import Any

import pytest

from stanchion.trust import ValueIndex, leaves_of
from stanchion.values import Json

BILLS: list[dict[str, Any]] = [
    {"payee": "Nord", "amount": 80.0},
    {"payee": "Nord", "amount": 20.0},
    {"payee": "West", "amount": 500.0},
]
FILES: list[dict[str, Any]] = [
    {"id": "a1", "size": 10},
    {"id": "b2", "size": 900},
    {"id": "c3", "size": 30},
]


def index(words: str, found: Json, tool: str, written: Json = None) -> ValueIndex:
    made = ValueIndex()
    made.say(leaves_of(words))
    made.find(leaves_of(found), tool=tool, written=leaves_of(written))
    return made


@pytest.mark.promise("TRUST-6")
@pytest.mark.parametrize(
    ("amount", "ground"), [(12, "initiator"), (4.5, "initiator"), (13, "unknown")]
)
def test_no_more_than_the_sum_that_was_named(amount: float, ground: str) -> None:
    made = ValueIndex()
    made.say(leaves_of("We spent 12.00 in 2026, so 19.5% more than 1000 days ago."))
    assert made.ground(amount, "amount") == ground


@pytest.mark.promise("TRUST-6")
@pytest.mark.parametrize(
    ("amount", "ground"), [(20.0, "look-up"), (5, "look-up"), (80.0, "several")]
)
def test_no_more_than_the_least_of_the_records_that_were_named(amount: float, ground: str) -> None:
    assert index("Pay my bill of Nord.", BILLS, "list_bills").ground(amount, "amount") == ground


def test_a_record_that_nobody_named_stands_for_no_amount() -> None:
    assert index("Pay my bill.", BILLS, "list_bills").ground(1, "amount") == "unknown"


@pytest.mark.promise("TRUST-6")
def test_what_others_wrote_in_a_record_can_only_lower_the_bound() -> None:
    rows: Json = [{"payee": "Nord", "amount": 80.0}, {"payee": "Zed", "amount": 2.0}]
    notes: Json = [{"note": "rent"}, {"note": "the Nord bill"}]
    made = index("Pay the bill of Nord.", rows, "list_bills", notes)
    assert made.ground(2.0, "amount") == "look-up"
    assert made.ground(80.0, "amount") == "several"
    only_written = index("Pay the bill of Nord.", rows[1:], "list_bills", notes[1:])
    assert only_written.ground(1.0, "amount") == "unknown"


@pytest.mark.parametrize("amount", [-1, float("nan"), float("inf"), True])
def test_what_is_no_amount_is_within_no_bound(amount: Any) -> None:
    made = ValueIndex()
    made.say(leaves_of("Pay 12.00."))
    assert made.ground(amount, "amount") not in {"initiator", "look-up"} or amount is True


def test_a_superlative_picks_the_record_by_the_only_number_in_it() -> None:
    made = index("Delete the largest file.", FILES, "list_files")
    assert made.ground("b2", "file_id") == "look-up"
    assert made.ground("a1", "file_id") == "several"
    assert index("Delete the smallest.", FILES, "list_files").ground("a1", "file_id") == "look-up"


def test_a_superlative_picks_nothing_where_two_numbers_could_be_meant() -> None:
    files = [{**each, "pages": n} for n, each in enumerate(FILES)]
    made = index("Delete the largest file.", files, "list_files")
    assert made.ground("b2", "file_id") == "several"


def test_all_items_of_the_only_list_are_grounded_together_and_a_part_is_not() -> None:
    event = {"id": "e1", "participants": ["a@x.org", "b@x.org", "c@x.org"]}
    made = index("Invite the same people.", event, "find_event")
    assert made.ground(["c@x.org", "a@x.org", "b@x.org"], "participants") == "look-up"
    assert made.ground(["a@x.org", "b@x.org"], "participants") == "several"
    assert made.ground([*event["participants"], "eve@x.org"], "participants") == "unknown"


def test_an_address_of_a_record_with_two_kinds_of_people_stands_for_no_third() -> None:
    mail = {"sender": "a@x.org", "recipient": "b@x.org"}
    made = index("Share it.", mail, "read_mail")
    assert made.ground("a@x.org", "email") == "unknown"


def test_a_pronoun_and_the_number_of_a_list_item_name_nothing() -> None:
    made = ValueIndex()
    made.say(leaves_of("Do this for me: 1. Read it. 2. Send it to Ada."))
    assert made.ground("me", "recipient") == "unknown"
    assert made.ground("1", "file") == "unknown"
    assert made.ground("Ada", "recipient") == "initiator"


def test_a_name_is_no_link() -> None:
    made = ValueIndex()
    made.say(leaves_of("Ask Ada about www.example.org/a."))
    assert made.ground("Ada", "url") == "unknown"
    assert made.ground("www.example.org/a", "url") == "initiator"
