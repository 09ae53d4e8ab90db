"""What becomes of a call whose outcome is unknown."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stanchion.ledger import LateOutcome, payload
from stanchion.tools import (
    GRACE,
    AskPerson,
    CallAgain,
    CantTell,
    DidNotHappen,
    Happened,
    Move,
    Reconcile,
    Reconciled,
    Tool,
    UseLate,
    UseResult,
    WaitUntil,
    mint_key,
    next_move,
)
from tests.properties import quick
from tests.tools.bank import (
    ALL_TOOLS,
    NOW,
    charge,
    find_account,
    hold,
    refund,
    send_letter,
    transfer,
)

TIMEOUT = transfer.contract.timeout
DEADLINE = NOW + TIMEOUT
READY = DEADLINE + TIMEOUT + GRACE


def move(which: Tool[..., Any], at: datetime = NOW, **known: Any) -> Move:
    facts: dict[str, Any] = {"attempts": 1, "first_intent_at": NOW, "intent_deadline": DEADLINE}
    return next_move(which.contract, now=at, **{**facts, **known})


def late(status: str = "done") -> LateOutcome:
    return LateOutcome("run-1", "k", 3, status, payload("r"))


# One row of the table each -----------------------------------------------------------------------


def test_a_read_is_called_again() -> None:
    assert move(find_account, attempts=99) == CallAgain()


def test_a_write_whose_target_knows_the_key_is_called_again() -> None:
    assert move(charge) == CallAgain()


def test_a_call_seen_to_fail_is_repeated_after_a_growing_pause() -> None:
    assert move(charge, attempts=1, last_failure_at=NOW) == WaitUntil(NOW + timedelta(seconds=1))
    assert move(charge, attempts=2, last_failure_at=NOW) == WaitUntil(NOW + timedelta(seconds=2))
    assert move(charge, NOW + timedelta(seconds=2), attempts=2, last_failure_at=NOW) == CallAgain()


def test_attempts_with_a_key_are_bounded_and_then_a_person_is_asked() -> None:
    assert move(charge, attempts=3) == AskPerson("charge was tried 3 times without an answer")


@pytest.mark.promise("EFFECT-4")
def test_a_key_counts_only_while_the_target_surely_keeps_it() -> None:
    validity = refund.contract.key_validity
    assert validity is not None
    last_moment = NOW + validity - TIMEOUT - GRACE
    assert move(refund, last_moment) == CallAgain()
    assert move(refund, last_moment + timedelta(microseconds=1)) == Reconcile()


def test_the_reconciler_is_asked_after_deadline_timeout_and_grace() -> None:
    assert move(transfer) == WaitUntil(READY)
    assert move(transfer, READY - timedelta(microseconds=1)) == WaitUntil(READY)
    assert move(transfer, READY) == Reconcile()


def test_what_the_reconciler_says_decides() -> None:
    assert move(transfer, READY, reconciled=Happened("r")) == UseResult("r")
    assert move(transfer, READY, reconciled=DidNotHappen()) == CallAgain()
    asked = move(transfer, READY, reconciled=CantTell("no such search"))
    assert asked == AskPerson("whether transfer happened can't be found out: no such search")


def test_a_call_that_never_happens_is_not_tried_for_ever() -> None:
    asked = move(transfer, READY, reconciled=DidNotHappen(), attempts=3)
    assert asked == AskPerson("transfer was tried 3 times and did not happen")


@pytest.mark.promise("EFFECT-3")
@pytest.mark.parametrize("which", [send_letter, hold])
def test_without_the_targets_help_a_person_is_asked(which: Tool[..., Any]) -> None:
    assert move(which) == AskPerson(f"{which.name} may have happened, and nothing can tell")


def test_a_late_outcome_is_taken_before_anything_else() -> None:
    for which in ALL_TOOLS:
        assert move(which, late=late()) == UseLate(late())


def test_a_late_report_of_one_attempt_says_nothing_about_others() -> None:
    nothing = late("not_performed")
    assert move(send_letter, late=nothing, attempts=1) == UseLate(nothing)
    assert isinstance(move(send_letter, late=nothing, attempts=2), AskPerson)


# For all facts -----------------------------------------------------------------------------------

answers: st.SearchStrategy[Reconciled | None] = st.sampled_from(
    [None, Happened("r"), DidNotHappen(), CantTell("?")]
)
facts = st.fixed_dictionaries(
    {
        "which": st.sampled_from(ALL_TOOLS),
        "at": st.timedeltas(timedelta(0), timedelta(days=3)).map(lambda age: NOW + age),
        "attempts": st.integers(1, 5),
        "last_failure_at": st.none() | st.just(NOW),
        "late": st.sampled_from([None, late("done"), late("not_performed")]),
        "reconciled": answers,
    }
)


@pytest.mark.promise("EFFECT-4")
@quick
@given(facts)
def test_a_write_is_called_again_only_with_a_valid_key_or_proof_that_nothing_happened(
    known: dict[str, Any],
) -> None:
    if move(**known) != CallAgain():
        return
    contract, at = known["which"].contract, known["at"]
    if contract.effect == "read":
        return
    validity = contract.key_validity or timedelta.max
    by_key = contract.accepts_key and at - NOW < validity
    by_proof = contract.reconcile and known["reconciled"] == DidNotHappen() and at >= READY
    assert by_key or by_proof
    assert known["attempts"] < contract.retry.attempts


@pytest.mark.promise("EFFECT-4")
@quick
@given(facts)
def test_a_reconciler_is_neither_asked_nor_believed_before_its_wait(known: dict[str, Any]) -> None:
    decided = move(**known)
    if known["at"] < READY:
        assert not isinstance(decided, Reconcile | UseResult)


@quick
@given(facts)
def test_every_wait_lies_ahead_and_ends(known: dict[str, Any]) -> None:
    decided = move(**known)
    if isinstance(decided, WaitUntil):
        assert decided.at > known["at"]
        known["at"] = decided.at
        assert not isinstance(move(**known), WaitUntil)


@quick
@given(facts)
def test_nothing_is_settled_without_a_source(known: dict[str, Any]) -> None:
    decided = move(**known)
    if isinstance(decided, UseLate):
        assert decided.outcome is known["late"]
    if isinstance(decided, UseResult):
        assert known["reconciled"] == Happened(decided.result)


# Keys --------------------------------------------------------------------------------------------


def test_a_key_is_stable_over_releases() -> None:
    assert mint_key("run-1", "refund", b'{"a":1}', 0) == GOLDEN_KEY


GOLDEN_KEY = "a024f96344a71968f8aee84f71bf2a286425c4415b98f9dd57ae8558833c7950"


@quick
@given(st.lists(st.tuples(st.text(), st.text(), st.binary(), st.integers(0, 9)), unique=True))
def test_different_calls_have_different_keys(calls: list[tuple[str, str, bytes, int]]) -> None:
    keys = [mint_key(*call) for call in calls]
    assert len(set(keys)) == len(calls)
    assert keys == [mint_key(*call) for call in calls]
