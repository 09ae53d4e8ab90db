"""Decisions, extractions and agents: what reaches the workflow, and what goes to a person."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Any

import pytest
from pydantic import BaseModel

from stanchion import ModelFailed, Run, allow, workflow
from stanchion.errors import ModelUnavailable
from stanchion.ledger import open_store, read_prompt
from stanchion.models import (
    ModelRequest,
    ModelResponse,
    ScriptedModel,
    TokenChoice,
    forbid_real_calls,
)
from stanchion.testing import FakeClock, simulate
from stanchion.testing._simulate import Simulation
from stanchion.values import (
    FinishReason,
    Message,
    TextPart,
    ToolCallPart,
    ToolResponsePart,
    Usage,
)
from tests.workflows.desk import Bank, balance, pay_with_key


class Intent(StrEnum):
    REFUND = "refund"
    OTHER = "other"


class Order(BaseModel):
    item: str
    price: Decimal


@workflow
async def classify(run: Run, text: str) -> str:
    decision = await run.decide(Intent, "What do they want?", evidence=text, threshold=0.8)
    return f"{decision.value} by {decision.decided_by} at {decision.confidence:.2f}"


@workflow
async def read_order(run: Run, text: str) -> Order | None:
    return await run.extract(Order, source=text)


@workflow(tools=[balance, pay_with_key], untrusted_may=[allow(pay_with_key, max_amount=10)])
async def agent(run: Run[Bank], text: str) -> str:
    result = await run.agent(goal="Help.", tools=[balance, pay_with_key], input=text, max_turns=4)
    return f"{result.stop_reason}: {result.output} ({result.tool_calls} calls)"


async def test_a_sure_decision_is_the_models() -> None:
    models = {"fast": ScriptedModel([{"refund": 0.9, "other": 0.1}])}

    result = await simulate(classify, "give it back", models=models)

    assert result.output == "refund by model at 0.90"


@pytest.mark.promise("DECIDE-1")
async def test_a_decision_below_its_threshold_is_a_persons() -> None:
    models = {"fast": ScriptedModel([{"refund": 0.7, "other": 0.3}])}

    result = await simulate(classify, "hm", models=models, answers=["other"])

    assert result.output == "other by person at 1.00"
    assert "0.70 is below 0.80" in result.questions[0].reason


@pytest.mark.promise("DECIDE-1")
async def test_without_an_answer_an_unsure_decision_is_nobodys() -> None:
    models = {"fast": ScriptedModel([{"refund": 0.7, "other": 0.3}])}

    assert (await simulate(classify, "hm", models=models)).state == "waiting"


async def test_without_probabilities_repeated_samples_give_the_confidence() -> None:
    def answer(request: ModelRequest) -> ModelResponse:
        text = "other" if request.seed == 3 else "refund"
        return ModelResponse(Message("assistant", (TextPart(text),)))

    result = await simulate(classify, "hm", models={"fast": ScriptedModel(answer)})

    assert result.output == "refund by model at 0.80"


async def test_a_pydantic_model_is_decided_with_its_tokens_joint_probability() -> None:
    class Verdict(BaseModel):
        guilty: bool

    @workflow
    async def judge(run: Run, text: str) -> float:
        decision = await run.decide(Verdict, "Guilty?", evidence=text, threshold=0.5)
        return round(decision.confidence, 3)

    tokens = (TokenChoice('{"guilty":', -0.0), TokenChoice("true}", -0.105))
    response = ModelResponse(Message("assistant", (TextPart('{"guilty":true}'),)), tokens=tokens)

    result = await simulate(judge, "x", models={"fast": ScriptedModel([response])})

    assert result.output == 0.9


async def test_an_extraction_is_typed_and_null_is_none() -> None:
    found = {"quarantine": ScriptedModel([{"item": "lamp", "price": "3.50"}])}
    missing = {"quarantine": ScriptedModel([None])}

    assert (await simulate(read_order, "a lamp", models=found)).output == Order(
        item="lamp", price=Decimal("3.50")
    )
    assert (await simulate(read_order, "hello", models=missing)).output is None


@pytest.mark.promise("MODEL-1")
async def test_an_answer_that_doesnt_fit_never_reaches_the_workflow() -> None:
    result = await simulate(
        read_order, "a lamp", models={"quarantine": ScriptedModel([{"item": 7}])}
    )

    assert result.state == "failed"
    assert "isn't a Order" in result.reason


async def test_a_failing_model_is_an_error_that_the_workflow_can_handle() -> None:
    @workflow
    async def careful(run: Run, text: str) -> str:
        try:
            await run.extract(Order, source=text)
        except ModelFailed as error:
            return error.facts["type"]
        return "fine"

    models = {"quarantine": ScriptedModel([ModelUnavailable("down")])}

    assert (await simulate(careful, "x", models=models)).output == "model_unavailable"


async def test_a_role_without_a_model_says_how_to_give_it_one() -> None:
    result = await simulate(classify, "x")

    assert result.state == "failed"
    assert "no model is configured for the role 'fast'" in result.reason


@pytest.mark.promise("MODEL-2")
async def test_real_models_are_forbidden_before_anything_is_sent() -> None:
    sent: list[ModelRequest] = []

    class Real:
        name = "real"
        real = True

        async def complete(self, request: ModelRequest) -> ModelResponse:
            sent.append(request)
            raise AssertionError

    with forbid_real_calls():
        result = await simulate(classify, "x", models={"fast": Real()})

    assert "while real calls are forbidden" in result.reason
    assert sent == []


def pay(amount: int, call_id: str = "c1") -> ToolCallPart:
    return ToolCallPart(call_id, "pay_with_key", {"account": "111", "amount": amount})


async def test_an_agent_calls_tools_through_the_gateway_until_it_answers() -> None:
    bank = Bank()
    models = {"strong": ScriptedModel([pay(5), "All done."])}

    result = await simulate(agent, "pay 5 to 111", models=models, deps=bank)

    assert result.output == "completed: All done. (1 calls)"
    assert [amount for _, _, amount in bank.sent] == [5]


async def test_an_agents_call_beyond_its_bounds_needs_a_person_and_a_denial_reaches_it() -> None:
    bank = Bank()
    model = ScriptedModel([pay(500), "Sorry."])

    result = await simulate(
        agent, "pay 500 to 111", models={"strong": model}, deps=bank, answers=["deny"]
    )

    assert result.output == "completed: Sorry. (1 calls)"
    assert bank.sent == []
    told = [p for m in model.requests[-1].messages for p in m.parts]
    assert [p.response["code"] for p in told if isinstance(p, ToolResponsePart)] == ["denied"]  # type: ignore[index,call-overload]


async def test_an_identical_write_proposed_again_is_answered_from_the_record() -> None:
    bank = Bank()
    models = {"strong": ScriptedModel([pay(5, "c1"), pay(5, "c2"), "ok"])}

    result = await simulate(agent, "pay 5 to 111", models=models, deps=bank)

    assert result.output == "completed: ok (2 calls)"
    assert len(bank.sent) == 1


async def test_every_call_of_an_agent_gets_a_paired_response() -> None:
    calls = (
        ToolCallPart("a", "no_such_tool", {}),
        ToolCallPart("b", "balance", "not an object"),
        ToolCallPart("c", "balance", {"account": "nobody"}),
        ToolCallPart("d", "balance", {"wrong": 1}),
    )
    model = ScriptedModel([calls, "ok"])

    await simulate(agent, "x", models={"strong": model}, deps=Bank(), answers=["decline"])

    answered = [
        p.id for m in model.requests[1].messages for p in m.parts if isinstance(p, ToolResponsePart)
    ]
    assert answered == ["a", "b", "c", "d"]


async def test_an_agent_that_doesnt_end_is_stopped_with_its_reason() -> None:
    model = ScriptedModel(lambda _: ToolCallPart("c", "balance", {"account": "111"}))

    result = await simulate(agent, "x", models={"strong": model}, deps=Bank())

    assert result.output == "max_turns: None (4 calls)"


@pytest.mark.promise("LEDGER-7")
async def test_every_prompt_can_be_read_back_in_full_and_its_messages_are_stored_once() -> None:
    turns = [ToolCallPart(f"c{i}", "balance", {"account": "111"}) for i in range(3)]
    model = ScriptedModel([*turns, "done"])
    clock = FakeClock(automatic=True)
    store = open_store("sqlite://:memory:", clock=clock.now)
    simulation = Simulation(store, clock, {"strong": model}, Bank())
    run = await simulation.create(agent, "y" * 3000, None)
    await simulation.drive(agent, run)

    entries = [e for e in await store.entries(run) if e.kind == "model"]
    prompts = [await read_prompt(store, "", e) for e in entries]
    await store.close()

    rebuilt = [tuple(m for section in p.values() for m in section) for p in prompts]
    assert rebuilt == [request.messages for request in model.requests]
    named = [digest for e in entries for digest in (*e.facts["prompt"]["new"], e.facts["message"])]
    assert len(named) == len(set(named)) == len({repr(m) for m in rebuilt[-1]}) + 1


async def test_usage_and_cost_are_settled_with_the_call() -> None:
    response = ModelResponse(
        Message("assistant", (TextPart("null"),)),
        usage=Usage(input_tokens=10, output_tokens=4),
        finish_reason=FinishReason.STOP,
        provider="scripted",
    )
    models: dict[str, Any] = {"quarantine": ScriptedModel([response])}

    account = (await simulate(read_order, "x", models=models)).record.account

    assert (account.model_calls, account.input_tokens, account.output_tokens) == (1, 10, 4)
    assert account.unpriced_calls == 0
