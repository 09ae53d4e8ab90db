"""Which values a model may act on: said by the initiator, or looked up by what they said."""

from __future__ import annotations

from typing import Any

import pytest

from stanchion.trust import GROUNDED, ValueIndex, leaves_of

CONTACTS = [
    {"name": "Bob Stone", "account": "222"},
    {"name": "Eve Stone", "account": "333"},
]


def index(*, said: Any = (), found: Any = (), untrusted: Any = ()) -> ValueIndex:
    made = ValueIndex()
    made.say(leaves_of(said))
    for result in found:
        made.find(leaves_of(result), tool="find_account")
    made.distrust(leaves_of(untrusted))
    return made


@pytest.mark.promise("TOOL-4")
def test_a_value_that_nobody_gave_is_unknown() -> None:
    assert index(said=["pay Bob"]).ground("222", "account") == "unknown"


@pytest.mark.promise("TOOL-4")
def test_the_only_value_of_its_role_in_a_grounded_result_is_grounded() -> None:
    known = index(found=[{"holder": "Bob", "account": "222", "branch": "17"}])
    assert known.ground("222", "account") == "look-up"


@pytest.mark.promise("TOOL-4")
def test_a_value_of_another_role_is_unknown_however_trusted_it_is() -> None:
    known = index(found=[{"account": "222"}, {"status": "running"}, {"branch": "17"}])
    assert known.ground("17", "account") == "unknown"
    assert known.ground("running", "account") == "unknown"


@pytest.mark.promise("TOOL-4")
def test_among_several_candidates_the_words_must_select_one() -> None:
    assert index(found=[CONTACTS]).ground("222", "account") == "several"
    known = index(said=["pay Bob Stone"], found=[CONTACTS])
    assert known.ground("222", "account") == "look-up"
    assert known.ground("333", "account") == "several"


@pytest.mark.promise("TOOL-4")
def test_words_that_fit_several_candidates_select_none() -> None:
    for words in ("pay Stone", "pay Bob Stone and Eve Stone"):
        known = index(said=[words], found=[CONTACTS])
        assert known.ground("222", "account") not in GROUNDED


@pytest.mark.promise("TOOL-4")
def test_words_select_by_all_that_surrounds_a_candidate() -> None:
    nested = [
        {"name": "Bob", "accounts": [{"kind": "savings", "id": 1}, {"kind": "checking", "id": 2}]},
        {"name": "Eve", "accounts": [{"kind": "savings", "id": 3}]},
    ]
    known = index(said=["Bob's savings account"], found=[nested])
    assert known.ground(1, "account_id") in GROUNDED
    assert known.ground(2, "account_id") not in GROUNDED
    assert known.ground(3, "account_id") not in GROUNDED


@pytest.mark.promise("TOOL-4")
def test_words_that_come_later_select_too() -> None:
    known = index(found=[CONTACTS])
    assert known.ground("222", "account") not in GROUNDED
    known.say(leaves_of(["Bob Stone, I mean"]))
    assert known.ground("222", "account") in GROUNDED


@pytest.mark.promise("TOOL-4")
def test_the_items_of_one_list_are_candidates_whatever_their_form() -> None:
    known = index(found=[{"members": ["carol", "dan@example.com", "x-17"]}])
    for member in ("carol", "dan@example.com", "x-17"):
        assert known.ground(member, "member") == "several"
    assert known.ground("dan@example.com", "recipient") == "unknown"


def test_an_address_shows_by_its_form_what_it_is() -> None:
    known = index(found=[{"name": "Dan", "contact": "dan@example.com"}])
    assert known.ground("dan@example.com", "recipient") == "look-up"
    assert known.ground("Dan", "recipient") == "unknown"


@pytest.mark.promise("TOOL-4")
def test_of_several_origins_the_least_trusted_counts() -> None:
    known = index(found=[{"account": "222"}], untrusted=["222"])
    assert known.ground("222", "account") == "untrusted"


def test_the_initiators_own_word_counts_wherever_else_it_stands() -> None:
    assert index(said=["to 222"], untrusted=["222"]).ground("222", "account") in GROUNDED


@pytest.mark.promise("TOOL-4")
def test_an_answer_counts_for_what_was_asked_and_for_nothing_else() -> None:
    known = ValueIndex()
    known.answer("222", "account")
    assert known.ground("222", "account") == "initiator"
    assert known.ground("222", "recipient") not in GROUNDED


@pytest.mark.promise("TOOL-4")
def test_every_leaf_of_a_structured_target_must_be_grounded() -> None:
    known = index(said=["mail ada@x.org"])
    assert known.ground(["ada@x.org"], "recipients") in GROUNDED
    assert known.ground(["ada@x.org", "eve@x.org"], "recipients") not in GROUNDED
    assert known.ground([], "recipients") == "default"


@pytest.mark.parametrize(
    ("tool", "result", "role"),
    [
        ("get_ticket", {"id": 7, "user_id": 8}, "ticket_id"),
        ("list_tickets", [{"id": 7}], "ticket_id"),
        ("search", {"tickets": [{"id": 7}], "users": [{"id": 8}]}, "ticket_id"),
        ("find_account_number", 7, "account_number"),
        ("find", {"accountNumber": 7, "number": 8}, "account_number"),
    ],
)
def test_a_role_is_found_by_the_names_that_lead_to_it(tool: str, result: Any, role: str) -> None:
    known = ValueIndex()
    known.find(leaves_of(result), tool=tool)
    assert known.ground(7, role) == "look-up"
    assert known.ground(8, role) == "unknown"


def test_an_order_is_no_booking() -> None:
    known = ValueIndex()
    known.find(leaves_of({"order_id": 7, "id": 8}), tool="place_order")
    assert known.ground(7, "booking_id") == "unknown"
    assert known.ground(8, "booking_id") == "unknown"


def test_a_value_looked_up_often_is_still_known_by_its_newest_results() -> None:
    many = [{"account": "222", "n": n} for n in range(100)]
    assert index(found=many).ground("222", "account") in GROUNDED
