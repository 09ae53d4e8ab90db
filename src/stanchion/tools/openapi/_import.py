"""Operations made into tools, each with a contract that the operator completes."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias, cast

import httpx

from stanchion.errors import ContractError
from stanchion.tools._context import CallContext
from stanchion.tools._contract import Contract
from stanchion.tools._foreign_schema import ForeignSchema, held_to
from stanchion.tools._imported import (
    Imported,
    all_refusals,
    check_known,
    check_server_name,
    imported_contract,
)
from stanchion.tools._registration import Declaration
from stanchion.tools._signature import refuse
from stanchion.tools._tool import Tool, by_name
from stanchion.tools.openapi._document import METHODS, read_document, secret_names
from stanchion.tools.openapi._operation import Operation, operation_id, read_operation
from stanchion.tools.openapi._request import Written, write_request
from stanchion.tools.openapi._send import Server, send

__all__ = ["Auth", "openapi_tools"]

Auth: TypeAlias = httpx.Auth | Callable[[Any], httpx.Auth | Awaitable[httpx.Auth]]
"""Credentials, or what gets them from the app's ``deps`` at each call."""


def openapi_tools(
    document: Mapping[str, Any] | str | Path,
    *,
    server: str,
    base_url: str,
    auth: Auth | None = None,
    operations: Mapping[str, Declaration] | None = None,
    include: Collection[str] | None = None,
    exclude: Collection[str] = (),
    key_header: str = "Idempotency-Key",
    egress: Collection[str] = (),
) -> list[Tool[..., Any]]:
    """Make tools of an OpenAPI document's operations, named ``server__operationId``.

    GET and HEAD are reads, everything else is a write without capabilities, hence irreversible, and
    no result is trusted: unless ``operations`` declares otherwise, by operation id. ``document`` is
    an object, JSON text or a ``Path``; ``base_url`` is the one place that is called, whatever the
    document says. With ``accepts_key`` the key travels in ``key_header``. ``egress`` lists hosts
    that the flow of ``auth`` may reach besides. Raises ContractError for operations that a model
    couldn't understand or that can't be called; ``exclude`` leaves them out.
    """
    parsed = read_document(document)
    declared = operations or {}
    reader = _Reader(parsed, server, declared, key_header)
    found = dict(reader.find(include, exclude))
    check_known({*declared, *(include or ()), *exclude}, reader.ids(), server)
    target = _Target(_server(base_url, egress, server), auth, key_header)
    tools = [_tool(operation, contract, target) for operation, contract in reader.read(found)]
    by_name(tools)
    return tools


@dataclass(frozen=True, slots=True)
class _Target:
    server: Server
    auth: Auth | None
    key_header: str


@dataclass(frozen=True, slots=True)
class _Reader:
    document: Mapping[str, Any]
    server: str
    declared: Mapping[str, Declaration]
    key_header: str

    def ids(self) -> set[str]:
        """Return the ids of all operations."""
        return {name for name, _, _ in self._all()}

    def find(
        self, include: Collection[str] | None, exclude: Collection[str]
    ) -> Iterator[tuple[str, tuple[str, str]]]:
        """Yield the wanted operations: id, then path and method."""
        for name, path, method in self._all():
            if (include is None or name in include) and name not in exclude:
                yield name, (path, method)

    def read(self, wanted: Mapping[str, tuple[str, str]]) -> Iterable[tuple[Operation, Contract]]:
        """Return operations with their contracts; raise one ContractError for all refusals."""
        found: list[tuple[Operation, Contract]] = []
        refused: list[ContractError] = []
        for name, (path, method) in wanted.items():
            try:
                found.append(self._one(name, path, method))
            except ContractError as error:
                refused.append(error)
        if refused:
            raise all_refusals(refused)
        return found

    def _one(self, name: str, path: str, method: str) -> tuple[Operation, Contract]:
        where = f"operation {name}"
        secrets = secret_names(self.document) | {("header", self.key_header.lower())}
        operation = read_operation(self.document, path, method, secrets, where)
        found = Imported(
            self.server, operation.id, operation.description, operation.arguments, operation.answer
        )
        said, reads = self.declared.get(name, Declaration()), method in {"get", "head"}
        return operation, imported_contract(found, said, reads=reads, where=where)

    def _all(self) -> Iterator[tuple[str, str, str]]:
        paths: Mapping[str, Any] = self.document.get("paths", {})
        for path, item in paths.items():
            for method in METHODS:
                if isinstance(item, Mapping) and isinstance(
                    said := cast("Mapping[str, Any]", item).get(method), Mapping
                ):
                    yield operation_id(cast("Mapping[str, Any]", said), path, method), path, method


def _tool(operation: Operation, contract: Contract, target: _Target) -> Tool[..., Any]:
    answer = ForeignSchema(operation.answer, f"tool {contract.name}, its answer")

    async def call(context: CallContext[Any], /, **arguments: Any) -> Any:
        written = write_request(operation, arguments)
        if contract.accepts_key and context.key:
            written = _with_key(written, target.key_header, context.key)
        auth = await _credentials(target.auth, context.deps)
        context.check_deadline()
        value = await send(target.server, written, contract, auth)
        return None if value is None else held_to(answer, value, contract.name)

    call.__doc__ = contract.description
    call.__qualname__ = contract.name
    return Tool(call, contract)


def _with_key(written: Written, header: str, key: str) -> Written:
    return replace(written, headers={**written.headers, header: key})


async def _credentials(auth: Auth | None, deps: Any) -> httpx.Auth | None:
    if auth is None or isinstance(auth, httpx.Auth):
        return auth
    given = auth(deps)
    return await given if inspect.isawaitable(given) else given


def _server(base_url: str, egress: Collection[str], name: str) -> Server:
    check_server_name(name)
    where = f"server {name}"
    base = httpx.URL(base_url)
    if base.scheme not in {"http", "https"} or not base.host:
        raise refuse(where, "its base_url isn't an address", "give https://host/path")
    if base.query or base.fragment or base.userinfo:
        raise refuse(
            where, "its base_url holds more than host and path", "give credentials by auth"
        )
    return Server(base, frozenset(egress))
