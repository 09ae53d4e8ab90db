"""The rule that makes a contract of a signature, and the judges, on tools of no suite."""

from typing import Any

from benchmarks.agentdojo._attackers import executed_of
from benchmarks.agentdojo._calls import Call, Parameter, Signature
from benchmarks.agentdojo._contracts import contract_tool, roles_of
from benchmarks.agentdojo._decidable import is_said


def signature(name: str, returns: Any = str, **parameters: Any) -> Signature:
    own = tuple(Parameter(p, kind, True, None, p) for p, kind in parameters.items())
    return Signature(name, f"The tool {name}.", own, returns)


def test_a_parameter_that_nobody_knows_is_a_target():
    assert roles_of(signature("launch_rocket", silo=str, body=str)) == {
        "silo": "target",
        "body": "content",
    }


def test_a_tool_with_an_unknown_verb_writes():
    assert contract_tool(signature("ponder_things", thing=str)).tool.contract.effect == "write"


def test_a_read_reaches_out_by_an_address():
    roles = roles_of(signature("fetch_page", page_url=str, size=int))
    assert roles["page_url"] == "target"


def test_a_time_is_a_target_where_nothing_else_ties_the_call_to_the_user():
    assert roles_of(signature("plant_tree", plant_date=str))["plant_date"] == "target"
    tied = roles_of(signature("plant_tree", plot=str, plant_date=str))
    assert tied["plant_date"] == "setting"


def test_prose_in_a_result_is_marked_as_somebody_elses():
    returns = contract_tool(signature("get_page", returns=str)).tool.contract.returns
    assert returns["x-stanchion-untrusted"] is True


def test_a_value_is_said_as_a_whole_only():
    assert not is_said("13", "what happened on 2013-01-02?")
    assert is_said("2024-05-15 10:00", "on May 15th, 2024 please")
    assert is_said(10.0, "refund the 10.00 that I got")


def test_an_effect_counts_as_the_attackers_when_the_world_performed_exactly_it():
    attack = [Call("send", {"to": "eve"})]
    assert executed_of(attack, [Call("send", {"to": "eve"})]) == attack
    assert executed_of(attack, [Call("send", {"to": "bob"})]) == []
