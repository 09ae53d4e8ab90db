"""Arize Phoenix (read at 20.26.1): takes protobuf alone, makes OpenInference of gen_ai names.

What has no gen_ai operation is given OpenInference's kind itself; environment, release and tags are
said on the span, since it drops a resource. A person's answer is an annotation as well. Its model's
name is the requested one, and the cost that it adds up is from its own table of prices.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from typing import Any

from stanchion.observe._destination import Destination
from stanchion.observe._notes import Note, scores_of
from stanchion.observe._span import Span, with_attributes
from stanchion.observe.destinations._given import Given
from stanchion.observe.destinations._tags import tags_of

__all__ = ["phoenix"]

_KNOWN = ("chat", "invoke_agent", "execute_tool")


def phoenix(given: Given) -> Destination:
    """Return a Phoenix server, by default the one on this machine."""
    base = given.value("url", "PHOENIX_COLLECTOR_ENDPOINT", default="http://localhost:6006")
    key = given.value("api_key", "PHOENIX_API_KEY")
    project = given.value("project", "PHOENIX_PROJECT_NAME")
    headers = {"authorization": f"Bearer {key}"} if key else {}
    if project:
        headers["x-project-name"] = project
    url = base if base.endswith("/v1/traces") else f"{base.rstrip('/')}/v1/traces"
    about = {"environment": given.value("environment"), "release": given.value("release")}
    return given.make(
        {"api_key", "project"},
        url=url,
        headers=headers,
        adapt=partial(adapt, about={name: value for name, value in about.items() if value}),
        notes=partial(
            span_annotations, url.removesuffix("/traces") + "/span_annotations?sync=false"
        ),
    )


def adapt(span: Span, *, about: Mapping[str, str]) -> Span:
    """Say in OpenInference's names what Phoenix doesn't take from the others."""
    said = span.attributes
    told: dict[str, Any] = {
        "openinference.span.kind": None if said.get("gen_ai.operation.name") in _KNOWN else "CHAIN",
        "metadata": json.dumps({**about, "version": said.get("stanchion.workflow.version")}),
        "tag.tags": tags_of(said) or None,
        "llm.model_name": said.get("gen_ai.response.model"),
        "llm.token_count.completion_details.reasoning": said.get(
            "gen_ai.usage.reasoning.output_tokens"
        ),
        "llm.cost.total": said.get("stanchion.cost.usd")
        if said.get("gen_ai.operation.name") == "chat"
        else None,
    }
    return with_attributes(span, told)


def span_annotations(url: str, span: Span) -> list[Note]:
    """Return a span's scores as annotations; one that is sent again replaces itself."""
    said = [
        {
            "span_id": span.span_id.hex(),
            "name": score.name,
            "annotator_kind": "HUMAN" if score.by_person else "CODE",
            "identifier": "stanchion",
            "result": {
                "label": score.label,
                "score": score.value,
                "explanation": score.explanation,
            },
        }
        for score in scores_of(span)
    ]
    return [Note(url, {"data": said})] if said else []
