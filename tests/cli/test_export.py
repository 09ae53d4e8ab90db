"""``stanchion export``: destinations fed, looked at, tried."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import SHOP, Terminal


class Collector(ThreadingHTTPServer):
    """A collector that answers with one status."""

    status = 200
    seen = 0


@pytest.fixture
def collector(folder: Path) -> Iterator[Collector]:
    """A collector on this machine, named in the folder's settings."""

    class Handler(BaseHTTPRequestHandler):
        server: Any

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.server.seen += 1
            self.send_response(self.server.status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = Collector(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    address = f"http://127.0.0.1:{server.server_address[1]}/v1/traces"
    (folder / "stanchion.toml").write_text(
        f'[exports.here]\ntype = "otlp"\nurl = "{address}"\nheaders = {{ key = "hush" }}\n'
    )
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_what_is_recorded_is_sent_once_and_again_on_demand(
    terminal: Terminal, collector: Collector
) -> None:
    terminal("run", f"{SHOP}:branch", "--input", "x")
    before = terminal("export", "status", "--json").data[0]

    sent = terminal("export", "run", "--json")
    again = terminal("export", "run", "--json").data[0]
    filled = terminal("export", "run", "--since", "2020-01-01", "--json").data[0]

    assert before["behind"] > 0
    assert sent.code == 0
    assert (sent.data[0]["behind"], sent.data[0]["trouble"]) == (0, "")
    assert again["sent"] == sent.data[0]["sent"] > 0
    assert filled["sent"] == 2 * again["sent"]


def test_a_destination_that_refuses_us_is_told_of_and_loses_nothing(
    terminal: Terminal, collector: Collector
) -> None:
    terminal("run", f"{SHOP}:branch", "--input", "x")
    collector.status = 401

    failed = terminal("export", "run")
    status = terminal("export", "status")
    collector.status = 200
    mended = terminal("export", "run", "--json")

    assert failed.code == 1
    assert "401" in failed.out
    assert "401" in status.out
    assert mended.code == 0
    assert mended.data[0]["behind"] == 0


def test_a_check_says_what_a_destination_lacks(
    terminal: Terminal, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LANGSMITH_API_KEY", raising=False)

    good = terminal("export", "check")
    bad = terminal("export", "check", "here", "langsmith", "--json")

    assert good.code == 0
    assert "taken" in good.out
    assert bad.code == 1
    assert [each["meaning"] for each in bad.data] == ["taken", "misconfigured"]
    assert "LANGSMITH_API_KEY" in bad.data[1]["reason"]


def test_refused_spans_are_listed_with_the_reason(terminal: Terminal, collector: Collector) -> None:
    terminal("run", f"{SHOP}:branch", "--input", "x")
    terminal("export", "run")

    assert terminal("export", "letters", "here").out.startswith("nothing was refused")
    assert terminal("export", "letters", "here", "--json").data == []


def test_without_an_export_the_way_to_one_is_told(terminal: Terminal) -> None:
    terminal("run", f"{SHOP}:branch", "--input", "x")

    told = terminal("export", "run")

    assert told.code == 1
    assert "[exports.langfuse]" in told.err


def test_a_doctor_shows_the_names_of_exports_and_no_credential(
    terminal: Terminal, collector: Collector
) -> None:
    told = terminal("doctor")

    assert "here" in told.out
    assert "hush" not in told.out
