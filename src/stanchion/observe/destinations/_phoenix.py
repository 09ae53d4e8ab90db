"""Arize Phoenix (read at 20.26.1): takes protobuf alone, makes OpenInference of gen_ai names.

What has no gen_ai operation is given OpenInference's kind itself. Its model's name is the requested
one, and its cost is from its own table of prices.
"""

from __future__ import annotations

from stanchion.observe._destination import Destination
from stanchion.observe._span import Span, with_attributes
from stanchion.observe.destinations._given import Given

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
    return given.make({"api_key", "project"}, url=url, headers=headers, adapt=adapt)


def adapt(span: Span) -> Span:
    """Name the kind of what isn't a model's, a tool's or an agent's."""
    if span.attributes.get("gen_ai.operation.name") in _KNOWN:
        return span
    return with_attributes(span, {"openinference.span.kind": "CHAIN"})
