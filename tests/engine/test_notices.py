"""Notices about open questions: when, to whom, signed, at least once."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import timedelta

import pytest

from stanchion import Reviewer, Run, Stanchion, approvers, workflow
from stanchion.engine import Notifier, Settings
from stanchion.errors import ConfigurationError
from stanchion.ledger import NewRun, Store, open_store, payload
from stanchion.review import Reviewers, ReviewInbox, reply
from stanchion.testing import FakeClock
from stanchion.workflows import Host, Workflows, advance
from tests.workflows.desk import Bank, pay_blindly

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
URL = "https://desk.example/hook"
HOUR = timedelta(hours=1)


@workflow(
    tools=[pay_blindly],
    approvers=[
        approvers(pay_blindly, roles={"finance"}, reminds=[HOUR], escalates={4 * HOUR: {"manager"}})
    ],
)
async def pay(run: Run[Bank], account: str) -> str:
    return await run.call(pay_blindly, account, 10)


class Receiver:
    """A webhook that answers as it is told."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.got: list[tuple[bytes, Mapping[str, str]]] = []

    async def __call__(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        assert url == URL
        self.got.append((body, headers))
        return self.statuses.pop(0) if self.statuses else 204

    @property
    def types(self) -> list[str]:
        return [json.loads(body)["type"] for body, _ in self.got]


class Desk:
    """A run that waits for an approval, and what tells people so."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.store: Store = open_store("sqlite://:memory:", clock=self.clock.now)
        finance = Reviewer("ana", frozenset({"finance"}))
        self.people = Reviewers.of([finance, Reviewer("bo", frozenset({"manager"}))])
        self.host = Host(
            self.store,
            Workflows([pay]),
            "worker",
            deps=Bank(),
            clock=self.clock,
            reviewers=self.people,
        )

    async def ask(self) -> None:
        await self.store.create(NewRun("run", pay.name, "1", payload("SECRET-ACCOUNT-111")))
        await advance(self.host, "run")

    def notifier(self, receiver: Receiver) -> Notifier:
        return Notifier(
            self.store, URL, SECRET, reviewers=self.people, clock=self.clock, post=receiver
        )

    async def answer(self) -> None:
        inbox = ReviewInbox(self.store, clock=self.clock.now, reviewers=self.people)
        (question,) = await inbox.pending()
        await inbox.answer(reply(question, "deny", by="ana", at=self.clock.now()))


async def test_a_question_is_told_once_then_reminded_of_then_escalated() -> None:
    desk, receiver = Desk(), Receiver()
    await desk.ask()
    notifier = desk.notifier(receiver)

    for _ in range(6):
        await notifier.round()
        desk.clock.advance(HOUR)

    assert receiver.types == ["question.asked", "question.reminder", "question.escalation"]
    people = [json.loads(body)["data"]["people"] for body, _ in receiver.got]
    assert people == [["ana"], ["ana"], ["ana", "bo"]]
    await desk.store.close()


async def test_a_notice_carries_no_argument_and_a_signature_that_its_receiver_can_check() -> None:
    desk, receiver = Desk(), Receiver()
    await desk.ask()
    await desk.notifier(receiver).round()
    ((body, headers),) = receiver.got

    signed = b".".join(
        [headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body]
    )
    expected = base64.b64encode(hmac.new(bytes(range(32)), signed, hashlib.sha256).digest())
    assert headers["webhook-signature"] == f"v1,{expected.decode()}"
    assert b"SECRET-ACCOUNT-111" not in body
    assert json.loads(body)["data"]["roles"] == ["finance"]
    await desk.store.close()


async def test_a_receiver_that_is_down_is_tried_again_under_the_same_id_with_growing_() -> None:
    desk, receiver = Desk(), Receiver(0, 503, 204)
    await desk.ask()
    notifier = desk.notifier(receiver)

    attempts: list[int] = []
    for _ in range(120):
        await notifier.round()
        attempts.append(len(receiver.got))
        desk.clock.advance(timedelta(seconds=1))

    assert len(receiver.got) == 3
    assert len({headers["webhook-id"] for _, headers in receiver.got}) == 1
    first, second = attempts.index(2), attempts.index(3) - attempts.index(2)
    assert second > first > 5
    await desk.store.close()


async def test_another_process_and_a_restart_dont_tell_again_what_was_acknowledged() -> None:
    desk, receiver = Desk(), Receiver()
    await desk.ask()
    await desk.notifier(receiver).round()
    await desk.notifier(receiver).round()
    assert receiver.types == ["question.asked"]
    await desk.store.close()


async def test_a_process_that_dies_while_telling_leaves_it_to_be_told_again() -> None:
    class Dies(Exception):
        pass

    async def dying(url: str, body: bytes, headers: Mapping[str, str]) -> int:
        raise Dies

    desk, receiver = Desk(), Receiver()
    await desk.ask()
    notifier = Notifier(desk.store, URL, SECRET, clock=desk.clock, post=dying)
    with pytest.raises(Dies):
        await notifier.round()

    await desk.notifier(receiver).round()
    assert receiver.got == []  # the other may still be at it
    desk.clock.advance(timedelta(seconds=16))
    await desk.notifier(receiver).round()
    assert receiver.types == ["question.asked"]
    await desk.store.close()


async def test_nothing_is_told_about_a_question_that_was_answered() -> None:
    desk, receiver = Desk(), Receiver()
    await desk.ask()
    await desk.answer()
    assert await desk.notifier(receiver).round() == 0
    assert receiver.got == []
    await desk.store.close()


@pytest.mark.parametrize("secret", ["", "whsec_short", "whsec_" + "A" * 31, "not base64 at all!"])
def test_a_secret_that_signs_nothing_is_refused(secret: str) -> None:
    store = open_store("sqlite://:memory:")
    with pytest.raises(ConfigurationError, match="secret"):
        Notifier(store, URL, secret)


async def test_an_app_with_a_url_but_no_secret_is_refused_when_it_opens() -> None:
    app = Stanchion("sqlite://:memory:", settings=Settings(notify_url=URL))
    with pytest.raises(ConfigurationError, match="secret"):
        await app.open()
    await app.close()
