"""Langfuse (its server read at 62751446): its own names first, since they beat all others there.

One malformed span makes it refuse the whole batch, which is then sent in halves. It knows neither
the newer name of cache writes nor workflows, so that usage, kind, input and output are said in its
own terms; cost is ours, from the provider's usage, and not counted again for an agent. A person's
answer is a score as well.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from functools import partial
from typing import Any

from stanchion.observe._destination import Destination
from stanchion.observe._notes import Note, scores_of
from stanchion.observe._span import Attributes, Span, with_attributes
from stanchion.observe.destinations._given import Given
from stanchion.observe.destinations._tags import tags_of

__all__ = ["langfuse"]

REAL_TIME = "4"
"""The version of ingestion that shows a span at once; without it some take ten minutes."""

_TYPES = {"chat": "generation", "invoke_agent": "agent", "execute_tool": "tool"}


def langfuse(given: Given) -> Destination:
    """Return a Langfuse project, by default in its European cloud."""
    names = ("LANGFUSE_BASE_URL", "LANGFUSE_HOST")
    base = given.value("url", *names, default="https://cloud.langfuse.com").rstrip("/")
    public = given.needed("public_key", "LANGFUSE_PUBLIC_KEY")
    secret = given.needed("secret_key", "LANGFUSE_SECRET_KEY")
    token = base64.b64encode(f"{public}:{secret}".encode()).decode()
    release, environment = given.value("release", "LANGFUSE_RELEASE"), given.value("environment")
    url = base if base.endswith("/traces") else f"{base}/api/public/otel/v1/traces"
    return given.make(
        {"public_key", "secret_key"},
        url=url,
        headers={
            "authorization": f"Basic {token}",
            "x-langfuse-ingestion-version": REAL_TIME,
        },
        adapt=partial(adapt, release=release, environment=environment),
        notes=partial(scores, f"{url.removesuffix('/otel/v1/traces')}/scores"),
    )


def adapt(span: Span, *, release: str = "", environment: str = "") -> Span:
    """Say a span in Langfuse's own names."""
    said = span.attributes
    operation = str(said.get("gen_ai.operation.name", ""))
    own: dict[str, Any] = {
        "langfuse.observation.type": _TYPES.get(operation, _type(span)),
        "langfuse.observation.input": said.get("input.value"),
        "langfuse.observation.output": said.get("output.value"),
        "langfuse.observation.level": "ERROR" if span.error else None,
        "langfuse.observation.status_message": span.error,
        "langfuse.session.id": said.get("session.id"),
        "langfuse.user.id": said.get("user.id"),
        "langfuse.trace.tags": tags_of(said) or None,
        "langfuse.environment": environment or None,
        "langfuse.release": release or None,
        "langfuse.version": said.get("stanchion.workflow.version"),
        **(_of_model(said) if operation == "chat" else {}),
        **(_of_trace(span) if operation == "invoke_workflow" else {}),
    }
    return with_attributes(span, own)


def scores(url: str, span: Span) -> list[Note]:
    """Return a span's scores; each has an id, so that sending it again is harmless."""
    return [
        Note(
            url,
            {
                "id": f"{span.span_id.hex()}-{score.name}",
                "traceId": span.trace_id.hex(),
                "observationId": span.span_id.hex(),
                "name": score.name,
                "value": score.label if score.value is None else score.value,
                "dataType": "CATEGORICAL" if score.value is None else "NUMERIC",
                "comment": score.explanation,
            },
        )
        for score in scores_of(span)
    ]


def _type(span: Span) -> str:
    return "chain" if span.name.startswith(("invoke_workflow", "decide", "extract")) else "span"


def _of_trace(span: Span) -> dict[str, Any]:
    if span.parent_id is not None:
        return {}
    said = span.attributes
    return {
        "langfuse.trace.name": said.get("stanchion.workflow.name"),
        "langfuse.trace.input": said.get("input.value"),
        "langfuse.trace.output": said.get("output.value"),
    }


def _of_model(said: Attributes) -> dict[str, Any]:
    cost = said.get("stanchion.cost.usd")
    return {
        "langfuse.observation.model.name": said.get("gen_ai.response.model")
        or said.get("gen_ai.request.model"),
        "langfuse.observation.usage_details": json.dumps(_usage(said)),
        "langfuse.observation.cost_details": None if cost is None else json.dumps({"total": cost}),
    }


def _usage(said: Attributes) -> Mapping[str, int]:
    """Return tokens in parts that add up: Langfuse sums them."""

    def tokens(name: str) -> int:
        return int(str(said.get(f"gen_ai.usage.{name}", 0)))

    read, written = tokens("cache_read.input_tokens"), tokens("cache_write.input_tokens")
    reasoning = tokens("reasoning.output_tokens")
    parts = {
        "input": tokens("input_tokens") - read - written,
        "input_cached_tokens": read,
        "input_cache_creation": written,
        "output": tokens("output_tokens") - reasoning,
        "output_reasoning_tokens": reasoning,
    }
    used = {name: count for name, count in parts.items() if count or name in ("input", "output")}
    return {**used, "total": tokens("input_tokens") + tokens("output_tokens")}
