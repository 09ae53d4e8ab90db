"""Spans from the ledger: what each kind of step shows, and where it stands in the trace."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest

from stanchion import RunHandle, Stanchion
from stanchion.errors import RunFailed
from stanchion.ledger import Place, RunFilter, Store, open_store, span_id, trace_context
from stanchion.observe import Span, SpanKind, SpanReader, TraceFilter
from stanchion.workflows import steps_of
from tests.observe.traced import World, app, every_kind, fails, named, run_all, spans_of

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
async def world() -> World:
    return World()


@pytest.fixture
async def running(world: World) -> AsyncIterator[Stanchion]:
    async with app(world=world) as opened:
        yield opened


@pytest.fixture
async def spans(running: Stanchion) -> list[Span]:
    run = await run_all(running, user="u1", tenant="t1", tags={"session": "s1", "team": "blue"})
    return await spans_of(running.store, run)


@pytest.mark.promise("OBSERVE-1")
async def test_each_step_is_a_span_below_the_step_that_it_belongs_to(spans: list[Span]) -> None:
    by_id = {span.span_id: span.name for span in spans}
    tree = [(span.name, by_id.get(span.parent_id or b"")) for span in spans]

    workflow, agent = "invoke_workflow every_kind", "invoke_agent strong"
    assert tree == [
        ("execute_tool find_order", workflow),
        ("execute_tool find_order", workflow),
        ("chat small", agent),
        ("execute_tool find_order", agent),
        ("chat small", agent),
        (agent, workflow),
        ("child shout", workflow),
        ("ask approval", "execute_tool cancel_order"),
        ("execute_tool cancel_order", workflow),
        (workflow, None),
    ]
    assert len({span.trace_id for span in spans}) == 1


async def test_a_model_call_shows_its_messages_and_its_tokens(spans: list[Span]) -> None:
    chat = [span for span in spans if span.name == "chat small"][1]
    shown = chat.attributes

    assert chat.kind is SpanKind.CLIENT
    assert shown["gen_ai.operation.name"] == "chat"
    assert shown["gen_ai.provider.name"] == "acme"
    assert (shown["gen_ai.request.model"], shown["gen_ai.response.model"]) == ("small", "small-2")
    assert shown["gen_ai.response.id"] == "r2"
    assert shown["gen_ai.response.finish_reasons"] == ["stop"]
    instructions = json.loads(str(shown["gen_ai.system_instructions"]))
    assert instructions == [{"type": "text", "content": "Look the order up."}]
    messages = json.loads(str(shown["gen_ai.input.messages"]))
    assert [message["role"] for message in messages] == ["user", "assistant", "tool"]
    assert messages[1]["parts"][0]["type"] == "tool_call"
    assert messages[2]["parts"][0]["type"] == "tool_call_response"
    (answer,) = json.loads(str(shown["gen_ai.output.messages"]))
    assert answer["parts"] == [{"type": "text", "content": "it was sent"}]
    assert answer["finish_reason"] == "stop"


async def test_tokens_have_the_names_of_today_and_those_still_read(spans: list[Span]) -> None:
    shown = named(spans, "chat small").attributes

    usage = {k.removeprefix("gen_ai.usage."): v for k, v in shown.items() if "usage" in k}
    assert usage == {
        "input_tokens": 120,
        "output_tokens": 30,
        "cache_read.input_tokens": 100,
        "cache_write.input_tokens": 10,
        "cache_creation.input_tokens": 10,
        "reasoning.output_tokens": 20,
    }


async def test_a_tool_call_shows_its_input_and_output(spans: list[Span]) -> None:
    shown = named(spans, "execute_tool find_order").attributes

    assert shown["gen_ai.tool.name"] == "find_order"
    assert json.loads(str(shown["gen_ai.tool.call.arguments"])) == {"number": "1"}
    assert json.loads(str(shown["gen_ai.tool.call.result"])) == {"order": "1", "state": "sent"}
    assert shown["input.value"] == shown["gen_ai.tool.call.arguments"]
    assert shown["output.value"] == shown["gen_ai.tool.call.result"]


async def test_a_persons_answer_is_an_evaluation_of_what_was_asked(spans: list[Span]) -> None:
    asked = named(spans, "ask approval")

    (event,) = [e for e in asked.events if e.name == "gen_ai.evaluation.result"]
    assert event.attributes["gen_ai.evaluation.name"] == "human.approval"
    assert event.attributes["gen_ai.evaluation.score.label"] == "approve"
    assert event.attributes["gen_ai.evaluation.explanation"] == "fine"
    assert event.attributes["stanchion.answer.by"] == "eve"
    assert asked.parent_id == named(spans, "execute_tool cancel_order").span_id


async def test_every_span_says_whose_run_it_is(spans: list[Span]) -> None:
    for span in spans:
        shown = span.attributes
        assert shown["user.id"] == "u1"
        assert shown["session.id"] == shown["gen_ai.conversation.id"] == "s1"
        assert shown["stanchion.tenant"] == "t1"
        assert shown["stanchion.tag.team"] == "blue"


async def test_a_failed_step_and_its_run_are_errors_with_a_type(running: Stanchion) -> None:
    handle = await running.start(fails, "1")
    with pytest.raises(RunFailed):
        await handle.result()

    spans = await spans_of(running.store, handle.id)

    call, run = named(spans, "execute_tool broken"), named(spans, "invoke_workflow fails")
    assert call.error
    assert call.attributes["error.type"]
    (event,) = [e for e in call.events if e.name == "exception"]
    assert event.attributes["exception.message"] == call.error
    assert run.error
    assert run.attributes["error.type"] == "ToolFailed"


async def test_steps_begin_where_the_tree_of_steps_says(running: Stanchion) -> None:
    run = await run_all(running)
    spans = {span.span_id: span for span in await spans_of(running.store, run)}

    left = list(steps_of(await running.store.entries(run)))
    seen = 0
    while left:
        step = left.pop()
        left += step.children
        span = spans.get(span_id(run, Place(step.lane, step.ordinal)))
        if span is not None and not step.children:
            seen += 1
            assert (span.started_at, span.ended_at) == (step.started_at, step.ended_at)
    assert seen == 7


async def test_a_child_stands_in_its_parents_trace_below_the_step_that_started_it(
    running: Stanchion,
) -> None:
    run = await run_all(running)
    parent = await spans_of(running.store, run)
    child = next(r for r in await running.store.list(RunFilter()) if r.parent == run)

    (of_child,) = await spans_of(running.store, child.id)

    assert of_child.trace_id == parent[0].trace_id
    assert of_child.parent_id == named(parent, "child shout").span_id


async def test_a_run_joins_the_trace_of_whoever_started_it(running: Stanchion) -> None:
    run = await run_all(running, traceparent=CALLER)

    root = named(await spans_of(running.store, run), "invoke_workflow every_kind")

    assert root.trace_id.hex() == "0af7651916cd43dd8448eb211c80319c"
    assert root.parent_id is not None
    assert root.parent_id.hex() == "b7ad6b7169203331"


@pytest.mark.parametrize(
    "given",
    [
        "",
        "nonsense",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        f"00-{'0' * 32}-b7ad6b7169203331-01",
        f"00-0af7651916cd43dd8448eb211c80319c-{'0' * 16}-01",
    ],
)
def test_a_traceparent_that_is_not_well_formed_counts_as_none(given: str) -> None:
    assert trace_context("run", {"traceparent": given}) == trace_context("run", {})


async def test_a_tools_call_tells_its_target_which_span_it_is(
    running: Stanchion, world: World
) -> None:
    run = await run_all(running)
    spans = await spans_of(running.store, run)

    sent = {headers["traceparent"] for headers in world.headers}

    calls = [span for span in spans if span.name.startswith("execute_tool")]
    assert sent == {f"00-{s.trace_id.hex()}-{s.span_id.hex()}-01" for s in calls}


async def test_a_fork_is_a_trace_of_its_own_with_a_link_to_its_origin(running: Stanchion) -> None:
    run = await run_all(running, traceparent=CALLER)
    origin = await spans_of(running.store, run)
    last = (await running.store.get(run)).seq

    fork: RunHandle[str] = await running.handle(run, every_kind).fork(at=last - 1)
    await fork.result()
    (root,) = await spans_of(running.store, fork.id)

    assert root.trace_id != origin[-1].trace_id
    (link,) = root.links
    assert link.span_id == origin[-1].span_id
    assert link.attributes["stanchion.link"] == "fork"


@pytest.mark.promise("OBSERVE-1")
async def test_reading_entries_page_by_page_gives_the_same_spans(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    async with app(url) as running:
        run = await run_all(running)
    store = open_store(url)
    try:
        whole = await spans_of(store, run)
        for size in (1, 3, 100):
            for forgetful in (False, True):
                paged = await _paged(store, size, forgetful=forgetful)
                assert [s for s in paged if s.run == run] == whole
    finally:
        await store.close()


async def test_an_erased_payload_shows_as_erased(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    async with app(url) as running:
        run = await run_all(running)
    store = open_store(url)
    try:
        spans = [span async for span in SpanReader(cast("Store", _Erased(store))).of_run(run)]
        assert named(spans, "invoke_workflow every_kind").attributes["input.value"] == "(erased)"
        assert named(spans, "chat small").attributes["gen_ai.output.messages"] == "[]"
    finally:
        await store.close()


async def test_a_log_line_says_to_which_step_it_belongs(running: Stanchion) -> None:
    seen: list[logging.LogRecord] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(record)

    handler, logger = Keep(), logging.getLogger("tests.observe")
    handler.addFilter(TraceFilter())
    logger.addHandler(handler)
    try:
        logger.warning("outside")
        run = await run_all(running)
    finally:
        logger.removeHandler(handler)
    spans = {s.span_id.hex(): s.name for s in await spans_of(running.store, run)}

    lines = [(r.getMessage(), spans.get(vars(r)["span_id"]), vars(r)["run"]) for r in seen]
    assert list(dict.fromkeys(lines)) == [  # a replay says what it said before
        ("outside", None, ""),
        ("in the workflow", "invoke_workflow every_kind", run),
        ("in a tool", "execute_tool cancel_order", run),
    ]


async def _paged(store: Store, size: int, *, forgetful: bool) -> list[Span]:
    reader, cursor, found = SpanReader(store), (0, 0), list[Span]()
    while page := await store.follow(cursor, size):
        cursor = page[-1].cursor
        reader = SpanReader(store) if forgetful else reader
        spans = [span async for span in reader.of_entries(page)]
        assert [span async for span in reader.of_entries(page)] == spans  # as after a failed send
        found += spans
    return found


class _Erased:
    """A store whose payloads are gone."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.get, self.entries = store.get, store.entries

    async def payloads(self, tenant: str, digests: object) -> dict[bytes, bytes]:
        return {}
