"""The door: what is pinned is in the request word for word, or nothing is sent."""

from __future__ import annotations

import pytest

from stanchion.context import Pinned, check_pinned
from stanchion.errors import PinnedMissing
from stanchion.values import Message, TextPart, ToolResponsePart

PINNED = Pinned("Pay what is owed.", ("Never twice.", "Only to 111."), "Please pay.", ("Use 111.",))


def user(text: str) -> Message:
    return Message("user", (TextPart(text),))


def test_the_messages_of_what_is_pinned_pass() -> None:
    check_pinned(PINNED.texts(), {"pinned": PINNED.messages()})


@pytest.mark.promise("CONTEXT-1")
@pytest.mark.parametrize("lost", range(len(PINNED.texts())))
def test_a_prompt_without_one_of_the_texts_is_refused(lost: int) -> None:
    said = [user(text) for n, text in enumerate(PINNED.texts()) if n != lost]

    with pytest.raises(PinnedMissing) as caught:
        check_pinned(PINNED.texts(), {"pinned": said})

    assert caught.value.facts == {"missing": 1}


@pytest.mark.parametrize("altered", ["pay what is owed.", "Pay what  is owed.", "Pay what is", ""])
def test_a_text_that_is_only_like_it_is_not_it(altered: str) -> None:
    with pytest.raises(PinnedMissing):
        check_pinned(("Pay what is owed.",), {"pinned": [user(altered)]})


@pytest.mark.promise("CONTEXT-1")
def test_a_tool_or_a_model_that_repeats_the_goal_does_not_carry_it() -> None:
    told = Message("tool", (ToolResponsePart("c", PINNED.goal),))
    said = Message("assistant", (TextPart(PINNED.goal),))

    with pytest.raises(PinnedMissing):
        check_pinned((PINNED.goal,), {"turns": [told, said]})


@pytest.mark.promise("CONTEXT-1")
@pytest.mark.parametrize("section", ["summaries", "memory"])
def test_a_summary_or_a_memory_that_repeats_the_goal_does_not_carry_it(section: str) -> None:
    with pytest.raises(PinnedMissing):
        check_pinned((PINNED.goal,), {section: [user(PINNED.goal)]})
