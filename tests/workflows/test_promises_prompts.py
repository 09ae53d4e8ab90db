"""Attacks on what is promised of prompts: full ones can be read back, and cost what is new."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from stanchion import Run, workflow
from stanchion.errors import EncodingError
from stanchion.ledger import (
    Commit,
    Draft,
    EntryPhase,
    NewRun,
    Payload,
    Place,
    PromptLog,
    open_store,
    pack_message,
    payload,
    read_prompt,
)
from stanchion.models import ModelResponse, ScriptedModel
from stanchion.testing import simulate
from stanchion.values import Message, TextPart, ToolCallPart
from stanchion.workflows import Host, ReplayMode, Workflows
from tests.moving import move
from tests.workflows.desk import Bank, balance

LONG = "an input of some length. " * 200


class Measured:
    """A store that counts the bytes of the payloads it gets to keep for the first time."""

    def __init__(self) -> None:
        self.store: Any = open_store("sqlite://:memory:")
        self.new_bytes = 0
        self.new_digests = 0
        self._known: set[bytes] = set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    async def append(self, commit: Commit) -> None:
        drafted = [p for d in commit.entries for p in (d.request, d.result) if p is not None]
        for each in (*drafted, *commit.payloads):
            self._keep(each)
        for draft in commit.entries:
            prompt: Any = draft.facts.get("prompt", {})
            self.new_digests += len(prompt.get("new", ()))
        await self.store.append(commit)

    def _keep(self, content: Payload) -> None:
        if content.digest not in self._known:
            self._known.add(content.digest)
            self.new_bytes += len(content.data)


@workflow(tools=[balance])
async def agent(run: Run[Bank], turns: int) -> None:
    await run.agent(goal="Help.", tools=[balance], input=LONG, max_turns=turns)


async def run_turns(turns: int, mode: ReplayMode | None = None) -> tuple[Measured, ScriptedModel]:
    """Let an agent call a tool so many times; return the store and what the model was sent."""
    store = Measured()
    calls = [ToolCallPart(f"call {i}", "balance", {"account": str(i)}) for i in range(turns)]
    model = ScriptedModel(calls)
    await store.create(NewRun("run", agent.name, agent.version, payload(turns)))
    host = Host(
        store,  # type: ignore[arg-type]
        Workflows([agent]),
        "worker",
        models={"strong": model},
        deps=Bank(balances={str(i): 100 + i for i in range(turns)}),
        replay=mode or ReplayMode.from_environment(),
    )
    record = await move(host)
    assert record.state == "completed", record.reason
    return store, model


@pytest.mark.promise("LEDGER-7")
async def test_twice_as_many_turns_cost_twice_the_bytes_and_not_four_times() -> None:
    spent: dict[int, int] = {}
    for turns in (10, 20, 40):
        store, _ = await run_turns(turns)
        spent[turns] = store.new_bytes
        assert store.new_digests == turns + 1  # goal and input, then one result a turn
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
    prompts = [await read_prompt(store.store, "", e) for e in calls]
    await store.close()

    rebuilt = [tuple(m for section in p.values() for m in section) for p in prompts]
    assert rebuilt == [request.messages for request in model.requests]
    assert store.new_digests == 7


def said(text: str) -> Message:
    return Message("user", (TextPart(text),))


def edited_windows(seed: int) -> Iterator[list[Message]]:
    """Yield windows that grow, and whose messages are replaced, cut out and moved meanwhile."""
    source = random.Random(seed)  # noqa: S311 (test order)
    window: list[Message] = []
    for number in range(80):
        window.append(said(f"{number}"))
        if number % 4 == 0:
            window[source.randrange(len(window))] = said(f"instead {number}")
        if number % 7 == 6:
            del window[source.randrange(len(window))]
        if number % 9 == 0:
            window.insert(0, window.pop(source.randrange(len(window))))
        yield list(window)


@pytest.mark.promise("LEDGER-7")
@pytest.mark.parametrize("seed", range(4))
async def test_a_window_that_is_edited_is_read_back_and_names_each_message_once(seed: int) -> None:
    store = open_store("sqlite://:memory:")
    await store.create(NewRun("run", "w", "1", payload(1)))
    run = await store.claim("run", "worker")
    assert run is not None
    windows, log = list(edited_windows(seed)), PromptLog()
    for number, window in enumerate(windows):
        if number % 20 == 0:
            log = PromptLog(await store.entries("run"))
        answer, *_ = pack_message(said(f"answer {number}"))
        record = log.record({"turns": window}, answer.digest)
        facts = {"prompt": record.facts, "message": answer.digest.hex()}
        draft = Draft(Place("", number), EntryPhase.DONE, "model", "strong", facts=facts)
        commit = Commit("run", run.epoch, (draft,), (*record.payloads, answer))
        await store.append(commit)

    entries = await store.entries("run")
    rebuilt = [await read_prompt(store, "", entry) for entry in entries]
    await store.close()
    prompts = [entry.facts["prompt"] for entry in entries]
    named = [piece for p in prompts for piece in p["new"] if isinstance(piece, str)]
    assert [r["turns"] for r in rebuilt] == windows
    assert len(named) == len(set(named)) == len({repr(m) for w in windows for m in w})
    assert max(len(prompt["spans"]["turns"]) for prompt in prompts) <= 8


@workflow
async def stubborn(run: Run[None], _: str) -> bool:
    """Ask again after an answer that can't be kept."""
    try:
        await run.agent(goal="Help.", tools=[], input=LONG)
    except EncodingError:
        await run.agent(goal="Help.", tools=[], input=LONG)
        return True
    return False


@pytest.mark.promise("LEDGER-7")
async def test_a_prompt_whose_answer_could_not_be_kept_is_named_again() -> None:
    broken = ModelResponse(Message("assistant", (TextPart("x"),)), response_id="\ud800")
    model = ScriptedModel([broken, "done"])

    # In one go: this error isn't recorded, and a replay asks anew (see test_replay.py).
    result = await simulate(stubborn, "x", models={"strong": model}, replay=ReplayMode())

    assert result.output is True
    (entry,) = [e for e in result.entries if e.kind == "model"]
    assert [isinstance(piece, str) for piece in entry.facts["prompt"]["new"]] == [True, True]
