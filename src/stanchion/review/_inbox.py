"""The people's side of review: which questions are open, and an answer on its way to its run.

Only the run's own writer turns an answer into an entry; here it is checked against the question as
it stands in the ledger and put into the run's inbox, once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Protocol

from stanchion.ledger import Inbox, Message, Wait, payload
from stanchion.review._answer import Answer, ReviewRefused, check_answer
from stanchion.review._bodies import answer_to_body, questions_from_waits
from stanchion.review._who import EVERYBODY, Reviewers
from stanchion.values import ANYBODY, Question

__all__ = ["Letterbox", "ReviewInbox"]

_KIND = "answer"


class Letterbox(Protocol):
    """The part of a ledger's store that review needs."""

    async def waits(
        self, *, run: str | None = None, kind: str | None = None, topic: str | None = None
    ) -> Sequence[Wait]:
        """Return open waits, oldest first."""
        ...

    async def inbox(self, run: str) -> Sequence[Inbox]:
        """Return unread messages, oldest first."""
        ...

    async def send(self, message: Message) -> bool:
        """Put a message into a run's inbox; False if its key was used before."""
        ...


def _utc_now() -> datetime:
    return datetime.now(UTC)


class ReviewInbox:
    """The open questions of all runs in a store."""

    def __init__(
        self,
        store: Letterbox,
        *,
        clock: Callable[[], datetime] = _utc_now,
        reviewers: Reviewers = EVERYBODY,
    ) -> None:
        self._store = store
        self._clock = clock
        self._reviewers = reviewers

    async def pending(self, *, run: str | None = None) -> tuple[Question, ...]:
        """Return questions that nobody has answered yet, oldest first."""
        questions = await self._open(run=run)
        answered: set[str] = set()
        for each in dict.fromkeys(question.run for question in questions):
            messages = await self._store.inbox(each)
            answered |= {message.topic for message in messages if message.kind == _KIND}
        # An answer that a run took since the first look is in no inbox any more: look again.
        still = {question.id for question in await self._open(run=run)} if questions else set[str]()
        return tuple(q for q in questions if q.id in still - answered)

    async def get(self, id: str) -> Question:  # noqa: A002 - the word that people type
        """Return an open question by its id or a beginning that no other open one shares."""
        found = [question for question in await self._open() if question.id.startswith(id)]
        exact = [question for question in found if question.id == id]
        if len(exact or found) == 1:
            return (exact or found)[0]
        if not found:
            raise ReviewRefused(
                f"no open question {id!r}",
                remedy="it was answered, has expired or its run has ended; `stanchion review "
                "list` shows what is open",
            )
        raise ReviewRefused(
            f"{len(found)} open questions begin with {id!r}",
            remedy=f"write more of it: {', '.join(question.id for question in found[:5])}",
        )

    async def answer(self, answer: Answer) -> Question:
        """Check an answer and send it to its run; return the question that it answers.

        Raises ReviewRefused if it can't be taken or the question was answered before.
        """
        question = await self.get(answer.question)
        check_answer(question, answer, self._clock(), self._reviewers)
        message = Message(
            run=question.run,
            topic=question.id,
            key=_key(question, answer.by),
            payload=payload(answer_to_body(answer), what="an answer"),
            kind=_KIND,
        )
        if not await self._store.send(message):
            raise ReviewRefused(
                f"question {question.id} is already answered",
                remedy="the first answer counts; its run takes it up next",
                question=question.id,
            )
        return question

    async def _open(self, *, run: str | None = None) -> tuple[Question, ...]:
        return questions_from_waits(await self._store.waits(run=run, kind="question"))


def _key(question: Question, by: str) -> str:
    """Return what makes an answer the only one; where roles count, the only one of its author.

    Whether an author has the role is for the run to say: one who hasn't must not be able to use up
    the answer of one who has.
    """
    only = f"answer:{question.id}"
    return only if question.who == ANYBODY else f"{only}:{by}"
