"""MLflow (read at 3.18): an experiment's number in a header, and its own names for the rest.

A batch is taken whole or not at all. Its cost is from its own table of prices.
"""

from __future__ import annotations

import json

from stanchion.observe._destination import Destination
from stanchion.observe._span import Attributes, Span, with_attributes
from stanchion.observe.destinations._given import Given

__all__ = ["mlflow"]

_KNOWN = ("chat", "invoke_agent", "execute_tool")


def mlflow(given: Given) -> Destination:
    """Return an MLflow server, by default the one on this machine, and an experiment of it."""
    base = given.value("url", "MLFLOW_TRACKING_URI", default="http://localhost:5000")
    url = base if base.endswith("/v1/traces") else f"{base.rstrip('/')}/v1/traces"
    experiment = given.value("experiment_id", "MLFLOW_EXPERIMENT_ID", default="0")
    headers = {"x-mlflow-experiment-id": experiment}
    token = given.value("token", "MLFLOW_TRACKING_TOKEN")
    if token:
        headers["authorization"] = f"Bearer {token}"
    return given.make({"experiment_id", "token"}, url=url, headers=headers, adapt=adapt)


def adapt(span: Span) -> Span:
    """Say the inputs, outputs and kind of what MLflow's translation of gen_ai names leaves out."""
    said = span.attributes
    added = {
        "mlflow.spanInputs": _json(said, "input"),
        "mlflow.spanOutputs": _json(said, "output"),
    }
    if said.get("gen_ai.operation.name") not in _KNOWN:
        added["mlflow.spanType"] = json.dumps("CHAIN")
    return with_attributes(span, added)


def _json(said: Attributes, side: str) -> str | None:
    """Return what went in or came out as JSON, which MLflow expects of its own attributes."""
    value = said.get(f"{side}.value")
    if value is None or said.get(f"{side}.mime_type") == "application/json":
        return None if value is None else str(value)
    return json.dumps(value, ensure_ascii=False)
