"""A function and its declaration made into a contract, or refused.

A definition that a model couldn't understand or that recovery couldn't act on is refused with a
ContractError that says how to mend it. What is merely poor or worth knowing becomes a note.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, cast

from pydantic import ValidationError
from pydantic.errors import PydanticInvalidForJsonSchema

from stanchion.errors import EncodingError
from stanchion.ledger import Codec, canonical, codec_for, digest
from stanchion.tools._breaker import Breaker
from stanchion.tools._bucket import Rate
from stanchion.tools._companions import check_compensation, check_reconciler
from stanchion.tools._compensation import Compensation
from stanchion.tools._contract import Arguments, Contract
from stanchion.tools._docstring import parse_docstring
from stanchion.tools._parameters import Parameters
from stanchion.tools._retry import RetryPolicy
from stanchion.tools._schema import without_titles
from stanchion.tools._signature import Signature, refuse, signature_of
from stanchion.trust import Asked

__all__ = ["Declaration", "Shape", "contract_of", "declared_contract", "with_digest"]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """What the operator says about a tool, see ``tool``; nobody else sets effect and trust."""

    read: bool = False
    write: bool = False
    trusted: bool = False
    accepts_key: bool | timedelta = False
    reconcile: Callable[..., Any] | None = None
    compensate: Callable[..., Any] | Compensation | None = None
    needs_review: bool = False
    timeout: timedelta = timedelta(seconds=30)
    retries: int | RetryPolicy = 2
    rate: Rate | None = None
    heartbeat: timedelta | None = None
    fresh: timedelta | None = None
    breaker: Breaker | None = None
    targets: Mapping[str, Any] | Collection[str] = ()
    content: Collection[str] = ()
    asked: Asked | None = None
    private: bool = False
    name: str | None = None
    description: str | None = None
    version: str = "1"
    examples: Sequence[Mapping[str, Any]] = ()
    max_argument_bytes: int = 64 * 1024
    max_result_bytes: int = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What a tool is, before anybody says what it does: a function, or a schema from elsewhere."""

    name: str
    description: str
    arguments: Arguments
    result: Codec[Any]
    returns: Mapping[str, Any]
    takes_context: bool
    is_async: bool


def contract_of(fn: Callable[..., Any], said: Declaration) -> Contract:
    """Make the contract of a function, or raise ContractError."""
    name = said.name or getattr(fn, "__name__", "")
    _check_name(name, f"tool {name or fn!r}")
    where = f"tool {name}"
    _check_effect(said, where)
    signature = signature_of(fn, where)
    text = parse_docstring(fn.__doc__)
    arguments = Parameters(
        signature.parameters, text.parameters, where=where, max_bytes=said.max_argument_bytes
    )
    result, returns = _result(signature, where)
    shape = Shape(
        name=name,
        description=said.description or text.description,
        arguments=arguments,
        result=result,
        returns=returns,
        takes_context=signature.takes_context,
        is_async=signature.is_async,
    )
    return declared_contract(shape, said)


def declared_contract(shape: Shape, said: Declaration) -> Contract:
    """Make the contract of a shape about which the operator said this, or raise ContractError."""
    where, arguments = f"tool {shape.name}", shape.arguments
    _check_name(shape.name, where)
    _check_effect(said, where)
    _check_description(shape.description, where)
    _check_heartbeat(said, shape, where)
    check_reconciler(said.reconcile, arguments.names, where)
    compensation = _compensation(said.compensate)
    check_compensation(compensation, arguments.names, where)
    contract = Contract(
        name=shape.name,
        description=shape.description.strip(),
        effect="write" if said.write else "read",
        trusted=said.trusted,
        accepts_key=said.accepts_key is not False,
        key_validity=said.accepts_key if isinstance(said.accepts_key, timedelta) else None,
        reconcile=said.reconcile,
        compensate=compensation,
        needs_review=said.needs_review,
        timeout=said.timeout,
        retry=_retry(said.retries),
        rate=said.rate,
        heartbeat=said.heartbeat,
        fresh=said.fresh,
        breaker=said.breaker,
        targets=_targets(said.targets, arguments.names, where),
        content=_content(said, arguments.names, where),
        asked=said.asked,
        private=said.private,
        arguments=arguments,
        result=shape.result,
        parameters=_with_examples(arguments, said.examples, where),
        returns=shape.returns,
        examples=tuple(said.examples),
        max_result_bytes=said.max_result_bytes,
        takes_context=shape.takes_context,
        is_async=shape.is_async,
        version=said.version,
        digest="",
        notes=tuple(_notes(said, shape)),
    )
    return with_digest(contract)


