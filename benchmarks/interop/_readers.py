"""How each destination is set up, fed and read back; all give what they found in one form."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from benchmarks.interop._fields import Seen
from benchmarks.interop._servers import MLFLOW, PHOENIX, WEAVE, environment, running
from benchmarks.interop._stand_in import StandIn, langfuse, langsmith, plain, serving
from stanchion.ledger import Store
from stanchion.observe import Destination, Exporter, Span, destination_for
from stanchion.observe._encode import to_protobuf

__all__ = ["DESTINATIONS", "read"]

ABOUT = {"environment": "staging", "release": "2026.11"}
DESTINATIONS = ("OTLP", "Phoenix", "MLflow", "Langfuse", "LangSmith", "Weave calls", "Weave agents")
PEERS = Path(__file__).parent / "peers"
INGESTED_WITHIN = 60.0


async def read(name: str, store: Store, spans: Sequence[Span]) -> Sequence[Seen]:
    """Export the store to a destination and return what it shows then."""
    match name:
        case "OTLP":
            return await _stand_in(store, plain(), "otlp", {})
        case "Langfuse":
            keys = {"public_key": "pk-lf-1", "secret_key": "sk-lf-1"}
            return await _stand_in(store, langfuse(), "langfuse", keys)
        case "LangSmith":
            return await _stand_in(store, langsmith(), "langsmith", {"api_key": "lsv2"})
        case "Phoenix":
            return await _phoenix(store)
        case "MLflow":
            return await _mlflow(store)
        case _:
            return _weave(name.rpartition(" ")[2], spans)


async def _feed(store: Store, to: Destination) -> None:
    exporter = Exporter(store, to, patience=timedelta(seconds=20))
    try:
        feed = await exporter.catch_up()
    finally:
        await exporter.close()
    if feed.dead:
        raise SystemExit(f"{to.name} refused {feed.dead} spans")


async def _stand_in(
    store: Store, stand_in: StandIn, kind: str, keys: dict[str, str]
) -> Sequence[Seen]:
    with serving(stand_in):
        url = stand_in.url + ("/v1/traces" if kind == "otlp" else "")
        await _feed(store, destination_for(kind, {**ABOUT, **keys, "url": url}, environment={}))
    answers = {s["observationId"]: f"{s['name']}={s['value']}" for s in stand_in.scores}
    return [
        {**seen, "answer": seen["answer"] or answers.get(id_, "")}
        for id_, seen in stand_in.seen.items()
    ]


async def _phoenix(store: Store) -> Sequence[Seen]:
    programs = environment(PHOENIX).absolute()
    port, grpc = _free(), _free()
    base = f"http://127.0.0.1:{port}"
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        variables = {
            "PHOENIX_WORKING_DIR": str(folder),
            "PHOENIX_PORT": str(port),
            "PHOENIX_GRPC_PORT": str(grpc),
            "PHOENIX_HOST": "127.0.0.1",
            "PHOENIX_TELEMETRY_ENABLED": "false",
        }
        stack.enter_context(
            running([programs / "phoenix", "serve"], f"{base}/healthz", folder, variables)
        )
        to = destination_for("phoenix", {**ABOUT, "url": base, "project": "desk"}, environment={})
        await _feed(store, to)
        project = f"{base}/v1/projects/desk"
        spans = _once_all(lambda: _data(f"{project}/spans", {"limit": "100"}), 14)
        ids = {"span_ids": [span["context"]["span_id"] for span in spans]}
        notes = _once_all(lambda: _data(f"{project}/span_annotations", ids), 1)
    answers = {note["span_id"]: f"{note['name']}={note['result']['label']}" for note in notes}
    return [_of_phoenix(span, answers) for span in spans]


def _of_phoenix(span: Any, answers: dict[str, str]) -> Seen:
    said = span["attributes"]
    prefix = "llm.token_count."
    id_ = span["context"]["span_id"]
    return {
        "id": id_,
        "parent": span.get("parent_id"),
        "kind": span["span_kind"],
        "input": said.get("input.value"),
        "output": said.get("output.value"),
        "input tokens": said.get(f"{prefix}prompt"),
        "output tokens": said.get(f"{prefix}completion"),
        "cache read": said.get(f"{prefix}prompt_details.cache_read"),
        "cache write": said.get(f"{prefix}prompt_details.cache_write"),
        "reasoning": said.get(f"{prefix}completion_details.reasoning"),
        "model": said.get("llm.model_name"),
        "cost": said.get("llm.cost.total"),
        "session": said.get("session.id"),
        "user": said.get("user.id"),
        "tags": json.dumps(said.get("tag.tags")),
        "environment": said.get("metadata.environment"),
        "release": said.get("metadata.release"),
        "error": span["status_code"] == "ERROR",
        "answer": answers.get(id_, ""),
    }


async def _mlflow(store: Store) -> Sequence[Seen]:
    programs = environment(MLFLOW).absolute()
    port = _free()
    base = f"http://127.0.0.1:{port}"
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        command = [programs / "mlflow", "server", "--backend-store-uri", "sqlite:///ml.db"]
        command += ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
        variables = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        stack.enter_context(running(command, f"{base}/health", folder, variables))
        await _feed(store, destination_for("mlflow", {**ABOUT, "url": base}, environment={}))
        script = [programs / "python", PEERS / "_mlflow.py", base, "0"]
        told = await asyncio.to_thread(
            subprocess.run, script, check=True, capture_output=True, text=True
        )
    return json.loads(told.stdout.splitlines()[-1])


def _weave(path: str, spans: Sequence[Span]) -> Sequence[Seen]:
    programs = environment(WEAVE)
    keys = {"api_key": "k", "entity": "team", "project": "desk", "path": path}
    to = destination_for("weave", {**ABOUT, **keys}, environment={})
    request = to_protobuf([to.adapt(span) for span in spans], to.resource)
    script = [programs / "python", PEERS / "_weave.py", path]
    told = subprocess.run(script, input=request, check=True, capture_output=True)
    return json.loads(told.stdout.splitlines()[-1])


def _data(url: str, query: Mapping[str, Any]) -> list[Any]:
    """Return what Phoenix tells, nothing before it knows the project."""
    answer = httpx.get(url, params=query)
    return answer.json()["data"] if answer.is_success else []


def _once_all(ask: Callable[[], list[Any]], at_least: int) -> list[Any]:
    """Return an answer with as many members as are expected; ingestion takes its time."""
    deadline = time.monotonic() + INGESTED_WITHIN
    while len(found := ask()) < at_least and time.monotonic() < deadline:
        time.sleep(0.5)
    return found


def _free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
