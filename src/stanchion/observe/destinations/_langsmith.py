"""LangSmith (its OpenTelemetry page read at 02cc7dec): kinds, sessions and costs in its own names.

A span whose parent it doesn't have may be dropped, so that runs are sent whole, when they have
ended. Its table of names has neither a tool's arguments and result nor a provider by its newer
name; tags are separated by commas.
"""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from stanchion.observe._destination import Destination
from stanchion.observe._notes import scores_of
from stanchion.observe._span import Attributes, Span, with_attributes
from stanchion.observe.destinations._given import Given
from stanchion.observe.destinations._tags import tags_of

__all__ = ["langsmith"]

_KINDS = {"chat": "llm", "execute_tool": "tool"}


def langsmith(given: Given) -> Destination:
    """Return a LangSmith project, by default in its American cloud."""
    names = ("LANGSMITH_ENDPOINT", "LANGCHAIN_ENDPOINT")
    base = given.value("url", *names, default="https://api.smith.langchain.com").rstrip("/")
    url = base if base.endswith("/v1/traces") else f"{base.removesuffix('/otel')}/otel/v1/traces"
    key = given.needed("api_key", "LANGSMITH_API_KEY", "LANGCHAIN_API_KEY")
    project = given.value("project", "LANGSMITH_PROJECT", "LANGCHAIN_PROJECT", default="default")
    return given.make(
        {"api_key", "project"},
        url=url,
        headers={"x-api-key": key, "langsmith-project": project},
        adapt=partial(
            adapt, release=given.value("release"), environment=given.value("environment")
        ),
        when="run",
    )


def adapt(span: Span, *, release: str = "", environment: str = "") -> Span:
    """Say a span in LangSmith's names."""
    said = span.attributes
    operation = str(said.get("gen_ai.operation.name", ""))
    own: dict[str, Any] = {
        "langsmith.trace.name": span.name,
        "langsmith.span.kind": _KINDS.get(operation, "chain"),
        "langsmith.trace.session_id": said.get("session.id"),
        "langsmith.metadata.session_id": said.get("session.id"),
        "langsmith.metadata.user_id": said.get("user.id"),
        "langsmith.metadata.workflow_version": said.get("stanchion.workflow.version"),
        "langsmith.metadata.run": said.get("stanchion.run.id"),
        "langsmith.metadata.environment": environment or None,
        "langsmith.metadata.release": release or None,
        "langsmith.metadata.human_answer": _answers(span),
        "langsmith.span.tags": ",".join(tag.replace(",", " ") for tag in tags_of(said)) or None,
        "gen_ai.system": said.get("gen_ai.provider.name"),
        "langsmith.usage_metadata": _usage(said) if operation == "chat" else None,
    }
    return with_attributes(span, own)


def _answers(span: Span) -> str | None:
    """Return what people said; its feedback hangs on ids that a span of another's doesn't have."""
    told = [f"{s.name}: {s.label} {s.explanation or ''}".strip() for s in scores_of(span)]
    return "; ".join(told) or None


def _usage(said: Attributes) -> str:
    """Return tokens, their details and our cost in the form of LangSmith's own SDK."""

    def tokens(name: str) -> int:
        return int(str(said.get(f"gen_ai.usage.{name}", 0)))

    used: dict[str, Any] = {
        "input_tokens": tokens("input_tokens"),
        "output_tokens": tokens("output_tokens"),
        "total_tokens": tokens("input_tokens") + tokens("output_tokens"),
        "input_token_details": {
            "cache_read": tokens("cache_read.input_tokens"),
            "cache_creation": tokens("cache_write.input_tokens"),
        },
        "output_token_details": {"reasoning": tokens("reasoning.output_tokens")},
    }
    if "stanchion.cost.usd" in said:
        used["total_cost"] = said["stanchion.cost.usd"]
    return json.dumps(used)
