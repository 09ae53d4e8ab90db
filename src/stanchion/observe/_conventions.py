"""From a finished step to a span in the GenAI conventions of OpenTelemetry. Pure.

Written to semantic-conventions-genai 0.1.0. Beside its names stand those that destinations still
read: ``gen_ai.usage.cache_creation.input_tokens`` (renamed ``cache_write`` there),
``gen_ai.workflow.name`` (now ``gen_ai.agent.name``), ``finish_reason`` in messages, exceptions as
events, and OpenInference's ``input.value`` and ``output.value``, which is all that some show of a
tool. What the conventions have no name for begins with ``stanchion.``. No name is the beginning of
another's path, ``a.b`` beside ``a.b.c``: Weave refuses that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from stanchion.ledger import TRACEPARENT, RunRecord, canonical, span_id, trace_context
from stanchion.observe._contents import Contents, instructions_text, messages_text, shown
from stanchion.observe._finished import ROOT, Step
from stanchion.observe._span import Attributes, Span, SpanEvent, SpanKind, SpanLink

__all__ = ["QUIET", "SCHEMA", "SESSION", "span_of"]

SCHEMA = "semantic-conventions-genai 0.1.0"

SESSION = "session"
"""The tag that says to which conversation a run belongs."""

QUIET = frozenset({"now", "random", "patch"})
"""Steps that are facts of replay and no work: no spans."""

NANOS = 1_000_000_000
IN_PROCESS = frozenset({"llama.cpp", "scripted"})

_Made: TypeAlias = "tuple[str, dict[str, Any]]"


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a span is made of."""

    run: RunRecord
    step: Step
    contents: Contents

    def request(self) -> Any:
        return self.contents.value(self.step.request, self.step.request_data)

    def result(self) -> Any:
        return self.contents.value(self.step.result)


def span_of(run: RunRecord, step: Step, contents: Contents) -> Span:
    """Return the span of a run's finished step, or of the run that has ended."""
    seen = _Seen(run, step, contents)
    name, attributes = _MAKERS.get(step.kind, _other)(seen)
    context = trace_context(run.id, run.tags)
    parent = context.parent_id if step.above is None else span_id(run.id, step.above)
    failed = _error(seen)
    return Span(
        trace_id=context.trace_id,
        span_id=span_id(run.id, step.place),
        parent_id=parent,
        name=name,
        kind=_kind(step),
        started_at=step.started_at,
        ended_at=step.ended_at,
        attributes=_without_none({**_of_run(run), **attributes, **_error_type(failed)}),
        run=run.id,
        seq=step.seq,
        error=None if failed is None else failed[1],
        events=(*_marks(step), *_answer(seen), *_exception(seen, failed)),
        links=_links(run, step),
    )


def _kind(step: Step) -> SpanKind:
    outside = step.kind == "model" and step.facts.get("provider") not in IN_PROCESS
    return SpanKind.CLIENT if outside else SpanKind.INTERNAL


def _of_run(run: RunRecord) -> dict[str, Any]:
    """Return what every span says of its run, since destinations look for it on any of them."""
    plain = {k.replace(".", "_"): v for k, v in run.tags.items() if k not in (SESSION, TRACEPARENT)}
    return {
        "gen_ai.conversation.id": run.tags.get(SESSION),
        "session.id": run.tags.get(SESSION),
        "user.id": run.user or None,
        "stanchion.tenant": run.tenant or None,
        "stanchion.run.id": run.id,
        "stanchion.workflow.name": run.workflow,
        "stanchion.workflow.version": run.version,
        **{f"stanchion.tag.{name}": value for name, value in plain.items()},
    }


# What each kind of step says


