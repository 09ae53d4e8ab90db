"""Which values a run has seen, and what they are: the value index of the lane that asks.

Made from the record alone (the run's input, its initiator's claims, what people answered, what
tools returned), so that a call is judged on replay as it was judged live. It is made when a model
first wants to act, and then follows the lane.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from stanchion.errors import StoreCorrupt
from stanchion.review import ANSWER
from stanchion.tools import Contract
from stanchion.trust import GROUNDED, Leaf, ValueIndex, divide, leaves_of
from stanchion.values import Integrity, Json
from stanchion.workflows._incarnation import Incarnation
from stanchion.workflows._steps import initiator_of
from stanchion.workflows._trail import Seen
from stanchion.workflows._workflow import Workflow

__all__ = ["argument_question", "known_values"]

_ARGUMENT = "argument:"


def argument_question(role: str) -> str:
    """Return the name of the step that asks a person for an argument; the answer is bound to it."""
    return f"{_ARGUMENT}{role}"


@dataclass(slots=True)
class _View:
    """A trail as an index, up to a step."""

    index: ValueIndex = field(default_factory=ValueIndex)
    absorbed: int = 0


async def known_values(incarnation: Incarnation, workflow: Workflow[Any, Any, Any]) -> ValueIndex:
    """Return the index of everything that the current lane has seen up to now."""
    trail = incarnation.conductor.lane().trail
    view = trail.view
    if view is None:
        view = _View()
        _say_input(view.index, incarnation, workflow)
        await _absorb(view.index, incarnation, workflow, list(trail.inherited()))
        trail.view = view
    new = trail.own[view.absorbed :]
    await _absorb(view.index, incarnation, workflow, new)
    view.absorbed += len(new)
    return view.index


def _say_input(
    index: ValueIndex, incarnation: Incarnation, workflow: Workflow[Any, Any, Any]
) -> None:
    """Take in the initiator's own words: the input, unless other code wrote it, and the claims."""
    document = json.loads(incarnation.replayed.payload(incarnation.record.input))
    own, others = divide(document, workflow.input_codec.schema())
    if incarnation.record.parent and not workflow.vouched:
        own, others = [], [*own, *others]
    index.say(own)
    index.distrust(others)
    who = initiator_of(incarnation)
    index.own([who.id, *who.claims.values()])


async def _absorb(
    index: ValueIndex,
    incarnation: Incarnation,
    workflow: Workflow[Any, Any, Any],
    seen: list[Seen],
) -> None:
    if not seen:
        return
    contracts = {tool.name: tool.contract for tool in workflow.tools}
    recorded = await _payloads(incarnation, seen)
    for step in seen:
        result = recorded[step.result]
        match step.kind:
            case "ask":
                _hear(index, step.name, result)
            case "call" if step.name in contracts:
                arguments = recorded[step.request]["arguments"]
                _take_result(index, contracts[step.name], step, arguments, result)
            case "memory":
                _remember(index, step, result)
            case "agent":
                index.distrust(leaves_of(result["output"]))
            case "decide":
                index.distrust(leaves_of(result["value"]))
            case _:
                index.distrust(leaves_of(result))


async def _payloads(incarnation: Incarnation, seen: list[Seen]) -> Mapping[bytes, Any]:
    """Return results, and the requests of calls, as JSON by digest."""
    calls = [step for step in seen if step.kind == "call"]
    known = {step.request: step.request_data for step in calls if step.request_data is not None}
    wanted = {step.result for step in seen} | ({step.request for step in calls} - known.keys())
    record = incarnation.record
    found = {**await incarnation.host.store.payloads(record.tenant, sorted(wanted)), **known}
    if missing := wanted - found.keys():
        raise StoreCorrupt(
            f"{len(missing)} payload(s) of run {record.id} are missing",
            remedy="run `stanchion ledger verify`; erased values can't be grounds",
        )
    return {digest: json.loads(data) for digest, data in found.items()}


def _hear(index: ValueIndex, name: str, answer: Mapping[str, Any]) -> None:
    """Take in what a person said; approvals and the like say yes or no, and nothing else."""
    said: Json = answer["value"] if answer["choice"] == ANSWER else answer["choice"]
    if name.startswith(_ARGUMENT) and answer["choice"] == ANSWER:
        index.answer(said, name.removeprefix(_ARGUMENT))
    elif name == "ask":
        index.say(leaves_of(said))


def _take_result(
    index: ValueIndex,
    contract: Contract,
    step: Seen,
    arguments: Mapping[str, Json],
    result: Json,
) -> None:
    """Take in a tool's result: a fact or not, and chosen by whoever chose the arguments.

    What only repeats an argument is no news. A trusted result whose look-up wasn't grounded is left
    out: it is true, but somebody unknown chose it.
    """
    index.has_private |= contract.private
    facts, others = divide(result, contract.returns)
    if not contract.trusted:
        facts, others = [], [*facts, *others]
    index.distrust(_without(others, arguments))
    if facts and _is_grounded(index, contract, step, arguments):
        index.find(facts, tool=contract.name, written=others)


def _remember(index: ValueIndex, step: Seen, result: Json) -> None:
    """Take in what was recalled: facts if somebody vouches for them and the code asked for them.

    What was only kept, or forgotten, is no news.
    """
    if step.name not in {"recall", "about"} or not isinstance(result, list):
        return
    for memory in cast("list[dict[str, Any]]", result):
        leaves = list(leaves_of([memory["text"], memory["value"]]))
        if memory["label"]["integrity"] == Integrity.TRUSTED and not memory["superseded_by"]:
            index.find(leaves, tool="memory")
        else:
            index.distrust(leaves)


def _without(leaves: list[Leaf], arguments: Mapping[str, Json]) -> Iterator[Leaf]:
    given = {json.dumps(leaf.value) for leaf in leaves_of(arguments)}
    return (leaf for leaf in leaves if json.dumps(leaf.value) not in given)


def _is_grounded(
    index: ValueIndex, contract: Contract, step: Seen, arguments: Mapping[str, Json]
) -> bool:
    """Tell whether nobody but the initiator, or the code, chose what a call returned.

    Every argument of a read chooses. A write returns what it made; only its targets choose that.
    """
    choosing = contract.targets if contract.effect == "write" else arguments
    given = {
        name: arguments[name]
        for name in choosing
        if name in arguments and not contract.is_default(name, arguments[name])
    }
    if not step.by_model:
        return not any(index.is_untrusted(value) for value in given.values())
    return all(
        _is_plain(value) and index.ground(value, contract.role_of(name), contract.asked) in GROUNDED
        for name, value in given.items()
    )


def _is_plain(value: Json) -> bool:
    """Tell whether a value is made of what words can name: a True names nothing."""
    if isinstance(value, Mapping):
        return all(map(_is_plain, value.values()))
    if isinstance(value, list):
        return all(map(_is_plain, value))
    return not isinstance(value, bool)
