"""Stanchion's tools served over MCP: real processes, the official client, both transports."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import httpx
import httpx2
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult

from stanchion import Stanchion
from stanchion.errors import ConfigurationError
from stanchion.tools import Declaration, call
from stanchion.tools.mcp import McpServer, StdioServer
from stanchion.values import RunState
from tests.integrations import desk

ROOT = Path(__file__).parents[2]
PROGRAM = "import sys; from stanchion.cli import main; sys.exit(main())"
SERVE = ("-c", PROGRAM, "tools", "serve", "tests.integrations.desk:server")

Connect: TypeAlias = Callable[[], AbstractAsyncContextManager[Client]]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {
        "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)]),
        "DESK_FOLDER": str(tmp_path),
        "DESK_STORE": f"sqlite:///{tmp_path}/desk.db",
        "STANCHION_POLL_SECONDS": "0.05",
        "STANCHION_LEASE_SECONDS": "2",
    }


@contextmanager
def http_process(environment: dict[str, str], **more: str) -> Generator[tuple[str, Any]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, *SERVE, "--http", f"127.0.0.1:{port}"],
        cwd=ROOT,
        env={**os.environ, **environment, **more},
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(port)
        yield f"http://127.0.0.1:{port}/mcp", process
    finally:
        process.terminate()
        process.wait(20)


def _wait_for(port: int) -> None:
    """Connect until somebody listens, for 20 seconds at most."""
    until = time.monotonic() + 20
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=0.1):
                return
        except OSError:
            assert time.monotonic() < until, "the server didn't start"


@pytest.fixture(params=["stdio", "http"])
def connect(request: pytest.FixtureRequest, environment: dict[str, str]) -> Iterator[Connect]:
    if request.param == "stdio":
        where = StdioServerParameters(
            command=sys.executable, args=list(SERVE), env=environment, cwd=ROOT
        )
        yield lambda: Client(where)
    else:
        with http_process(environment) as (url, _):
            yield lambda: Client(url)


@asynccontextmanager
async def people(environment: dict[str, str]) -> AsyncGenerator[Stanchion]:
    """The same ledger, as those see it who answer."""
    app = Stanchion(environment["DESK_STORE"])
    await app.open(serve=False)
    yield app
    await app.close()


def told(result: CallToolResult) -> Any:
    assert result.structured_content is not None
    return result.structured_content


def meta(result: CallToolResult, name: str) -> Any:
    return (result.meta or {})[f"stanchion/{name}"]


def paid(environment: dict[str, str]) -> list[str]:
    file = Path(environment["DESK_FOLDER"]) / "paid"
    return file.read_text().splitlines() if file.exists() else []


async def settled(client: Client, name: str, arguments: dict[str, Any]) -> CallToolResult:
    """Make the same call until it is no longer waited for."""
    while True:
        result = await client.call_tool(name, arguments)
        if not result.is_error or told(result)["action"] != "wait":
            return result


async def test_a_client_sees_the_contracts_as_a_model_would(connect: Connect) -> None:
    async with connect() as client:
        listed = {each.name: each for each in (await client.list_tools()).tools}

    assert set(listed) == {"holder", "refund", "slow"}
    refund = listed["refund"]
    assert refund.description == "Pay money back."
    assert refund.input_schema == desk.refund.contract.parameters
    assert refund.annotations is not None
    assert (refund.annotations.read_only_hint, refund.annotations.destructive_hint) == (False, True)


async def test_a_call_is_a_run_in_the_ledger(connect: Connect, environment: dict[str, str]) -> None:
    async with connect() as client:
        result = await client.call_tool("refund", {"account": "12", "amount": 5})
    assert told(result) == {"account": "12", "amount": 5}
    assert len(paid(environment)) == 1

    async with people(environment) as app:
        run = meta(result, "run")
        assert (await app.store.get(run)).state is RunState.COMPLETED
        kinds = [(entry.kind, entry.name) for entry in await app.store.entries(run)]
    assert ("call", "refund") in kinds


@pytest.mark.parametrize(
    ("name", "arguments", "code", "field"),
    [
        ("holder", {"account": "0"}, "not_found", "account"),
        ("holder", {"account": 3}, "invalid_argument", "account"),
        ("holder", {}, "missing_argument", "account"),
        ("holder", {"account": "1", "x": 1}, "unknown_argument", None),
        ("holder", {"account": "x" * 100_000}, "arguments_too_large", None),
        ("nothing", {}, "unknown_tool", None),
    ],
)
async def test_an_error_is_the_one_that_a_model_reads(
    connect: Connect, name: str, arguments: dict[str, Any], code: str, field: str | None
) -> None:
    async with connect() as client:
        result = await client.call_tool(name, arguments)

    assert result.is_error
    assert told(result)["code"] == code
    assert told(result).get("field") == field


@pytest.mark.promise("SERVE-1")
async def test_a_call_out_of_bounds_waits_for_a_person_and_is_made_once(
    connect: Connect, environment: dict[str, str]
) -> None:
    arguments = {"account": "12", "amount": 500}
    async with connect() as client, people(environment) as app:
        first = await client.call_tool("refund", arguments)
        again = await client.call_tool("refund", arguments)
        assert (told(first)["code"], told(first)["action"]) == ("waiting_for_person", "wait")
        assert meta(first, "run") == meta(again, "run")
        assert paid(environment) == []

        (review,) = meta(first, "reviews")
        assert review in told(first)["detail"]
        await app.answer(review, "approve", by="ada")
        done = await settled(client, "refund", arguments)
        assert told(done) == arguments
        assert meta(done, "run") == meta(first, "run")
        assert len(paid(environment)) == 1

        other = await client.call_tool("refund", arguments)
        assert told(other)["code"] == "waiting_for_person"
        assert meta(other, "run") != meta(first, "run")
    assert len(paid(environment)) == 1


async def test_a_person_can_say_no(connect: Connect, environment: dict[str, str]) -> None:
    arguments = {"account": "12", "amount": 500}
    async with connect() as client, people(environment) as app:
        (review,) = meta(await client.call_tool("refund", arguments), "reviews")
        await app.answer(review, "deny", by="ada", comment="too much")
        assert told(await settled(client, "refund", arguments))["code"] == "denied"
    assert paid(environment) == []


@pytest.mark.promise("SERVE-1")
async def test_a_call_that_waits_is_joined_after_a_restart(
    connect: Connect, environment: dict[str, str]
) -> None:
    arguments = {"account": "12", "amount": 500}
    async with connect() as client:
        first = await client.call_tool("refund", arguments)
    async with people(environment) as app:
        await app.answer(meta(first, "reviews")[0], "approve", by="ada")
    async with connect() as client:
        done = await settled(client, "refund", arguments)

    assert meta(done, "run") == meta(first, "run")
    assert len(paid(environment)) == 1


async def test_a_callers_own_key_makes_the_same_call_of_two(
    connect: Connect, environment: dict[str, str]
) -> None:
    arguments, key = {"account": "12", "amount": 5}, {"stanchion/idempotency-key": "k1"}
    async with connect() as client:
        for given in (key, key, None):
            result = await client.call_tool("refund", arguments, meta=given)  # pyright: ignore[reportArgumentType]
            assert told(result) == arguments
    assert len(paid(environment)) == 2


async def test_equal_calls_at_the_same_time_are_one(connect: Connect) -> None:
    async with connect() as client:
        calls = [client.call_tool("slow", {"seconds": 0.5}) for _ in range(3)]
        results = await asyncio.gather(*calls)
    assert len({meta(result, "run") for result in results}) == 1


@pytest.mark.promise("SERVE-1")
async def test_a_call_of_a_killed_server_is_recovered_by_the_next(
    environment: dict[str, str],
) -> None:
    arguments = {"seconds": 1.0}
    async with people(environment) as app:
        with http_process(environment) as (url, process):
            asking = asyncio.create_task(_ask("slow", url, arguments))
            started = await _intent(app)
            process.kill()
            await asyncio.gather(asking, return_exceptions=True)
    with http_process(environment) as (url, _):
        async with Client(url) as client:
            done = await settled(client, "slow", arguments)

    assert meta(done, "run") == started
    assert not done.is_error


async def _ask(name: str, url: str, arguments: dict[str, Any]) -> None:
    async with Client(url) as client:
        await client.call_tool(name, arguments)


async def _intent(app: Stanchion) -> str:
    """Return the first run that is about to write."""
    after = (0, 0)
    async with asyncio.timeout(20):
        while True:
            for entry in await app.store.follow(after, 100):
                if entry.phase == "intent":
                    return entry.run
            await asyncio.sleep(0)


# Who may call ------------------------------------------------------------------------------------


async def post(url: str, headers: dict[str, str]) -> int:
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    async with httpx.AsyncClient(headers=headers) as client:
        return (await client.post(url, json=body)).status_code


@pytest.mark.promise("SERVE-2")
async def test_only_requests_with_the_token_are_served(environment: dict[str, str]) -> None:
    token = {"STANCHION_MCP_TOKEN": "t0ken"}
    with http_process(environment, **token) as (url, _):
        for given in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "t0ken"}):
            assert await post(url, given) == 401

        async with (
            httpx2.AsyncClient(headers={"Authorization": "Bearer t0ken"}) as http,
            Client(streamable_http_client(url, http_client=http)) as client,
        ):
            assert not (await client.call_tool("holder", {"account": "1"})).is_error


@pytest.mark.promise("SERVE-2")
@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.com"])  # noqa: S104 (none is bound)
async def test_other_machines_are_not_served_without_a_token(host: str) -> None:
    server = desk.served("sqlite://:memory:")
    with pytest.raises(ConfigurationError, match="without a token"):
        await server.serve_http(host)


@pytest.mark.promise("SERVE-2")
async def test_a_web_page_on_this_machine_is_not_served(environment: dict[str, str]) -> None:
    with http_process(environment) as (url, _):
        assert await post(url, {"Origin": "http://evil.example"}) == 403
        assert await post(url, {"Host": "evil.example"}) == 421


# Both sides --------------------------------------------------------------------------------------


async def test_stanchion_calls_stanchions_tools_with_its_own_key(
    environment: dict[str, str], tmp_path: Path
) -> None:
    said = Declaration(accepts_key=True, timeout=desk.refund.contract.timeout)
    server = McpServer(
        "desk",
        StdioServer(sys.executable, SERVE, env=environment, cwd=ROOT),
        pinned=tmp_path / "desk.mcp.json",
        declared={"refund": said},
    )
    server.approve(await server.look())
    refund = next(tool for tool in server.tools if tool.name == "desk__refund")
    result = await call(refund, {"account": "12", "amount": 5})
    await server.aclose()

    assert result.error is None
    assert len(paid(environment)) == 1