def _run(seen: _Seen) -> _Made:
    run = seen.run
    return f"invoke_workflow {run.workflow}", {
        "gen_ai.operation.name": "invoke_workflow",
        "gen_ai.agent.name": run.workflow,
        "gen_ai.workflow.name": run.workflow,
        **_io(seen.contents.value(run.input), seen.result()),
        "stanchion.run.state": seen.step.name,
        "stanchion.run.reason": run.reason or None,
        "stanchion.cost.usd": run.account.cost_nanos / NANOS if run.account.cost_nanos else None,
        "stanchion.cost.unpriced_calls": run.account.unpriced_calls or None,
    }


def _model(seen: _Seen) -> _Made:
    step, contents, facts = seen.step, seen.contents, seen.step.facts
    prompt = [m for digests in step.prompt.values() for m in contents.said(digests)]
    system = [part for m in prompt if m.role == "system" for part in m.parts]
    turns = [m for m in prompt if m.role != "system"]
    answer = contents.said([bytes.fromhex(facts["message"])]) if "message" in facts else []
    requested = str(facts.get("requested", step.name)).partition(":")
    model = requested[2] or requested[0]
    asked = seen.request()
    stored = seen.result() if facts.get("status") != "error" else None
    return f"chat {model}", {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": facts.get("provider") or "_OTHER",
        "gen_ai.request.model": model,
        "gen_ai.response.model": facts.get("model") or None,
        "gen_ai.response.id": _field(stored, "response_id"),
        "gen_ai.response.finish_reasons": [facts["finish"]] if "finish" in facts else None,
        "gen_ai.output.type": "json" if _field(asked, "schema") else "text",
        **_usage(facts.get("usage", {})),
        **_cost(facts.get("settlement", {})),
        "gen_ai.system_instructions": instructions_text(system) if system else None,
        "gen_ai.input.messages": messages_text(turns),
        "gen_ai.output.messages": messages_text(answer, facts.get("finish", "")),
        "input.value": messages_text(prompt),
        "input.mime_type": "application/json",
        "output.value": messages_text(answer),
        "output.mime_type": "application/json",
        "stanchion.model.role": step.name,
        "stanchion.model.real": facts.get("real"),
    }


def _usage(usage: Mapping[str, int]) -> dict[str, int | None]:
    written = usage.get("cache_write_tokens")
    return {
        "gen_ai.usage.input_tokens": usage.get("input_tokens", 0),
        "gen_ai.usage.output_tokens": usage.get("output_tokens", 0),
        "gen_ai.usage.cache_read.input_tokens": usage.get("cache_read_tokens"),
        "gen_ai.usage.cache_write.input_tokens": written,
        "gen_ai.usage.cache_creation.input_tokens": written,
        "gen_ai.usage.reasoning.output_tokens": usage.get("reasoning_tokens"),
    }


def _cost(settled: Mapping[str, int]) -> dict[str, Any]:
    if settled.get("unpriced_calls"):
        return {"stanchion.cost.unpriced": True}
    return {"stanchion.cost.usd": settled.get("cost_nanos", 0) / NANOS}


def _agent(seen: _Seen) -> _Made:
    facts = seen.step.facts
    return f"invoke_agent {seen.step.name}", {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": seen.step.name,
        **_io(seen.request(), seen.result()),
        "stanchion.agent.stop_reason": facts.get("stop_reason"),
        "stanchion.agent.turns": facts.get("turns"),
    }


def _tool(seen: _Seen) -> _Made:
    step, contents = seen.step, seen.contents
    asked = seen.request()
    arguments = contents.value(step.sent) if step.sent else _field(asked, "arguments")
    value = seen.result()
    return f"execute_tool {step.name}", {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": step.name,
        "gen_ai.tool.type": "function",
        "gen_ai.tool.call.arguments": canonical(arguments).decode(),
        "gen_ai.tool.call.result": shown(value)[0],
        **_io(arguments, value),
        "stanchion.verdicts": _json(step.facts.get("verdicts")),
        "stanchion.effect.key": step.facts.get("key"),
        "stanchion.attempts": step.facts.get("attempts"),
    }


