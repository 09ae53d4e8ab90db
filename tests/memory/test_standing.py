"""Which memory stands beside which: untrusted never in the place of, or before, trusted."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stanchion.memory import Memory, Source, arrange, stand, subject_key
from stanchion.values import Integrity, Label

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def said(name: str, hours: int = 0, *, trusted: bool = True, subject: str = "seat") -> Memory:
    integrity = Integrity.TRUSTED if trusted else Integrity.UNTRUSTED
    source = Source("code", NOON + timedelta(hours=hours))
    return Memory(name, "user", subject, f"{name} says so", source, Label(integrity))


def shown(memories: list[Memory]) -> list[tuple[str, str]]:
    return [(memory.id, memory.superseded_by) for memory in memories]


@pytest.mark.promise("MEMORY-2")
def test_the_newest_trusted_memory_stands_and_the_others_stay_visible() -> None:
    memories = [said("old", 1), said("lie", 9, trusted=False), said("new", 2), said("first", 0)]

    expected = [("new", ""), ("old", "new"), ("first", "new"), ("lie", "")]
    assert shown(stand(memories)) == expected


@pytest.mark.promise("MEMORY-2")
def test_subjects_that_only_an_untrusted_memory_brought_come_last() -> None:
    ranked = [
        said("true", subject="seat"),
        said("loud", trusted=False, subject="account"),
        said("other", subject="diet"),
    ]

    found = arrange(ranked, [said("lie", 5, trusted=False, subject="SEAT!")])

    assert [memory.id for memory in found] == ["true", "lie", "other", "loud"]


@pytest.mark.promise("MEMORY-2")
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5), st.sampled_from(["a", "b"]))))
def test_untrusted_memories_change_nothing_about_the_trusted_ones(
    drawn: list[tuple[bool, int, str]],
) -> None:
    memories = [
        said(str(i), hours, trusted=trusted, subject=subject)
        for i, (trusted, hours, subject) in enumerate(drawn)
    ]
    only_trusted = [memory for memory in memories if memory.trusted]

    among_others = [memory for memory in arrange(memories, []) if memory.trusted]

    assert among_others == arrange(only_trusted, [])


def test_subjects_are_the_same_whatever_their_case_and_marks() -> None:
    assert subject_key("Seat  preference!") == subject_key("seat PREFERENCE") == "seat preference"
    assert subject_key("Café") == subject_key("cafe\u0301")
    assert not subject_key("?! \n")
