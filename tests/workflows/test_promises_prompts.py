"""Attacks on what is promised of prompts: full ones can be read back, and cost what is new."""

from __future__ import annotations

from typing import Any

import pytest

from stanchion import Run, workflow
from stanchion.ledger import Commit, NewRun, Payload, open_store, payload, read_prompt
from stanchion.models import ScriptedModel
from stanchion.values import ToolCallPart
from stanchion.workflows import Host, ReplayMode, Workflows, advance
from tests.workflows.desk import Bank, balance

PLAIN = ReplayMode()
LONG = "an input of some length. " * 200


class Measured:
    """A store that counts the bytes of the payloads it gets to keep for the first time."""

    def __init__(self) -> None:
        self.store: Any = open_store("sqlite://:memory:")
        self.new_bytes = 0
        self.new_links = 0
        self._known: set[bytes] = set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    async def append(self, commit: Commit) -> None:
        drafted = [p for d in commit.entries for p in (d.request, d.result) if p is not None]
        for each in (*drafted, *commit.payloads):
            self._keep(each)
        self.new_links += len(commit.links)
        await self.store.append(commit)

    def _keep(self, content: Payload) -> None:
        if content.digest not in self._known:
            self._known.add(content.digest)
            self.new_bytes += len(content.data)


@workflow(tools=[balance])
async def agent(run: Run[Bank], turns: int) -> None:
    await run.agent(goal="Help.", tools=[balance], input=LONG, max_turns=turns)


async def run_turns(turns: int, mode: ReplayMode = PLAIN) -> tuple[Measured, ScriptedModel]:
    """Let an agent call a tool so many times; return the store and what the model was sent."""
    store = Measured()
    calls = [ToolCallPart(f"call {i}", "balance", {"account": "111"}) for i in range(turns)]
    model = ScriptedModel(calls)
    await store.create(NewRun("run", agent.name, agent.version, payload(turns)))
    host = Host(
        store,  # type: ignore[arg-type]
        Workflows([agent]),
        "worker",
        models={"strong": model},
        deps=Bank(),
        replay=mode,
    )
    while (record := await advance(host, "run")) is not None and record.state == "running":
        pass
    assert record is not None
    assert record.state == "completed", record.reason
    return store, model


@pytest.mark.promise("LEDGER-7")
async def test_twice_as_many_turns_cost_twice_the_bytes_and_not_four_times() -> None:
    spent: dict[int, int] = {}
    for turns in (10, 20, 40):
        store, _ = await run_turns(turns)
        spent[turns] = store.new_bytes
        assert store.new_links == 2 * turns  # goal and input, then a call and an answer a turn
        await store.close()

    assert spent[40] - spent[20] < 2.2 * (spent[20] - spent[10])
    assert spent[40] - spent[20] < 20 * len(LONG) / 2


@pytest.mark.promise("LEDGER-7")
@pytest.mark.parametrize("everywhere", [False, True], ids=["in one go", "suspended at every step"])
async def test_every_prompt_is_read_back_as_it_was_sent(
    everywhere: bool,
) -> None:
    store, model = await run_turns(6, ReplayMode(everywhere=everywhere))

    calls = [e for e in await store.entries("run") if e.kind == "model"]
    prompts = [await read_prompt(store.store, "", e.facts["prompt"]) for e in calls]
    await store.close()

    rebuilt = [tuple(m for section in p.values() for m in section) for p in prompts]
    assert rebuilt == [request.messages for request in model.requests]
    assert store.new_links == 12
