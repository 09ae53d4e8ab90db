"""The tree of a run's steps, from entries written down by hand."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from stanchion.ledger import Entry, EntryPhase, Place
from stanchion.values import Step
from stanchion.workflows import spent_by, steps_of

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Book:
    """Writes entries one after the other, a second apart unless told otherwise."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.epoch = 1
        self.at = START

    def write(
        self,
        place: str,
        phase: EntryPhase = EntryPhase.DONE,
        *,
        kind: str = "step",
        name: str = "",
        after: float = 1.0,
        result: bytes | None = None,
        **facts: Any,
    ) -> None:
        """Write at a place such as ``/2/f0.1:3``: the lane, a colon, the ordinal."""
        lane, _, ordinal = place.rpartition(":")
        self.at += timedelta(seconds=after)
        self.entries.append(
            Entry(
                "run",
                len(self.entries) + 1,
                Place(lane, int(ordinal)),
                phase,
                kind,
                name or place,
                bytes(32) if phase is not EntryPhase.DONE else None,
                result,
                facts,
                self.epoch,
                self.at,
                b"",
            )
        )

    def started(self) -> None:
        self.write(":-1", EntryPhase.NOTE, kind="run", name="started", after=0)


def names(steps: Iterable[Step]) -> list[str]:
    return [f"{step.lane}:{step.ordinal}" for step in steps]


def seconds(step: Step) -> float:
    assert step.ended_at is not None
    return (step.ended_at - step.started_at).total_seconds()


def test_a_run_without_entries_has_no_steps() -> None:
    assert steps_of([]) == ()


def test_notes_about_the_run_are_no_steps() -> None:
    book = Book()
    book.started()
    book.write(":0")

    assert names(steps_of(book.entries)) == [":0"]


def test_the_steps_of_a_composite_step_are_its_children() -> None:
    book = Book()
    book.write(":0", EntryPhase.OPEN, kind="decide", name="Intent")
    book.write("/0:0", kind="model", name="fast")
    book.write("/0:1", kind="ask", name="decision")
    book.write(":0", kind="decide", name="Intent")
    book.write(":1", kind="call", name="refund")

    first, second = steps_of(book.entries)

    assert (first.kind, first.name, second.name) == ("decide", "Intent", "refund")
    assert [child.kind for child in first.children] == ["model", "ask"]


def test_steps_of_a_recovery_stand_below_the_call_that_they_recover() -> None:
    book = Book()
    book.write(":0", EntryPhase.INTENT, kind="call")
    book.write(":0", EntryPhase.UNKNOWN, kind="call")
    book.write("/0/wait1.1:0", kind="sleep")
    book.write("/0/reconcile1.1:0", kind="reconcile")

    (call,) = steps_of(book.entries)

    assert [child.kind for child in call.children] == ["sleep", "reconcile"]


def test_branches_follow_each_other_where_their_fork_stands_in_the_lane() -> None:
    book = Book()
    book.write(":0")
    for place in ("/f0.1:0", "/f0.10:0", "/f0.2:0", "/f0.1:1", "/f0.2:1"):
        book.write(place)
    book.write(":1")
    book.write("/f1.0:0")
    book.write(":2")

    assert names(steps_of(book.entries)) == [
        ":0",
        *("/f0.1:0", "/f0.1:1", "/f0.2:0", "/f0.2:1", "/f0.10:0"),
        ":1",
        "/f1.0:0",
        ":2",
    ]


def test_a_fork_inside_a_branch_inside_a_composite_step_stays_below_it() -> None:
    book = Book()
    book.write(":0", EntryPhase.OPEN)
    book.write("/0/f0.0/f0.1:0", EntryPhase.OPEN)
    book.write("/0/f0.0/f0.1/0:0")
    book.write("/0/f0.0:0")

    (step,) = steps_of(book.entries)

    assert names(step.children) == ["/0/f0.0/f0.1:0", "/0/f0.0:0"]
    assert names(step.children[0].children) == ["/0/f0.0/f0.1/0:0"]


def test_a_marker_of_a_change_stands_in_its_lane() -> None:
    book = Book()
    book.write(":0")
    book.write("/patch.new-limit.2:0", kind="patch")
    book.write(":1")

    assert names(steps_of(book.entries)) == [":0", "/patch.new-limit.2:0", ":1"]