def _check_heartbeat(said: Declaration, shape: Shape, where: str) -> None:
    if said.heartbeat is None:
        return
    if not timedelta(0) < said.heartbeat < said.timeout:
        raise refuse(
            where,
            "its heartbeat isn't a positive duration below its timeout",
            "give the longest that a working body may be silent",
        )
    if not shape.takes_context:
        raise refuse(
            where,
            "it has a heartbeat and no CallContext to beat with",
            "take `call: CallContext` first and call `call.heartbeat()`",
        )


def with_digest(contract: Contract) -> Contract:
    """Return the contract with the digest of what it declares."""
    return replace(contract, digest=_digest(contract))


def _check_name(name: str, where: str) -> None:
    if not _NAME.fullmatch(name):
        raise refuse(
            where,
            "its name can't be used by a model",
            "write a `def` or give name=: letters, digits, _ and -, at most 64",
        )


def _check_description(text: str, where: str) -> None:
    if not text.strip():
        raise refuse(
            where,
            "it has no description",
            "say in its docstring or with description= what it does and when to use it",
        )


def _check_effect(said: Declaration, where: str) -> None:
    if said.read == said.write:
        raise refuse(
            where,
            "it must be either a read or a write",
            "say read=True if calling it changes nothing anywhere, else write=True",
        )
    capabilities = {
        "accepts_key": said.accepts_key is not False,
        "reconcile": said.reconcile is not None,
        "compensate": said.compensate is not None,
    }
    if said.write and said.fresh is not None:
        raise refuse(where, "fresh is about answers and this is a write", "remove fresh")
    if said.fresh is not None and said.fresh <= timedelta(0):
        raise refuse(where, "fresh isn't a positive duration", "say how long an answer holds")
    if said.read and (given := [name for name, is_given in capabilities.items() if is_given]):
        raise refuse(
            where,
            f"{given[0]} is a capability of writes and this is a read",
            f"remove {given[0]}, or say write=True if it changes something",
        )
    if isinstance(said.accepts_key, timedelta) and said.accepts_key <= timedelta(0):
        raise refuse(where, "accepts_key isn't a positive duration", "give the target's own")
    if said.timeout <= timedelta(0):
        raise refuse(where, "timeout isn't positive", "give the longest a call may take")


def _result(signature: Signature, where: str) -> tuple[Codec[Any], Mapping[str, Any]]:
    if signature.returns is inspect.Parameter.empty:
        raise refuse(where, "its return type is missing", "annotate it; `-> None` for nothing")
    try:
        codec: Codec[Any] = codec_for(signature.returns)
        return codec, without_titles(codec.schema())
    except (EncodingError, PydanticInvalidForJsonSchema) as error:
        raise refuse(
            where,
            "its return type has no JSON schema",
            "return standard types, a dataclass or a Pydantic model",
        ) from error


def _retry(retries: int | RetryPolicy) -> RetryPolicy:
    return retries if isinstance(retries, RetryPolicy) else RetryPolicy(attempts=retries + 1)


