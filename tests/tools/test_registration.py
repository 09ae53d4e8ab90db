"""What registration makes of a function, and what it refuses."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from enum import Enum
from threading import Lock
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field, SecretStr

from stanchion.errors import BareToolCallError, ContractError, EncodingError
from stanchion.models import ToolSpec
from stanchion.tools import (
    CallContext,
    CantTell,
    DidNotHappen,
    Happened,
    RetryPolicy,
    bare_contract,
    by_name,
    tool,
)
from tests.tools.bank import ALL_TOOLS, Account, find_account, hold, refund, send_letter


def no_docstring(x: int) -> int:
    return x


def untyped(x) -> int:  # pyright: ignore[reportUnknownParameterType, reportMissingParameterType]
    """Do it."""
    return 0


def star_args(*x: int) -> int:
    """Do it."""
    return len(x)


def star_kwargs(**x: int) -> int:
    """Do it."""
    return len(x)


def positional_only(x: int, /) -> int:
    """Do it."""
    return x


def takes_a_lock(x: Lock) -> int:
    """Do it."""
    return id(x)


def takes_a_function(x: Callable[[], int]) -> int:
    """Do it."""
    return x()


def takes_anything(x: Any) -> int:
    """Do it."""
    return len(x)


def takes_a_secret(x: SecretStr | None) -> int:
    """Do it."""
    return len(str(x))


def bad_default(x: int = None) -> int:  # noqa: RUF013  # pyright: ignore[reportArgumentType]
    """Do it."""
    return x


def no_return_type(x: int):
    """Do it."""


def returns_a_lock(x: int) -> Lock:
    """Do it."""
    raise NotImplementedError(x)


def unknown_type(x: Missing) -> int:  # noqa: F821  # pyright: ignore[reportUndefinedVariable, reportUnknownParameterType]
    """Do it."""
    return 0


def late_context(x: int, call: CallContext) -> int:
    """Do it."""
    return x + call.attempt


async def stream(x: int) -> AsyncIterator[int]:
    """Do it."""
    yield x


REFUSED: list[tuple[Callable[..., Any], str, str]] = [
    (no_docstring, "no description", "docstring"),
    (untyped, "x has no type", "x: str"),
    (star_args, r"takes \*x", "every parameter"),
    (star_kwargs, r"takes \*x", "every parameter"),
    (positional_only, "positional-only", "remove the `/`"),
    (takes_a_lock, "type of x has no JSON schema", "CallContext.deps"),
    (takes_a_function, "type of x has no JSON schema", "CallContext.deps"),
    (takes_anything, "x may be anything", "narrowest type"),
    (takes_a_secret, "x is a secret", "CallContext.deps"),
    (bad_default, "default of x doesn't fit", "allow it in the type"),
    (no_return_type, "return type is missing", "-> None"),
    (returns_a_lock, "return type has no JSON schema", "dataclass"),
    (unknown_type, "can't be resolved", "module level"),
    (late_context, "not first", "first parameter"),
    (stream, "generator", "whole result"),
    (lambda: 0, "can't be used by a model", "name="),
    (find_account, "isn't a plain function", "def"),
]


@pytest.mark.promise("TOOL-1")
@pytest.mark.parametrize(("fn", "problem", "remedy"), REFUSED)
def test_a_function_that_no_model_could_use_is_refused_with_a_way_to_mend_it(
    fn: Callable[..., Any], problem: str, remedy: str
) -> None:
    with pytest.raises(ContractError, match=problem) as refusal:
        tool(read=True)(fn)
    assert remedy in refusal.value.remedy


def fine(x: int, to: str = "me") -> int:
    """Do it."""
    return x + len(to)


async def says_bool(x: int) -> bool:
    return bool(x)


async def wants_more(x: int, y: int) -> Happened[int] | DidNotHappen | CantTell:
    return Happened(x + y)


def is_sync(x: int) -> Happened[int] | DidNotHappen:
    return Happened(x)


async def fits(call: CallContext, x: int) -> Happened[int] | CantTell:
    return Happened(x + call.attempt)


async def fits_without_arguments() -> DidNotHappen:
    return DidNotHappen()


async def undoes(result: int, x: int) -> None:
    del result, x


async def undoes_too_much(result: int, z: int) -> None:
    del result, z


UNUSABLE: list[tuple[dict[str, Any], str]] = [
    ({}, "either a read or a write"),
    ({"read": True, "write": True}, "either a read or a write"),
    ({"read": True, "accepts_key": True}, "accepts_key is a capability of writes"),
    ({"read": True, "reconcile": fits}, "reconcile is a capability of writes"),
    ({"read": True, "compensate": undoes}, "compensate is a capability of writes"),
    ({"write": True, "accepts_key": timedelta(0)}, "positive duration"),
    ({"read": True, "timeout": timedelta(0)}, "timeout isn't positive"),
    ({"read": True, "targets": ["who"]}, "'who' isn't one of its parameters"),
    ({"read": True, "name": "two words"}, "can't be used by a model"),
    ({"read": True, "name": "x" * 65}, "can't be used by a model"),
    ({"read": True, "examples": [{"x": "many"}]}, "doesn't fit its parameters"),
    ({"read": True, "examples": [{}]}, "doesn't fit its parameters"),
    ({"write": True, "reconcile": says_bool}, "must return Happened"),
    ({"write": True, "reconcile": wants_more}, "needs 'y'"),
    ({"write": True, "reconcile": is_sync}, "isn't async"),
    ({"write": True, "reconcile": hold}, "isn't a plain function"),
    ({"write": True, "compensate": undoes_too_much}, "needs 'z'"),
    ({"read": True, "retries": -1}, "can't be followed"),
]


@pytest.mark.promise("TOOL-1")
@pytest.mark.parametrize(("declared", "problem"), UNUSABLE)
def test_a_declaration_that_recovery_could_not_act_on_is_refused(
    declared: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ContractError, match=problem) as refusal:
        tool(**declared)(fine)
    assert refusal.value.remedy


@pytest.mark.parametrize("reconcile", [fits, fits_without_arguments])
def test_a_reconciler_may_take_any_part_of_the_arguments(reconcile: Callable[..., Any]) -> None:
    assert tool(write=True, reconcile=reconcile)(fine).contract.reconcile is reconcile


def test_the_model_sees_neither_the_context_nor_any_capability() -> None:
    spec = refund.contract.spec()
    assert isinstance(spec, ToolSpec)
    assert (spec.name, spec.description) == ("refund", "Pay money back to a customer.")
    assert list(spec.parameters["properties"]) == ["account_number", "amount", "reason"]
    assert spec.parameters["required"] == ["account_number", "amount"]
    assert spec.parameters["additionalProperties"] is False


class Size(Enum):
    SMALL = "small"


class Box(BaseModel):
    """A box."""

    title: str = Field(title="Its title")
    size: Size


def pack(box: Box, title: Annotated[str, Field(description="On the label.", max_length=9)]) -> Box:
    """Pack it."""
    return box.model_copy(update={"title": title})


def test_titles_that_only_repeat_names_are_dropped_and_properties_named_title_stay() -> None:
    schema = tool(read=True)(pack).contract.parameters
    assert schema["properties"]["title"] == {
        "type": "string",
        "maxLength": 9,
        "description": "On the label.",
    }
    assert "title" in schema["$defs"]["Box"]["properties"]
    assert "title" not in schema["$defs"]["Box"]["properties"]["title"]


def odd_names(schema: str, json: int, copy: bool, model_config: str, validate: str) -> str:
    """Take parameters named as a model's own attributes."""
    return f"{schema}{json}{copy}{model_config}{validate}"