def test_the_status_is_that_of_the_newest_entry_until_there_is_an_outcome() -> None:
    book = Book()
    book.write(":0", EntryPhase.OPEN)
    book.write(":1", EntryPhase.WAIT)
    book.write(":2", EntryPhase.INTENT)
    book.write(":3", EntryPhase.INTENT)
    book.write(":3", EntryPhase.UNKNOWN)
    book.write(":4", EntryPhase.INTENT)
    book.write(":4", EntryPhase.UNKNOWN, not_performed=True)
    book.write(":5")
    book.write(":6", status="error")

    statuses = [step.status for step in steps_of(book.entries)]

    assert statuses == ["open", "waiting", "intent", "unknown", "open", "ok", "error"]


def test_the_facts_of_all_entries_are_merged_and_the_newest_outcome_is_named() -> None:
    book = Book()
    book.write(":0", EntryPhase.INTENT, key="k", attempt=1, result=b"sent")
    book.write(":0", EntryPhase.UNKNOWN, reason="no answer")
    book.write(":0", EntryPhase.INTENT, key="k", attempt=2)
    book.write(":0", attempts=2, result=b"got")

    (step,) = steps_of(book.entries)

    assert step.facts == {"key": "k", "attempt": 2, "reason": "no answer", "attempts": 2}
    assert (step.seq, step.result, step.request) == (4, b"got".hex(), bytes(32).hex())


def test_a_step_lasts_from_the_end_of_the_one_before_it_in_its_lane() -> None:
    book = Book()
    book.started()
    book.write(":0", after=2)
    book.write(":1", after=3)

    assert [seconds(step) for step in steps_of(book.entries)] == [2, 3]


def test_branches_begin_where_they_were_forked() -> None:
    book = Book()
    book.started()
    book.write(":0", after=1)
    book.write("/f0.0:0", after=2)
    book.write("/f0.1:0", after=1)

    assert [seconds(step) for step in steps_of(book.entries)] == [1, 2, 3]


def test_a_composite_step_begins_with_its_first_child() -> None:
    book = Book()
    book.started()
    book.write(":0", EntryPhase.OPEN, after=4)
    book.write("/0:0", after=0)
    book.write(":0", after=1)

    (step,) = steps_of(book.entries)

    assert seconds(step) == 5
    assert seconds(step.children[0]) == 4


def test_a_write_lasts_from_its_intent_and_a_wait_from_its_first_record() -> None:
    book = Book()
    book.started()
    book.write(":0", EntryPhase.INTENT, after=5)
    book.write(":0", after=1)
    book.write(":1", EntryPhase.WAIT, after=7)
    book.write(":1", after=2)

    assert [seconds(step) for step in steps_of(book.entries)] == [1, 2]


def test_a_time_that_was_measured_counts_more_than_one_that_is_inferred() -> None:
    book = Book()
    book.started()
    book.write(":0", after=9, seconds=1.5)

    assert [seconds(step) for step in steps_of(book.entries)] == [1.5]


def test_the_time_in_which_no_process_moved_the_run_counts_for_no_step() -> None:
    book = Book()
    book.started()
    book.write(":0", after=1)
    book.epoch = 2
    book.write(":1", after=3600)
    book.write(":2", after=2)

    assert [seconds(step) for step in steps_of(book.entries)] == [1, 0, 2]


def test_a_step_without_an_outcome_has_no_end() -> None:
    book = Book()
    book.write(":0", EntryPhase.INTENT)

    assert steps_of(book.entries)[0].ended_at is None


def test_what_was_spent_is_summed_over_a_step_and_all_below_it() -> None:
    book = Book()
    book.write(":0", EntryPhase.OPEN)
    book.write("/0:0", settlement={"input_tokens": 10, "model_calls": 1, "cost_nanos": 5})
    book.write("/0:1", settlement={"input_tokens": 3, "model_calls": 1})
    book.write(":0")

    (step,) = steps_of(book.entries)
    total = spent_by(step)

    assert (total.steps, total.model_calls, total.input_tokens) == (3, 2, 13)
    assert (total.cost_nanos, total.output_tokens) == (5, 0)
