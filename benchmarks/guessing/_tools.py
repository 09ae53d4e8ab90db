"""The simulated functions as Stanchion's tools, and the world in which they act."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from benchmarks.guessing._cases import Call, Case
from benchmarks.guessing._rule import is_read, targets_of
from benchmarks.guessing.peers import _bfcl as bfcl
from stanchion import CallContext, NotPerformed, tool
from stanchion.tools import Tool

__all__ = ["World", "parameter_orders", "tool_of", "tools_of"]

TYPES = {"string": str, "integer": int, "float": float, "boolean": bool, "dict": dict[str, Any]}


@dataclass(slots=True)
class World:
    """The simulated systems of one case, and what was done there."""

    systems: Mapping[str, Any]
    done: list[tuple[Call, Any]] = field(default_factory=list[tuple[Call, Any]])
    """Every call that reached a system, with its result, in order."""

    @classmethod
    def of(cls, case: Case) -> World:
        """Return the world as a case begins."""
        return cls({a: bfcl.simulated(a, dict(case.scenario.get(a, {}))) for a in case.apis})

    def call(self, api: str, name: str, arguments: Mapping[str, Any]) -> Any:
        """Make a call; a system's own refusal raises NotPerformed."""
        try:
            result = getattr(self.systems[api], name)(**arguments)
        except Exception as error:
            raise NotPerformed(f"{type(error).__name__}") from error
        self.done.append((Call(name, dict(arguments)), result))
        if isinstance(result, dict) and "error" in result:
            raise NotPerformed("the system refuses")
        return json.loads(json.dumps(result, default=float))


@cache
def tools_of(api: str) -> tuple[Tool[..., Any], ...]:
    """Return the functions of one class as tools."""
    return tuple(_tool(api, schema) for schema in bfcl.schemas(api))


@cache
def tool_of(apis: tuple[str, ...], name: str) -> Tool[..., Any]:
    """Return a function of these classes by its name."""
    return next(each for api in apis for each in tools_of(api) if each.name == name)


def parameter_orders() -> dict[str, list[str]]:
    """Return the parameters of every function, in order."""
    every = [schema for api in bfcl.CLASSES for schema in bfcl.schemas(api)]
    return {schema["name"]: list(schema["parameters"]["properties"]) for schema in every}


def _tool(api: str, schema: Mapping[str, Any]) -> Tool[..., Any]:
    name = schema["name"]
    reads = is_read(api, name)

    async def body(call: CallContext[World], **arguments: Any) -> Any:
        given = {key: value for key, value in arguments.items() if value is not None}
        return call.deps.call(api, name, given)

    body.__name__ = name
    body.__signature__ = _signature(schema["parameters"])
    body.__annotations__ = _annotations(schema["parameters"])
    register = tool(
        read=reads,
        write=not reads,
        trusted=True,
        accepts_key=not reads,
        targets={} if reads else targets_of(schema["parameters"]["properties"]),
        description=schema["description"],
    )
    return register(body)


def _signature(parameters: Mapping[str, Any]) -> inspect.Signature:
    required = set(parameters.get("required", ()))
    kind = inspect.Parameter.KEYWORD_ONLY
    empty = inspect.Parameter.empty
    context = inspect.Parameter("call", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    own = [
        inspect.Parameter(name, kind, default=empty if name in required else None)
        for name in parameters["properties"]
    ]
    return inspect.Signature([context, *own])


def _annotations(parameters: Mapping[str, Any]) -> dict[str, Any]:
    required = set(parameters.get("required", ()))
    types: dict[str, Any] = {"call": CallContext[World], "return": Any}
    for name, schema in parameters["properties"].items():
        own = _type(schema)
        types[name] = own if name in required else own | None
    return types


def _type(schema: Mapping[str, Any]) -> Any:
    if schema["type"] == "array":
        return list[_type(schema["items"])]
    return TYPES[schema["type"]]
