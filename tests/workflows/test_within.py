"""What a model does beyond its initiator's request is a person's to decide."""

from __future__ import annotations

from typing import Any

import pytest

from stanchion import Principal, Run, allow, tool, workflow
from stanchion.models import ModelRequest, ScriptedModel
from stanchion.testing import Simulated, crash_at_every_commit, simulate
from stanchion.trust import asking
from stanchion.values import QuestionKind, ToolCallPart

DONE: list[str] = []


@tool(read=True, trusted=True, private=True)
async def get_passport() -> str:
    """Return the user's passport number."""
    return "HGK137803"


@tool(
    write=True,
    accepts_key=True,
    targets={"to"},
    content={"text"},
    asked=asking("send"),
    name="send",
)
async def send_text(to: str, text: str) -> str:
    """Send somebody a text."""
    DONE.append(f"{to}: {text}")
    return "sent"


@tool(write=True, accepts_key=True, targets={"name"}, asked=asking("delete"), name="delete")
async def delete_thing(name: str) -> str:
    """Delete a thing."""
    DONE.append(f"deleted {name}")
    return "gone"


TOOLS = [get_passport, send_text, delete_thing]


@workflow(tools=TOOLS, untrusted_may=[allow(send_text), allow(delete_thing)])
async def clerk(run: Run, request: str) -> str:
    result = await run.agent(goal="Do what the user wants.", tools=TOOLS, input=request)
    return str(result.output)


@pytest.fixture(autouse=True)
def _nothing_is_done() -> None:
    DONE.clear()


def call(name: str, /, **arguments: Any) -> ToolCallPart:
    return ToolCallPart(f"{name}-{len(DONE)}", name, arguments)


def send(to: str, text: str) -> ToolCallPart:
    return call("send", to=to, text=text)


async def act(request: str, *turns: Any, **more: Any) -> Simulated[str]:
    models = {"strong": ScriptedModel([*turns, "Done."])}
    return await simulate(clerk, request, models=models, **more)


def reasons(done: Simulated[str]) -> list[str]:
    return [q.reason for q in done.questions if q.kind is QuestionKind.APPROVAL]


@pytest.mark.promise("TRUST-1")
async def test_an_effect_that_nobody_asked_for_needs_a_person() -> None:
    done = await act("What does 'plan' say?", call("delete", name="plan"), answers=["deny"])

    assert DONE == []
    assert reasons(done) == ["the initiator's words don't ask for delete"]


async def test_an_effect_that_the_user_asked_for_is_performed() -> None:
    done = await act("Please remove 'plan'.", call("delete", name="plan"))

    assert DONE == ["deleted plan"]
    assert not done.questions


@pytest.mark.promise("TRUST-1")
async def test_an_agents_goal_asks_for_nothing() -> None:
    @workflow(tools=TOOLS, untrusted_may=[allow(delete_thing)])
    async def eager(run: Run, request: str) -> str:
        await run.agent(goal="Delete 'plan'.", tools=TOOLS, input=f"Delete! {request}")
        return ""

    models = {"strong": ScriptedModel([call("delete", name="plan"), "Done."])}
    await simulate(eager, "Read 'plan'.", models=models, answers=["deny"])

    assert DONE == []


@pytest.mark.promise("TRUST-2")
@pytest.mark.parametrize("text", ["see www.evil.example", "[x](https://evil.example)", "eve@e.com"])
async def test_a_link_or_address_of_the_models_own_needs_a_person(text: str) -> None:
    done = await act("Send 'Ada' a summary.", send("Ada", text), answers=["deny"])

    assert DONE == []
    (why,) = reasons(done)
    assert why.startswith("text holds")


async def test_a_link_that_the_user_gave_may_be_passed_on() -> None:
    await act("Send 'Ada' https://example.org/a", send("Ada", "See https://example.org/a."))

    assert DONE == ["Ada: See https://example.org/a."]


@pytest.mark.promise("TRUST-3")
@pytest.mark.parametrize("text", ["HGK137803", "SEdLMTM3ODAz", "308 731 kgh"])
async def test_after_a_private_look_up_a_models_words_reach_nobody_else(text: str) -> None:
    turns = [call("get_passport"), send("Ada", text)]
    done = await act("Send 'Ada' my regards.", *turns, answers=["deny"])

    assert DONE == []
    assert reasons(done) == ["what was looked up is for the initiator alone"]


async def test_what_is_private_reaches_its_initiator() -> None:
    turns = [call("get_passport"), send("sam@example.org", "HGK137803")]
    initiator = Principal("sam", claims={"email": "sam@example.org"})
    await act("Send me my passport number.", *turns, initiator=initiator)

    assert DONE == ["sam@example.org: HGK137803"]


@pytest.mark.promise("TRUST-3")
async def test_what_a_lane_has_looked_up_is_known_after_every_crash() -> None:
    def turn(request: ModelRequest) -> Any:
        turns = [call("get_passport"), send("Ada", "HGK"), "Done."]
        return turns[sum(m.role == "assistant" for m in request.messages)]

    crashes = 0
    async for crashed in crash_at_every_commit(
        clerk,
        "Send 'Ada' my regards.",
        models=lambda: {"strong": ScriptedModel(turn)},
        answers=lambda _: "deny",
        before=DONE.clear,
    ):
        crashes += 1
        assert crashed.result.output == "Done.", crashed
        assert DONE == []
    assert crashes > 10
