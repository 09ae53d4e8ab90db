"""Prints what MLflow's own client finds of an experiment: ``_mlflow.py URL EXPERIMENT``."""

import json
import sys

import mlflow


def main() -> None:
    """Print a JSON list, a span each."""
    mlflow.set_tracking_uri(sys.argv[1])
    found = []
    for trace in mlflow.search_traces(locations=[sys.argv[2]], return_type="list"):
        about, tags = trace.info.trace_metadata, trace.info.tags
        for span in trace.data.spans:
            usage = span.attributes.get("mlflow.chat.tokenUsage") or {}
            cost = span.attributes.get("mlflow.llm.cost") or {}
            found.append(
                {
                    "id": span.span_id,
                    "parent": span.parent_id,
                    "kind": span.span_type,
                    "input": json.dumps(span.inputs, ensure_ascii=False),
                    "output": json.dumps(span.outputs, ensure_ascii=False),
                    "input tokens": usage.get("input_tokens"),
                    "output tokens": usage.get("output_tokens"),
                    "cache read": usage.get("cache_read_input_tokens"),
                    "cache write": usage.get("cache_creation_input_tokens"),
                    "reasoning": usage.get("reasoning_output_tokens"),
                    "model": span.attributes.get("mlflow.llm.model"),
                    "cost": cost.get("total_cost"),
                    "session": about.get("mlflow.trace.session"),
                    "user": about.get("mlflow.trace.user"),
                    "tags": json.dumps(tags) + json.dumps(span.attributes, default=str),
                    "environment": tags.get("deployment.environment.name"),
                    "release": tags.get("service.version"),
                    "error": span.status.status_code.value == "ERROR",
                    "answer": json.dumps([[e.name, e.attributes] for e in span.events]),
                }
            )
    print(json.dumps(found))


main()
