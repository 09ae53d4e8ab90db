"""Who approves a call: roles, two people, separation from the requester, stand-ins, escalation."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from stanchion import Denied, Reviewer, Run, Stanchion, approvers, workflow
from stanchion.engine import load_settings
from stanchion.errors import ConfigurationError, ContractError
from stanchion.ledger import Message, NewRun, open_store, payload
from stanchion.review import Reviewers, ReviewInbox, ReviewRefused, answer_to_body, reply
from stanchion.testing import FakeClock, simulate
from stanchion.values import Question
from stanchion.workflows import Host, Workflow, Workflows
from tests.moving import move
from tests.tools.bank import NOW
from tests.workflows.desk import Bank, pay_blindly

ANA = Reviewer("ana", frozenset({"finance"}))
BO = Reviewer("bo", frozenset({"finance", "manager"}))
CLEO = Reviewer("cleo", frozenset({"support"}))
PEOPLE = [ANA, BO, CLEO]


async def pay(run: Run[Bank], account: str) -> str:
    try:
        return await run.call(pay_blindly, account, 10)
    except Denied:
        return "denied"


by_finance = workflow(tools=[pay_blindly], approvers=[approvers(pay_blindly, roles={"finance"})])(
    pay
)
by_two = workflow(
    name="by_two",
    tools=[pay_blindly],
    approvers=[approvers(pay_blindly, roles={"finance"}, people=2)],
)(pay)
by_another = workflow(
    name="by_another",
    tools=[pay_blindly],
    approvers=[approvers(pay_blindly, roles={"finance"}, requester_may=False)],
)(pay)
escalating = workflow(
    name="escalating",
    tools=[pay_blindly],
    approvers=[
        approvers(
            pay_blindly, roles={"finance"}, escalates={timedelta(hours=4): {"support", "finance"}}
        )
    ],
)(pay)


class Desk:
    """One run that waits for its approval, and people who try to give it."""

    def __init__(
        self, definition: Workflow[Any, Any, Any], reviewers: list[Reviewer], requester: str = ""
    ) -> None:
        self.clock, self.bank = FakeClock(), Bank()
        self.store = open_store("sqlite://:memory:", clock=self.clock.now)
        self.known = Reviewers.of(reviewers)
        self.definition, self.requester = definition, requester
        self.host = Host(
            self.store,
            Workflows([definition]),
            "worker",
            deps=self.bank,
            clock=self.clock,
            reviewers=self.known,
        )
        self.inbox = ReviewInbox(self.store, clock=self.clock.now, reviewers=self.known)

    async def open(self) -> Question:
        name = self.definition.name
        who = payload({"id": self.requester, "kind": "initiator", "claims": {}})
        await self.store.create(NewRun("run", name, "1", payload("111"), initiator=who))
        return await self.next()

    async def next(self) -> Question:
        await move(self.host, "run")
        (question,) = await self.inbox.pending()
        return question

    async def approve(self, question: Question, by: str) -> None:
        await self.inbox.answer(reply(question, "approve", by=by, at=self.clock.now()))

    async def state(self) -> str:
        record = await move(self.host, "run")
        await self.store.close()
        return record.state.value if record else ""


@pytest.mark.promise("REVIEW-2")
async def test_somebody_without_the_role_is_refused_and_told_who_may() -> None:
    desk = Desk(by_finance, PEOPLE)
    question = await desk.open()

    with pytest.raises(ReviewRefused, match="needs the role finance") as refused:
        await desk.approve(question, "cleo")

    assert "ana, bo" in refused.value.remedy
    await desk.approve(question, "ana")
    assert (await desk.state(), len(desk.bank.sent)) == ("completed", 1)


@pytest.mark.promise("REVIEW-2")
async def test_a_role_that_nobody_is_known_to_have_cant_be_had_by_anybody() -> None:
    desk = Desk(by_finance, [])
    question = await desk.open()

    with pytest.raises(ReviewRefused, match="needs the role finance") as refused:
        await desk.approve(question, "ana")

    assert "nobody" in refused.value.remedy
    await desk.store.close()


@pytest.mark.promise("REVIEW-2")
async def test_an_answer_put_past_the_inbox_is_checked_by_the_run_and_uses_nothing_up() -> None:
    desk = Desk(by_finance, PEOPLE)
    question = await desk.open()
    forged = reply(question, "approve", by="cleo", at=desk.clock.now())
    body = payload(answer_to_body(forged))
    await desk.store.send(Message("run", question.id, f"answer:{question.id}:cleo", body, "answer"))

    assert (await desk.next()).id == question.id
    assert desk.bank.sent == []
    await desk.approve(question, "bo")
    assert (await desk.state(), len(desk.bank.sent)) == ("completed", 1)


@pytest.mark.promise("REVIEW-2")
async def test_four_eyes_are_two_people_on_the_same_arguments() -> None:
    desk = Desk(by_two, PEOPLE)
    first = await desk.open()
    await desk.approve(first, "ana")
    second = await desk.next()

    assert desk.bank.sent == []
    assert second.subject["approved_by"] == ["ana"]
    assert second.subject["arguments"] == first.subject["arguments"]
    with pytest.raises(ReviewRefused, match="has approved it"):
        await desk.approve(second, "ana")
    await desk.approve(second, "bo")
    assert (await desk.state(), len(desk.bank.sent)) == ("completed", 1)


@pytest.mark.promise("REVIEW-2")
async def test_what_one_edited_another_approves_as_edited() -> None:
    asked: list[tuple[object, object]] = []

    def answers(question: Question) -> tuple[str, object, str]:
        seen = question.subject.get("approved_by", [])
        asked.append((question.subject["arguments"]["amount"], seen))
        said: list[tuple[str, object, str]] = [
            ("approve", None, "ana"),
            ("edit", {"account": "111", "amount": 5}, "bo"),
            ("approve", None, "ana"),
        ]
        return said[len(asked) - 1]

    bank = Bank()
    result = await simulate(by_two, "111", deps=bank, answers=answers, reviewers=PEOPLE)

    assert result.state == "completed"
    assert asked == [(10, []), (10, ["ana"]), (5, ["bo"])]
    assert len(bank.sent) == 1


async def test_one_of_two_who_denies_is_enough() -> None:
    said = [("approve", None, "ana"), ("deny", None, "bo")]
    bank = Bank()
    result = await simulate(by_two, "111", deps=bank, answers=said, reviewers=PEOPLE)
    assert (result.output, bank.sent) == ("denied", [])


@pytest.mark.promise("REVIEW-2")
async def test_a_requester_doesnt_approve_their_own_request() -> None:
    desk = Desk(by_another, PEOPLE, requester="ana")
    question = await desk.open()

    with pytest.raises(ReviewRefused, match="requested"):
        await desk.approve(question, "ana")

    await desk.approve(question, "bo")
    assert await desk.state() == "completed"


async def test_a_question_that_escalated_may_be_answered_by_others_as_well() -> None:
    desk = Desk(escalating, PEOPLE)
    question = await desk.open()
    with pytest.raises(ReviewRefused, match="needs the role finance"):
        await desk.approve(question, "cleo")

    desk.clock.advance(timedelta(hours=4))

    await desk.approve(question, "cleo")
    assert await desk.state() == "completed"


async def test_a_stand_in_has_the_roles_while_the_other_is_away_and_not_after() -> None:
    clock = FakeClock()
    away = Reviewer(
        "ana", frozenset({"finance"}), "cleo", clock.now(), clock.now() + timedelta(days=3)
    )
    desk = Desk(by_finance, [away, CLEO])
    question = await desk.open()
    assert desk.known.able(question, clock.now()) == ("ana", "cleo")
    assert desk.known.able(question, clock.now() + timedelta(days=3)) == ("ana",)

    await desk.approve(question, "cleo")

    assert await desk.state() == "completed"


async def test_a_question_of_the_workflow_may_need_a_role_too() -> None:
    @workflow
    async def ask(run: Run, _: str) -> str:
        return await run.ask("Which account?", roles={"support"})

    async with Stanchion("sqlite://:memory:", reviewers=PEOPLE) as app:
        handle = await app.start(ask, "")
        await handle.settled()
        (question,) = await app.reviews.pending()
        with pytest.raises(ReviewRefused, match="needs the role support"):
            await app.answer(question.id, "answer", "7", by="ana")
        await app.answer(question.id, "answer", "7", by="cleo")
        assert await handle.result() == "7"


def test_reviewers_are_read_from_the_settings_file(tmp_path: Path) -> None:
    file = tmp_path / "stanchion.toml"
    file.write_text(
        "[reviewers]\n"
        'bo = ["finance", "manager"]\n'
        'ana = { roles = ["finance"], stand_in = "cleo", '
        "away_until = 2999-01-01T00:00:00Z }\n"
    )
    settings, origins = load_settings(file=file, environment={})
    assert origins["reviewers"] == "file"
    assert settings.reviewers.roles_of("cleo", NOW) == {"finance"}
    assert settings.reviewers.roles_of("bo", NOW) == {"finance", "manager"}


@pytest.mark.parametrize(
    "line",
    ['ana = "finance"', "ana = { role = [] }", "ana = { away_until = 2999-01-01 }", "ana = 3"],
)
def test_reviewers_that_cant_be_read_are_refused_with_the_form(tmp_path: Path, line: str) -> None:
    file = tmp_path / "stanchion.toml"
    file.write_text(f"[reviewers]\n{line}\n")
    with pytest.raises(ConfigurationError) as refused:
        load_settings(file=file, environment={})
    assert "stand_in" in refused.value.remedy


def test_rules_that_say_nothing_are_refused_when_they_are_made() -> None:
    with pytest.raises(ContractError, match="people=0"):
        approvers(pay_blindly, people=0)
    with pytest.raises(ContractError, match="roles='finance'"):
        approvers(pay_blindly, roles="finance")
    with pytest.raises(ContractError, match="nothing can escalate"):
        approvers(pay_blindly, escalates={timedelta(hours=1): {"manager"}})
    with pytest.raises(ContractError, match="isn't after"):
        approvers(pay_blindly, reminds=[timedelta()])
    with pytest.raises(ContractError, match="two approvers"):
        workflow(approvers=[approvers(pay_blindly), approvers(pay_blindly, people=2)])(pay)
    with pytest.raises(ConfigurationError, match="given twice"):
        Reviewers.of([ANA, ANA])
