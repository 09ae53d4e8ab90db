"""What a run's entries refer to, read from the ledger for people to look at.

Payloads that were erased are missing, and whoever draws says so.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stanchion.ledger import Entry, RunRecord, Store, read_message, read_prompt
from stanchion.values import Message, Principal, Step

__all__ = [
    "Detail",
    "Evidence",
    "all_steps",
    "evidence_for",
    "initiator_of",
    "read_detail",
    "read_value",
]


@dataclass(frozen=True, slots=True)
class Evidence:
    """Payloads and model messages by hex digest."""

    values: Mapping[str, Any] = field(default_factory=dict[str, Any])
    messages: Mapping[str, Message] = field(default_factory=dict[str, Message])


@dataclass(frozen=True, slots=True)
class Detail:
    """One entry with everything that it refers to, in full."""

    entry: Entry
    values: Mapping[str, Any]
    """The request and the result, as far as there are any and they aren't erased."""
    prompt: Mapping[str, Sequence[Message]]
    response: Message | None


def all_steps(steps: Iterable[Step]) -> Iterator[Step]:
    """Yield steps with all below them, in the order of the tree."""
    for step in steps:
        yield step
        yield from all_steps(step.children)


async def evidence_for(store: Store, record: RunRecord, steps: Iterable[Step]) -> Evidence:
    """Read the results of these steps and what models answered in them."""
    listed = list(steps)
    results = {step.result for step in listed if step.result and step.kind != "model"}
    values = await _values(store, record.tenant, results)
    answers = {step.facts["message"] for step in listed if "message" in step.facts}
    return Evidence(values, await _messages(store, record.tenant, sorted(answers)))


async def read_detail(store: Store, tenant: str, entry: Entry) -> Detail:
    """Read everything that an entry refers to."""
    digests = {"request": entry.request, "result": entry.result}
    wanted = {name: digest.hex() for name, digest in digests.items() if digest is not None}
    found = await _values(store, tenant, wanted.values())
    if entry.request is not None and entry.request_data is not None:
        found[entry.request.hex()] = json.loads(entry.request_data)
    prompt = await read_prompt(store, tenant, entry)
    answer = entry.facts.get("message")
    messages = {} if answer is None else await _messages(store, tenant, [answer])
    values = {name: found[digest] for name, digest in wanted.items() if digest in found}
    return Detail(entry, values, prompt, messages.get(answer or ""))


async def initiator_of(store: Store, record: RunRecord) -> Principal | None:
    """Return who the run acts for, if that was said."""
    if record.initiator is None:
        return None
    found = await _values(store, record.tenant, [record.initiator.hex()])
    plain = found.get(record.initiator.hex())
    return None if plain is None else Principal(**plain)


async def read_value(store: Store, tenant: str, digest: bytes | None) -> Any:
    """Return a payload's JSON value, None if there is none or it was erased."""
    if digest is None:
        return None
    return (await _values(store, tenant, [digest.hex()])).get(digest.hex())


async def _values(store: Store, tenant: str, digests: Iterable[str]) -> dict[str, Any]:
    wanted = [bytes.fromhex(digest) for digest in digests]
    found = await store.payloads(tenant, wanted)
    return {digest.hex(): json.loads(data) for digest, data in found.items()}


async def _messages(store: Store, tenant: str, digests: Sequence[str]) -> dict[str, Message]:
    there = await store.payloads(tenant, [bytes.fromhex(digest) for digest in digests])
    kept = [digest for digest in digests if bytes.fromhex(digest) in there]
    read = await read_message(store, tenant, [bytes.fromhex(digest) for digest in kept])
    return dict(zip(kept, read, strict=True))
