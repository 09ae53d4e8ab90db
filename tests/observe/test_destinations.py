"""What each destination is sent, and how: its quirks, as its own page or source has them."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Mapping
from typing import Any

import pytest

from stanchion.errors import ConfigurationError
from stanchion.observe import TYPES, Destination, Span, destination_for
from tests.observe.traced import app, named, run_all, spans_of

KEYS = {
    "LANGFUSE_PUBLIC_KEY": "pk",
    "LANGFUSE_SECRET_KEY": "sk",
    "LANGSMITH_API_KEY": "ls",
    "WANDB_API_KEY": "wb",
    "WANDB_ENTITY": "team",
    "WANDB_PROJECT": "desk",
}


@pytest.fixture(scope="module")
def spans() -> list[Span]:
    async def run_once() -> list[Span]:
        async with app() as running:
            tags = {"session": "s1", "team": "blue"}
            return await spans_of(running.store, await run_all(running, user="u1", tags=tags))

    return asyncio.run(run_once())


def made(kind: str, **options: Any) -> Destination:
    return destination_for(kind, options, environment=KEYS)


def said(to: Destination, span: Span) -> Mapping[str, Any]:
    return to.adapt(span).attributes


@pytest.mark.parametrize("kind", TYPES)
def test_what_was_said_already_stays_said(kind: str, spans: list[Span]) -> None:
    for span in spans:
        adapted = made(kind).adapt(span)
        assert adapted.attributes.items() >= span.attributes.items()
        assert (adapted.span_id, adapted.parent_id, adapted.name) == (
            span.span_id,
            span.parent_id,
            span.name,
        )


@pytest.mark.parametrize("kind", [*TYPES, "weave calls"])
def test_no_name_is_the_beginning_of_anothers_path(kind: str, spans: list[Span]) -> None:
    options = {"path": "calls", "type": "weave"} if kind == "weave calls" else {}
    to = made(kind, **options, environment="staging", release="1")

    for names in (to.resource, *(said(to, span) for span in spans)):
        paths = {name.rpartition(".")[0] for name in names}
        paths |= {above.rpartition(".")[0] for above in paths}
        assert not paths & set(names)


@pytest.mark.parametrize("kind", TYPES)
def test_the_service_its_release_and_its_environment_are_the_resource(kind: str) -> None:
    to = made(kind, service="desk", release="1.2", environment="staging")

    assert to.resource["service.name"] == "desk"
    assert to.resource["service.version"] == "1.2"
    assert to.resource["deployment.environment.name"] == "staging"


@pytest.mark.parametrize(
    ("kind", "missing"),
    [
        ("langfuse", ["LANGFUSE_PUBLIC_KEY or public_key", "LANGFUSE_SECRET_KEY or secret_key"]),
        ("langsmith", ["LANGSMITH_API_KEY or LANGCHAIN_API_KEY or api_key"]),
        (
            "weave",
            ["WANDB_API_KEY or api_key", "WANDB_PROJECT or project", "WANDB_ENTITY or entity"],
        ),
        ("phoenix", []),
        ("mlflow", []),
        ("otlp", []),
    ],
)
def test_a_credential_that_is_missing_is_named(kind: str, missing: list[str]) -> None:
    assert list(destination_for(kind, {}, environment={}).lacks) == missing
    assert made(kind).lacks == ()


def test_an_otlp_collector_is_set_up_by_opentelemetrys_own_variables() -> None:
    variables = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "https://collector:4318/",
        "OTEL_EXPORTER_OTLP_HEADERS": "x-key=a%20b, team=blue",
        "OTEL_SERVICE_NAME": "desk",
    }
    to = destination_for("otlp", {}, environment=variables)

    assert to.url == "https://collector:4318/v1/traces"
    assert to.headers == {"x-key": "a b", "team": "blue"}
    assert to.resource["service.name"] == "desk"

    grpc = destination_for("otlp", {"protocol": "grpc"}, environment={})
    assert (grpc.url, grpc.protocol) == ("http://localhost:4317", "grpc")


def test_phoenix_takes_protobuf_and_a_project_and_is_told_the_other_kinds(
    spans: list[Span],
) -> None:
    to = made("phoenix", project="desk", api_key="k")

    assert to.protocol == "http/protobuf"
    assert to.url == "http://localhost:6006/v1/traces"
    assert to.headers == {"authorization": "Bearer k", "x-project-name": "desk"}
    kinds = {s.name: said(to, s).get("openinference.span.kind") for s in spans}
    assert kinds["invoke_workflow every_kind"] == kinds["ask approval"] == "CHAIN"
    assert kinds["chat small"] is kinds["execute_tool find_order"] is None


def test_mlflow_needs_an_experiment_and_is_given_inputs_and_outputs_as_json(
    spans: list[Span],
) -> None:
    to = made("mlflow", experiment_id="7")

    assert to.url == "http://localhost:5000/v1/traces"
    assert to.headers["x-mlflow-experiment-id"] == "7"
    shown = said(to, named(spans, "invoke_workflow every_kind"))
    assert json.loads(shown["mlflow.spanInputs"]) == "1"
    assert json.loads(shown["mlflow.spanOutputs"]) == "sent IT WAS SENT"
    assert json.loads(shown["mlflow.spanType"]) == "CHAIN"
    assert "mlflow.spanType" not in said(to, named(spans, "chat small"))


def test_langfuse_is_told_everything_in_its_own_names(spans: list[Span]) -> None:
    to = made("langfuse", release="1.2", environment="staging")

    assert to.url == "https://cloud.langfuse.com/api/public/otel/v1/traces"
    assert base64.b64decode(to.headers["authorization"].removeprefix("Basic ")) == b"pk:sk"
    assert to.headers["x-langfuse-ingestion-version"] == "4"
    chat = said(to, named(spans, "chat small"))
    assert chat["langfuse.observation.type"] == "generation"
    assert chat["langfuse.observation.model.name"] == "small-2"
    assert json.loads(chat["langfuse.observation.usage_details"]) == {
        "input": 10,
        "input_cached_tokens": 100,
        "input_cache_creation": 10,
        "output": 10,
        "output_reasoning_tokens": 20,
        "total": 150,
    }
    assert json.loads(chat["langfuse.observation.cost_details"]) == {"total": 0.0}
    assert chat["langfuse.trace.tags"] == ["team:blue"]
    assert (chat["langfuse.session.id"], chat["langfuse.user.id"]) == ("s1", "u1")
    assert (chat["langfuse.release"], chat["langfuse.environment"]) == ("1.2", "staging")
    agent = said(to, named(spans, "invoke_agent strong"))
    assert agent["langfuse.observation.type"] == "agent"
    assert not any("usage" in name or "cost" in name for name in agent)
    root = said(to, spans[-1])
    assert root["langfuse.observation.type"] == "chain"
    assert root["langfuse.trace.name"] == "every_kind"
    assert root["langfuse.trace.output"] == "sent IT WAS SENT"


def test_parts_of_langfuses_usage_add_up_to_the_total(spans: list[Span]) -> None:
    usage = json.loads(
        said(made("langfuse"), named(spans, "chat small"))["langfuse.observation.usage_details"]
    )

    assert sum(usage.values()) == 2 * usage["total"]


def test_langsmith_is_sent_whole_runs_with_its_kinds_sessions_and_costs(spans: list[Span]) -> None:
    to = made("langsmith", project="desk")

    assert to.url == "https://api.smith.langchain.com/otel/v1/traces"
    assert to.headers == {"x-api-key": "ls", "langsmith-project": "desk"}
    assert to.whole_runs
    chat = said(to, named(spans, "chat small"))
    assert chat["langsmith.span.kind"] == "llm"
    assert chat["gen_ai.system"] == "acme"
    usage = json.loads(chat["langsmith.usage_metadata"])
    assert usage["input_token_details"] == {"cache_read": 100, "cache_creation": 10}
    assert usage["output_token_details"] == {"reasoning": 20}
    assert (usage["total_tokens"], usage["total_cost"]) == (150, 0.0)
    tool = said(to, named(spans, "execute_tool find_order"))
    assert tool["langsmith.span.kind"] == "tool"
    assert tool["input.value"]
    assert tool["output.value"]
    for span in spans:
        shown = said(to, span)
        assert shown["langsmith.trace.session_id"] == shown["langsmith.metadata.session_id"] == "s1"
        assert shown["langsmith.span.tags"] == "team:blue"


@pytest.mark.parametrize(
    ("path", "url"),
    [
        ("agents", "https://trace.wandb.ai/agents/otel/v1/traces"),
        ("calls", "https://trace.wandb.ai/otel/v1/traces"),
    ],
)
def test_weave_has_two_paths_and_is_told_the_project_in_both_places(path: str, url: str) -> None:
    to = made("weave", path=path)

    assert to.url == url
    assert base64.b64decode(to.headers["authorization"].removeprefix("Basic ")) == b"api:wb"
    assert to.headers["wandb-api-key"] == "wb"
    assert to.headers["project_id"] == "team/desk"
    assert (to.resource["wandb.entity"], to.resource["wandb.project"]) == ("team", "desk")


def test_weaves_calls_are_told_kinds_and_threads(spans: list[Span]) -> None:
    to = made("weave", path="calls", project="other/shop")

    assert to.headers["project_id"] == "other/shop"
    chat, root = said(to, named(spans, "chat small")), said(to, spans[-1])
    assert chat["openinference.span.kind"] == "LLM"
    assert chat["wandb.thread_id"] == "s1"
    assert chat["wandb.is_turn"] is False
    assert root["wandb.is_turn"] is True
    assert said(made("weave"), spans[0]) == spans[0].attributes


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"type": "lang"}, "no type of export 'lang'"),
        ({"publik_key": "x"}, "no option 'publik_key'"),
        ({"protocol": "udp"}, "'udp'"),
        ({"when": "later"}, "'later'"),
        ({"sample": 2}, "sample is a share"),
        ({"url": "localhost"}, "is no address"),
        ({"patterns": ["("]}, "a pattern"),
    ],
)
def test_options_that_cannot_be_are_refused_with_what_could(
    options: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ConfigurationError, match=problem) as refused:
        destination_for("langfuse", options, environment=KEYS)

    assert refused.value.remedy


def test_credentials_are_not_shown() -> None:
    shown = repr(made("langfuse")) + repr(made("langsmith")) + repr(made("weave"))

    assert "pk" not in shown
    assert "'ls'" not in shown
    assert "wb'" not in shown
