"""Weights & Biases Weave (its converters read at 0.52.43), on either of its two paths.

``agents`` is fed by the plain gen_ai names. ``calls`` takes kinds from OpenInference and neither a
tool's arguments nor its result, which it finds in ``input.value`` and ``output.value``. Which
project is meant stands in a header there and in the resource here; both are sent.
"""

from __future__ import annotations

import base64
from functools import partial
from typing import Any

from stanchion.errors import ConfigurationError
from stanchion.observe._destination import Destination
from stanchion.observe._span import Span, with_attributes
from stanchion.observe.destinations._given import Given

__all__ = ["weave"]

_KINDS = {"chat": "LLM", "invoke_agent": "AGENT", "execute_tool": "TOOL"}
_PATHS = {"agents": "/agents/otel/v1/traces", "calls": "/otel/v1/traces"}


def weave(given: Given) -> Destination:
    """Return a Weave project; ``path`` is ``agents`` or ``calls``."""
    base = given.value("url", "WF_TRACE_SERVER_URL", default="https://trace.wandb.ai").rstrip("/")
    path = given.value("path", default="agents")
    if path not in _PATHS:
        raise ConfigurationError(
            f"Weave has no path {path!r}", remedy=f"use one of: {', '.join(_PATHS)}"
        )
    key = given.needed("api_key", "WANDB_API_KEY")
    project = given.needed("project", "WANDB_PROJECT")
    entity = given.value("entity", "WANDB_ENTITY")
    if "/" in project:
        entity, _, project = project.partition("/")
    elif not entity:
        given.needed("entity", "WANDB_ENTITY")
    token = base64.b64encode(f"api:{key}".encode()).decode()
    return given.make(
        {"api_key", "project", "entity", "path"},
        url=base if base.endswith("/v1/traces") else base + _PATHS[path],
        headers={
            "authorization": f"Basic {token}",
            "wandb-api-key": key,
            "project_id": f"{entity}/{project}",
        },
        resource={"wandb.entity": entity, "wandb.project": project},
        adapt=partial(adapt, path=path),
    )


def adapt(span: Span, *, path: str = "agents") -> Span:
    """Say kind, thread and name where they are looked for."""
    if path == "agents":
        return span
    said = span.attributes
    own: dict[str, Any] = {
        "openinference.span.kind": _KINDS.get(str(said.get("gen_ai.operation.name")), "CHAIN"),
        "wandb.display_name": span.name,
        "wandb.thread_id": said.get("session.id"),
        "wandb.is_turn": span.parent_id is None if "session.id" in said else None,
    }
    return with_attributes(span, own)
