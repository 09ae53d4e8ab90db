"""The pure parts of what is drawn: trees, bars, words, keys."""

import io
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from stanchion.cli._answering import LEAVE, keys_for
from stanchion.cli._console import Glyphs, seconds_bar
from stanchion.cli._evidence import Evidence
from stanchion.cli._outcomes import outcome_of
from stanchion.cli._question_words import command_for, deadline_of
from stanchion.cli._step_tree import rows_of, steps_table
from stanchion.cli._text import duration, moment, one_line, shown, usd
from stanchion.values import Message, Question, QuestionKind, Step, TextPart

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def step(name: str, *children: Step, lane: str = "", ordinal: int = 0, seconds: float = 1) -> Step:
    return Step(
        lane, ordinal, "call", name, "ok", NOW, NOW + timedelta(seconds=seconds), children=children
    )


def question(kind: QuestionKind, *choices: str) -> Question:
    return Question("0123456789abcdef", "run", kind, "?", "digest", choices=choices)


def drawn(*steps: Step) -> list[str]:
    return [
        row.guide + (row.heading if row.step is None else row.step.name)
        for row in rows_of(steps, Glyphs())
    ]


def test_children_hang_on_their_parents() -> None:
    deep = step("c", lane="/0/1")
    tree = step("a", step("b", lane="/0"), step("d", deep, lane="/0", ordinal=1))

    assert drawn(tree, step("e", ordinal=1)) == ["a", "├─ b", "└─ d", "   └─ c", "e"]


def test_a_lone_branch_needs_no_heading() -> None:
    assert drawn(step("a", lane="/f0.0"), step("b", ordinal=0)) == ["a", "b"]


def test_branches_hang_on_headings_also_inside_steps() -> None:
    children = [step(name, lane=f"/0/f1.{number}") for number, name in enumerate("xy")]

    assert drawn(step("a", *children)) == [
        "a",
        "├─ fork 1, branch 0",
        "│  └─ x",
        "└─ fork 1, branch 1",
        "   └─ y",
    ]


def test_columns_that_nobody_fills_are_left_out() -> None:
    paper = io.StringIO()
    Console(width=100, file=paper).print(steps_table([step("a")], Evidence(), Glyphs()))

    assert paper.getvalue().splitlines()[0].split() == ["seq", "step", "time", "outcome"]


@pytest.mark.parametrize(
    ("share", "bar"), [(0.0, "▏"), (0.5, "██"), (0.53, "██▏"), (1.0, "████"), (2.0, "████")]
)
def test_a_bar_is_never_empty_and_never_too_long(share: float, bar: str) -> None:
    assert seconds_bar(share, 4, Glyphs()) == bar


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0004, "0 ms"),
        (0.0125, "12 ms"),
        (0.9996, "1.0 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 00 s"),
        (3599.6, "1 h 00 min"),
        (90000, "1 d 01 h"),
    ],
)
def test_durations_are_short_and_never_roll_over(seconds: float, words: str) -> None:
    assert duration(timedelta(seconds=seconds)) == words


def test_times_are_told_by_how_far_they_are() -> None:
    assert moment(NOW + timedelta(hours=2), NOW) == "in 2 h 00 min"
    assert moment(NOW - timedelta(seconds=3), NOW) == "3.0 s ago"


@pytest.mark.parametrize(
    ("nanos", "words"),
    [(0, ""), (1_234_500_000, "$1.23"), (1_200_000, "$0.0012"), (10_000_000, "$0.01")],
)
def test_costs_show_what_matters(nanos: int, words: str) -> None:
    assert usd(nanos) == words


def test_what_cant_be_seen_is_counted() -> None:
    assert shown("plain\r\ntext") == "plain\ntext"
    assert shown("a\u200bb") == "ab [left out: 1 characters that can't be seen]"


def test_one_line_is_one_short_line() -> None:
    assert one_line("a\n  b\x1b[1mc") == "a bc"
    assert len(one_line("x" * 500, 40)) == 40


@pytest.mark.parametrize(
    ("kind", "choices", "keys"),
    [
        (QuestionKind.APPROVAL, ("approve", "deny", "edit"), "ade"),
        (QuestionKind.UNKNOWN, ("happened", "did_not_happen", "stop"), "hds"),
        (QuestionKind.DECISION, ("refund", "other"), "12"),
    ],
)
def test_each_answer_has_a_key_and_so_has_leaving_it(
    kind: QuestionKind, choices: tuple[str, ...], keys: str
) -> None:
    found = keys_for(question(kind, *choices))

    assert "".join(found) == f"{keys}l"
    assert list(found.values()) == [*choices, LEAVE]


def test_a_choice_that_a_shell_would_read_is_quoted() -> None:
    asked = question(QuestionKind.DECISION, "it's; rm -rf\n/")

    command = command_for(asked, asked.choices[0])

    assert command == "stanchion review answer 01234567 'it'\\''s; rm -rf /'"


def test_a_deadline_says_what_happens_then() -> None:
    asked = question(QuestionKind.APPROVAL, "approve")
    soon = Question(
        "q", "run", QuestionKind.APPROVAL, "?", "d", expires_at=NOW + timedelta(minutes=5)
    )

    assert deadline_of(asked, NOW) == "none: the run waits until somebody answers"
    assert deadline_of(soon, NOW).startswith("in 5 min 00 s; then the call isn't made")
    assert deadline_of(soon, NOW + timedelta(hours=1)).endswith("aren't taken any more")


def test_what_a_model_said_is_an_outcome() -> None:
    answer = Message("assistant", (TextPart("fine"),))
    said = Step("", 0, "model", "fast", "ok", NOW, NOW, facts={"message": "ab"})

    assert outcome_of(said, Evidence(messages={"ab": answer})) == "fine"
    assert outcome_of(said, Evidence()) == "erased"


def test_what_was_out_of_the_ordinary_is_told_with_the_outcome() -> None:
    told = outcome_of(
        Step(
            *("", 0, "call", "pay", "ok", NOW, NOW),
            result="cd",
            facts={
                "attempts": 2,
                "settled": "reconciler",
                "verdicts": [["judge", "ask: too much"], ["review", "pass: approved by ann"]],
            },
        ),
        Evidence({"cd": "receipt"}),
    )

    assert told == "receipt; 2 attempts; settled by reconciler; review: approved by ann"
