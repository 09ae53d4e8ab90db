"""Questions to people, as steps: opened, shown in the inbox, answered once, checked, recorded.

What was asked is part of the record. An answer counts only if what would be asked now is still the
same, to the digest; otherwise it is void and the question is asked again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeVar

from stanchion.errors import Expired
from stanchion.ledger import Inbox, Payload, Place, codec_for, payload
from stanchion.review import (
    ANSWER,
    Answer,
    Occasion,
    ReviewRefused,
    answer_from_body,
    check_answer,
    question_from_body,
    question_to_body,
)
from stanchion.review import ask as input_question
from stanchion.values import Question, Who
from stanchion.workflows._incarnation import Incarnation
from stanchion.workflows._outside import Awaited, Ignored, WaitSpec

__all__ = ["ask", "ask_person"]

T = TypeVar("T")

_answer = codec_for(Answer)


async def ask_person(
    incarnation: Incarnation,
    name: str,
    build: Callable[[Occasion], Question],
    timeout: timedelta | None,
) -> Answer:
    """Ask in the current lane until an answer counts. Raises Expired when the deadline passes."""
    nth = 0
    while True:
        answer = await _ask_once(incarnation, name, build, timeout, nth)
        if answer is not None:
            return answer
        nth += 1


async def _ask_once(
    incarnation: Incarnation,
    name: str,
    build: Callable[[Occasion], Question],
    timeout: timedelta | None,
    nth: int,
) -> Answer | None:
    """Ask once; None if what is asked has changed since, so that the answer is void."""
    asked: list[Question] = []

    def spec(place: Place, recorded: bytes | None) -> WaitSpec:
        if recorded is not None:
            asked.append(question_from_body(json.loads(recorded)))
            return WaitSpec("question", topic=asked[0].id, body=json.loads(recorded))
        now = incarnation.host.clock.now()
        wake_at = None if timeout is None else now + timeout
        question = build(_occasion(incarnation, place, nth))
        asked.append(replace(question, asked_at=now, expires_at=wake_at))
        body = question_to_body(asked[0])
        return WaitSpec("question", topic=asked[0].id, wake_at=wake_at, body=body)

    def take(message: Inbox | None) -> Answer:
        question = asked[0]
        if message is None:
            raise Expired(f"nobody answered within {timeout}: {question.prompt}")
        try:
            answer = answer_from_body(json.loads(message.payload))
            return check_answer(question, answer, message.sent_at, incarnation.host.reviewers)
        except ReviewRefused as refused:
            raise Ignored(refused.message) from refused

    place = incarnation.next_place()
    awaited = Awaited("ask", name, _request(name, nth), spec, take, _answer)
    answer = await incarnation.wait(awaited)
    asked_again = _asked_again(incarnation, name, nth)
    if asked_again is None:
        asked_again = build(_occasion(incarnation, place, nth)).digest != answer.digest
    return None if asked_again else answer


def _request(name: str, nth: int) -> Payload:
    return payload({"question": name, "nth": nth})


def _asked_again(incarnation: Incarnation, name: str, nth: int) -> bool | None:
    """Tell from what is recorded after an answer whether it was void; None if nothing is.

    What a question says, and so its digest, may be another in another version.
    """
    after = incarnation.journal.peek(incarnation.next_place())
    if after is None:
        return None
    first = after.entries[0]
    again = "ask", name, _request(name, nth + 1).digest
    return (first.kind, first.name, first.request) == again


def _occasion(incarnation: Incarnation, place: Place, nth: int) -> Occasion:
    return Occasion(
        incarnation.start.asked_by(incarnation.record, place), f"{place.lane}[{place.ordinal}]", nth
    )


async def ask(
    incarnation: Incarnation,
    prompt: str,
    answer: type[T],
    *,
    choices: tuple[str, ...],
    details: dict[str, Any],
    timeout: timedelta | None,
    roles: Collection[str],
) -> T:
    """Ask a person for one of the choices, or for a value of a type."""
    codec = codec_for(answer)

    def question(occasion: Occasion) -> Question:
        return input_question(
            occasion,
            prompt=prompt,
            schema=codec.schema(),
            options=choices,
            subject=details,
            reason="the workflow asks",
            who=Who(tuple(sorted(roles))),
        )

    given = await ask_person(incarnation, "ask", question, timeout)
    value = given.value if given.choice == ANSWER else given.choice
    return codec.decode(payload(value).data, what="answer")