def test_any_parameter_name_goes() -> None:
    contract = tool(read=True)(odd_names).contract
    given = {"schema": "a", "json": 1, "copy": True, "model_config": "b", "validate": "c"}
    assert contract.validate(given) == given


def test_examples_are_checked_and_shown_to_the_model() -> None:
    contract = tool(read=True, examples=[{"x": 1}])(fine).contract
    assert contract.spec().parameters["examples"] == [{"x": 1}]


def test_accepts_key_may_say_for_how_long() -> None:
    assert refund.contract.accepts_key
    assert refund.contract.key_validity == timedelta(hours=24)
    assert tool(write=True, accepts_key=True)(fine).contract.key_validity is None


def test_retries_count_the_calls_after_the_first() -> None:
    assert tool(read=True, retries=4)(fine).contract.retry.attempts == 5


def test_pauses_between_attempts_grow_up_to_a_limit() -> None:
    policy = RetryPolicy(first_delay=timedelta(seconds=1), max_delay=timedelta(seconds=5))
    seconds = [policy.delay(attempt).total_seconds() for attempt in (1, 2, 3, 4, 10**9)]
    assert seconds == [1, 2, 4, 5, 5]


def test_a_write_that_nothing_undoes_is_irreversible() -> None:
    assert {t.name for t in ALL_TOOLS if t.contract.irreversible} == {
        "refund",
        "transfer",
        "charge",
        "send_letter",
    }