def _ask(seen: _Seen) -> _Made:
    question = seen.contents.value(seen.step.shown)
    return f"ask {seen.step.name}", {
        **_io(question, seen.result()),
        "stanchion.question.kind": _field(question, "kind") or seen.step.name,
    }


def _other(seen: _Seen) -> _Made:
    facts = seen.step.facts
    return f"{seen.step.kind} {seen.step.name}", {
        **_io(seen.request(), seen.result()),
        "stanchion.decision.confidence": facts.get("confidence"),
        "stanchion.decision.threshold": facts.get("threshold"),
        "stanchion.decision.by": facts.get("by"),
    }


_MAKERS: dict[str, Callable[[_Seen], _Made]] = {
    "run": _run,
    "model": _model,
    "agent": _agent,
    "call": _tool,
    "ask": _ask,
}


def _io(given: Any, got: Any) -> dict[str, str]:
    (given_text, given_type), (got_text, got_type) = shown(given), shown(got)
    return {
        "input.value": given_text,
        "input.mime_type": given_type,
        "output.value": got_text,
        "output.mime_type": got_type,
    }


# Events, errors, links


def _marks(step: Step) -> list[SpanEvent]:
    told = {"intent", "unknown", "wait"}
    return [SpanEvent(f"stanchion.{phase}", at) for phase, at in step.marks if phase in told]


def _answer(seen: _Seen) -> list[SpanEvent]:
    """Return a person's answer as an evaluation of what was asked about."""
    if seen.step.kind != "ask" or seen.step.facts.get("status") == "error":
        return []
    answer = seen.result()
    kind = _field(seen.contents.value(seen.step.shown), "kind") or seen.step.name
    said = {
        "gen_ai.evaluation.name": f"human.{kind}",
        "gen_ai.evaluation.score.label": _field(answer, "choice"),
        "gen_ai.evaluation.explanation": _field(answer, "comment") or None,
        "stanchion.answer.by": _field(answer, "by"),
    }
    event = SpanEvent("gen_ai.evaluation.result", seen.step.ended_at, _without_none(said))
    return [event]


def _error(seen: _Seen) -> tuple[str, str] | None:
    """Return the type and the words of what went wrong."""
    step = seen.step
    if step.kind == "run":
        if step.name != "failed":
            return None
    elif step.facts.get("status") != "error":
        return None
    said = seen.result()
    facts = _field(said, "facts")
    inner = _field(_field(facts, "error"), "code") or _field(facts, "type") or _field(said, "type")
    return str(inner or _field(said, "code") or "_OTHER"), str(_field(said, "message") or "")


def _error_type(failed: tuple[str, str] | None) -> dict[str, str]:
    return {} if failed is None else {"error.type": failed[0]}


def _exception(seen: _Seen, failed: tuple[str, str] | None) -> list[SpanEvent]:
    if failed is None:
        return []
    told = {"exception.type": failed[0], "exception.message": failed[1]}
    return [SpanEvent("exception", seen.step.ended_at, told)]


def _links(run: RunRecord, step: Step) -> tuple[SpanLink, ...]:
    """Link a run to the one that it was forked from, or that handed over to it."""
    if step.kind != "run":
        return ()
    found: list[SpanLink] = []
    if run.forked_from:
        found.append(_link(run.forked_from, "fork"))
    if run.root not in ("", run.id) and not run.parent:
        found.append(_link(run.root, "hand_over"))
    return tuple(found)


def _link(run: str, why: str) -> SpanLink:
    trace = trace_context(run, {}).trace_id
    return SpanLink(trace, span_id(run, ROOT), {"stanchion.link": why, "stanchion.run.id": run})


def _field(value: Any, name: str) -> Any:
    """Return a field of a JSON object, None of anything else."""
    return cast("Mapping[str, Any]", value).get(name) if isinstance(value, Mapping) else None


def _json(value: Any) -> str | None:
    return None if value is None else canonical(value).decode()


def _without_none(attributes: Mapping[str, Any]) -> Attributes:
    return {name: value for name, value in attributes.items() if value is not None}
