"""Any OpenTelemetry collector: the conventions as they are, and OTEL_EXPORTER_OTLP_* as usual."""

from __future__ import annotations

from urllib.parse import unquote

from stanchion.observe._destination import Destination
from stanchion.observe.destinations._given import Given

__all__ = ["otlp"]


def otlp(given: Given) -> Destination:
    """Return a collector, by default the one on this machine."""
    protocol = given.value("protocol", "OTEL_EXPORTER_OTLP_PROTOCOL", default="http/protobuf")
    whole = given.value("url", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    port = 4317 if protocol == "grpc" else 4318
    base = given.value("", "OTEL_EXPORTER_OTLP_ENDPOINT", default=f"http://localhost:{port}")
    path = "" if protocol == "grpc" else "/v1/traces"
    said = given.value("", "OTEL_EXPORTER_OTLP_HEADERS")
    pairs = (pair.partition("=") for pair in said.split(",") if "=" in pair)
    headers = {unquote(name.strip()): unquote(value.strip()) for name, _, value in pairs}
    return given.make(url=whole or base.rstrip("/") + path, protocol=protocol, headers=headers)
