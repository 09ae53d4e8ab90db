"""One rule that makes a contract of any tool's signature.

It sees names and types, never an environment, a task or an attack. What it doesn't recognise gets
the stricter reading: an unknown verb writes, an unknown parameter of a write says on what it acts,
an unknown text was written by somebody else.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, Protocol, TypeAlias, get_args, get_origin

from pydantic import BaseModel
from typing_extensions import TypedDict

from benchmarks.agentdojo._calls import Parameter, Signature
from stanchion import CallContext, NotPerformed, tool
from stanchion.tools import Tool
from stanchion.trust import Asked, Untrusted, asking

__all__ = ["Callee", "Role", "content_of", "contract_tool", "roles_of", "words_of"]

Role: TypeAlias = Literal["target", "content", "setting"]

LOOKS = {"check", "count", "find", "get", "list", "lookup", "query", "read", "search", "show"}
"""Verbs of tools that change nothing."""
PROSE = {
    "body",
    "caption",
    "comment",
    "content",
    "description",
    "location",
    "message",
    "note",
    "subject",
    "summary",
    "text",
    "title",
}
"""Names of what is written for a reader, in parameters and in results."""
TIMES = {"date", "day", "end", "start", "time"}
PAID = {"money", "payment", "transaction"}
PERSONAL = {"info", "information", "profile"}
"""Nouns of tools whose results are for the user alone."""
REACHES = {"address", "endpoint", "host", "link", "uri", "url", "website"}
"""Parameters by which even a read reaches out."""
SCALARS = (bool, int, float, str)


class Callee(Protocol):
    """Where a call goes."""

    def call(self, name: str, arguments: Mapping[str, Any]) -> Any:
        """Perform a call and return its result as JSON; raise RuntimeError if it fails."""
        ...


def words_of(name: str) -> list[str]:
    """Return the words of a snake-case name, in the singular."""
    return [word.removesuffix("s") for word in re.split(r"[_\W]+", name.lower()) if word]


def is_read(signature: Signature) -> bool:
    """Tell whether a tool's verb says that it changes nothing."""
    return words_of(signature.name)[0] in LOOKS


def roles_of(signature: Signature) -> Mapping[str, Role]:
    """Return the role of each parameter.

    A time only says when if something else says on whom or what; alone, it is all there is.
    """
    if is_read(signature):
        return {p.name: _read_role(p) for p in signature.parameters}
    roles: dict[str, Role] = {p.name: _write_role(p) for p in signature.parameters}
    tied = any(p.required and roles[p.name] == "target" for p in signature.parameters)
    for parameter in signature.parameters:
        last = words_of(parameter.name)
        if TIMES.intersection(last):
            roles[parameter.name] = "setting" if tied or "end" in last else "target"
    return roles


def _read_role(parameter: Parameter) -> Role:
    return "target" if REACHES.intersection(words_of(parameter.name)) else "setting"


def _write_role(parameter: Parameter) -> Role:
    if words_of(parameter.name)[-1] in PROSE:
        return "content"
    kinds = _kinds(parameter.annotation)
    chooses = all(kind is bool or _has_members(kind) for kind in kinds)
    times = TIMES.intersection(words_of(parameter.name))
    return "setting" if chooses or times else "target"


def _kinds(annotation: Any) -> set[Any]:
    inner = get_args(annotation) if get_origin(annotation) is not list else ()
    return {each for each in inner if each is not type(None)} or {annotation}


def _has_members(kind: Any) -> bool:
    return hasattr(kind, "__members__")


# Contracts ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Made:
    """A tool, and the role of each of its parameters."""

    tool: Tool[..., Any]
    roles: Mapping[str, Role]


@cache
def contract_tool(signature: Signature) -> Made:
    """Return a tool of this signature that calls its run's target."""
    roles = roles_of(signature)

    async def body(call: CallContext[Callee], **arguments: Any) -> Any:
        given = {name: each for name, each in arguments.items() if each is not None}
        try:
            return call.deps.call(signature.name, given)
        except RuntimeError as error:
            raise NotPerformed("the system refuses this") from error

    body.__name__ = signature.name
    body.__signature__ = _signature(signature)
    body.__annotations__ = _annotations(signature)
    reads = is_read(signature)
    register = tool(
        read=reads,
        write=not reads,
        trusted=True,
        accepts_key=not reads,
        targets={name for name, role in roles.items() if role == "target"},
        content={name for name, role in roles.items() if role == "content"} if not reads else (),
        asked=None if reads else _asked(signature, roles),
        private=reads and bool(PERSONAL.intersection(words_of(signature.name))),
        description=signature.description,
    )
    return Made(register(body), roles)


def content_of(signatures: Sequence[Signature]) -> Mapping[str, set[str]]:
    """Return the content arguments of each tool."""
    return {s.name: {n for n, role in roles_of(s).items() if role == "content"} for s in signatures}


def _asked(signature: Signature, roles: Mapping[str, Role]) -> Asked:
    """Return how people ask for a tool: by its verb, and its noun if nothing else must be named."""
    verb, *nouns = words_of(signature.name)
    verbs = [verb, "pay"] if verb == "send" and PAID.intersection(nouns) else [verb]
    named = any(
        p.required and roles[p.name] == "target" and not TIMES.intersection(words_of(p.name))
        for p in signature.parameters
    )
    return asking(*verbs, objects=() if named else nouns)


def _signature(signature: Signature) -> inspect.Signature:
    empty = inspect.Parameter.empty
    context = inspect.Parameter("call", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    kind = inspect.Parameter.KEYWORD_ONLY
    own = [
        inspect.Parameter(p.name, kind, default=empty if p.required else p.default)
        for p in signature.parameters
    ]
    return inspect.Signature([context, *own])


def _annotations(signature: Signature) -> dict[str, Any]:
    types: dict[str, Any] = {p.name: p.annotation for p in signature.parameters}
    returns = _labelled(signature.returns, "result")
    return {"call": CallContext[Callee], **types, "return": returns}


def _labelled(annotation: Any, name: str) -> Any:
    """Return a type whose prose is marked as somebody else's; a list of names is the system's."""
    arguments = get_args(annotation)
    if get_origin(annotation) is list:
        inner = arguments[0]
        return list[str] if inner is str else list[_labelled(inner, name)]
    if get_origin(annotation) is dict and len(arguments) == 2:
        return dict[str, _labelled(arguments[1], "result")]
    if type(None) in arguments and len(arguments) == 2:
        return _labelled(next(a for a in arguments if a is not type(None)), name) | None
    if annotation is None or annotation is type(None):
        return None
    if isinstance(annotation, type):
        return _labelled_class(annotation, name)
    return Untrusted[Any]


def _labelled_class(kind: type[Any], name: str) -> Any:
    if issubclass(kind, BaseModel):
        fields = {field: _field(field, info) for field, info in kind.model_fields.items()}
        return _record(kind.__name__, fields)
    if issubclass(kind, list | dict):
        return Untrusted[Any]
    scalar: Any = next((each for each in SCALARS if issubclass(kind, each)), str)
    prose = name == "result" or words_of(name)[-1] in PROSE
    return Untrusted[str] if scalar is str and prose else scalar


def _field(name: str, info: Any) -> Any:
    kind = _labelled(info.annotation, name)
    return kind if info.is_required() else kind | None


_record: Any = TypedDict
"""Made from names that aren't known before: no type checker follows it."""