def test_a_sync_write_without_capabilities_is_told_what_its_timeout_means() -> None:
    notes = tool(write=True)(fine).contract.notes
    assert any("can't be cancelled" in note for note in notes)
    assert not any("can't be cancelled" in note for note in send_letter.contract.notes)


def test_the_digest_is_the_same_for_the_same_definition_and_another_for_any_other() -> None:
    declared: list[dict[str, Any]] = [
        {"read": True},
        {"write": True},
        {"write": True, "accepts_key": True},
        {"write": True, "accepts_key": timedelta(hours=1)},
        {"write": True, "reconcile": fits},
        {"write": True, "compensate": undoes},
        {"write": True, "needs_review": True},
        {"read": True, "trusted": True},
        {"read": True, "targets": ["x"]},
        {"read": True, "targets": {"x": Account.number}},
        {"read": True, "version": "2"},
        {"read": True, "name": "other"},
        {"read": True, "description": "Other."},
        {"read": True, "timeout": timedelta(seconds=1)},
        {"read": True, "retries": 0},
    ]
    digests = [tool(**each)(fine).contract.digest for each in declared]
    assert len(set(digests)) == len(declared)
    assert digests == [tool(**each)(fine).contract.digest for each in declared]


@pytest.mark.promise("TOOL-3")
def test_calling_a_tool_directly_raises_and_says_how_to_call_it() -> None:
    with pytest.raises(BareToolCallError, match="around its gateway") as refusal:
        find_account("1234567890")
    for way in ("run.call(find_account", "stanchion.tools.call(find_account", "find_account.fn"):
        assert way in refusal.value.remedy


async def test_the_bare_body_is_there_for_its_own_tests() -> None:
    assert await find_account.fn("1234567890") == Account("1234567890", "Ada")


@pytest.mark.promise("TOOL-1")
def test_two_tools_of_one_name_are_refused() -> None:
    assert by_name(ALL_TOOLS)["refund"] is refund
    with pytest.raises(ContractError, match="two tools are named fine"):
        by_name([tool(read=True)(fine), tool(write=True)(fine)])


def test_a_function_without_a_contract_is_a_write_without_capabilities() -> None:
    bare = bare_contract("<lambda>", Any, timedelta(minutes=5))
    assert (bare.name, bare.effect, bare.irreversible) == ("<lambda>", "write", True)
    assert (bare.accepts_key, bare.reconcile, bare.trusted) == (False, None, False)
    assert bare.retry.attempts == 1
    assert bare.encode_arguments({"arguments": [1, {"a": None}]}) == b'{"arguments":[1,{"a":null}]}'
    assert bare.encode_result({"any": ["thing"]}).data == b'{"any":["thing"]}'
    with pytest.raises(EncodingError):
        bare_contract("f", Lock, timedelta(minutes=5))