def _targets(
    targets: Mapping[str, Any] | Collection[str], names: Collection[str], where: str
) -> Mapping[str, Any]:
    roles = (
        dict(cast("Mapping[str, Any]", targets))
        if isinstance(targets, Mapping)
        else {name: name for name in sorted(targets)}
    )
    for name in roles:
        if name not in names:
            raise refuse(
                where,
                f"the target {name!r} isn't one of its parameters",
                f"name one of: {', '.join(names) or 'it has none'}",
            )
    return roles


def _content(said: Declaration, names: Collection[str], where: str) -> frozenset[str]:
    for name in said.content:
        if name not in names or name in said.targets:
            raise refuse(
                where,
                f"the content {name!r} isn't one of its parameters, or is a target",
                "name parameters that only say what a reader will read",
            )
    return frozenset(said.content)


def _with_examples(
    arguments: Arguments, examples: Sequence[Mapping[str, Any]], where: str
) -> Mapping[str, Any]:
    for example in examples:
        try:
            arguments.validate(example)
        except (ValidationError, EncodingError) as error:
            raise refuse(
                where, f"the example {dict(example)!r} doesn't fit its parameters", "mend it"
            ) from error
    return {**arguments.schema, "examples": list(examples)} if examples else arguments.schema


def _notes(said: Declaration, shape: Shape) -> Iterator[str]:
    properties: Mapping[str, Any] = shape.arguments.schema.get("properties", {})
    for name, schema in properties.items():
        if "description" not in schema and "$ref" not in schema:
            yield f"parameter {name} has no description: add it under `Args:` in the docstring"
    can_be_resolved = said.accepts_key is not False or said.reconcile is not None
    if said.write and not can_be_resolved:
        yield "an unknown outcome goes to a person: the target takes no key and can't be asked"
    if said.write and not shape.is_async and not can_be_resolved:
        yield "a timeout is an unknown outcome: it runs in a thread, which can't be cancelled"


def _digest(contract: Contract) -> str:
    """Digest what is declared; functions count by their presence and name."""
    validity = contract.key_validity
    declared = {
        "v": 1,
        "name": contract.name,
        "description": contract.description,
        "effect": contract.effect,
        "trusted": contract.trusted,
        "accepts_key": contract.accepts_key,
        "key_validity": None if validity is None else validity.total_seconds(),
        "reconcile": _qualified(contract.reconcile),
        **_undoing_of(contract.compensate),
        "needs_review": contract.needs_review,
        "timeout": contract.timeout.total_seconds(),
        "attempts": contract.retry.attempts,
        "targets": {name: _qualified(role) for name, role in contract.targets.items()},
        **_trust_of(contract),
        "parameters": contract.arguments.schema,
        "returns": contract.returns,
        "version": contract.version,
    }
    return digest(canonical(declared, what=f"the contract of {contract.name}")).hex()


def _compensation(said: Callable[..., Any] | Compensation | None) -> Compensation | None:
    return said if said is None or isinstance(said, Compensation) else Compensation(said)


def _undoing_of(compensation: Compensation | None) -> dict[str, Any]:
    """Return what is declared of undoing; a function alone leaves the digest as it was."""
    if compensation is None:
        return {"compensate": None}
    key = compensation.accepts_key
    own = {
        "compensate_reconcile": _qualified(compensation.reconcile),
        "compensate_key": key.total_seconds() if isinstance(key, timedelta) else key,
    }
    said = {name: value for name, value in own.items() if value is not None}
    return {"compensate": _qualified(compensation.undo), **said}


def _trust_of(contract: Contract) -> dict[str, Any]:
    """Return what is declared beyond targets; what isn't leaves the digest as it was."""
    asked = contract.asked
    said = {
        "content": sorted(contract.content),
        "asked": [sorted(asked.verbs), sorted(asked.objects)] if asked else None,
        "private": contract.private,
    }
    return {name: value for name, value in said.items() if value}


def _qualified(thing: Any) -> str | None:
    """Name a function, a class or a field in a way that is the same in every process."""
    if thing is None or isinstance(thing, str):
        return thing
    return getattr(thing, "__qualname__", None) or type(thing).__qualname__
