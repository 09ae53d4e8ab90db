"""What all tools from elsewhere have in common: names, contracts, refusals."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from stanchion.errors import ContractError
from stanchion.ledger import codec_for
from stanchion.tools._contract import Contract
from stanchion.tools._registration import Declaration, Shape, declared_contract
from stanchion.tools._schema_arguments import SchemaArguments
from stanchion.tools._signature import refuse

__all__ = ["Imported", "all_refusals", "check_known", "check_server_name", "imported_contract"]

_SERVER_NAME = re.compile(r"[A-Za-z](_?[A-Za-z0-9-])*")
_MANY = 5


@dataclass(frozen=True, slots=True)
class Imported:
    """What somebody else says about a tool."""

    server: str
    name: str
    description: str
    arguments: Mapping[str, Any]
    """JSON schema, an object."""
    answer: Mapping[str, Any]
    """JSON schema of a result; empty if nothing is said."""


def imported_contract(found: Imported, said: Declaration, *, reads: bool, where: str) -> Contract:
    """Make the contract of what the operator says this about; unsaid, it ``reads`` or writes."""
    if not (said.read or said.write):
        said = replace(said, read=reads, write=not reads)
    plain = re.sub(r"[^A-Za-z0-9_-]+", "_", said.name or found.name).strip("_")
    shape = Shape(
        name=f"{found.server}__{plain}",
        description=said.description or found.description,
        arguments=SchemaArguments(found.arguments, where=where, max_bytes=said.max_argument_bytes),
        result=codec_for(Any),
        returns=found.answer,
        takes_context=True,
        is_async=True,
    )
    return declared_contract(shape, said)


def check_server_name(name: str) -> None:
    """Refuse a name under which two servers' tools could be mistaken for each other."""
    if not _SERVER_NAME.fullmatch(name):
        raise refuse(
            f"server {name!r}",
            "its name can't begin a tool's name",
            "use letters, digits, - and single _",
        )


def check_known(named: Collection[str], known: Collection[str], server: str) -> None:
    """Refuse a name that isn't the server's."""
    if unknown := sorted(set(named) - set(known)):
        raise refuse(
            f"server {server}",
            f"it has no {unknown[0]!r}",
            f"there is: {', '.join(sorted(known)[:20])}",
        )


def all_refusals(refused: Sequence[ContractError]) -> ContractError:
    """Make one error of several."""
    if len(refused) == 1:
        return refused[0]
    told = "\n".join(f"  {each.message}: {each.remedy}" for each in refused[:_MANY])
    return ContractError(
        f"{len(refused)} of them can't be tools:\n{told}",
        remedy="mend each with a Declaration, or name it in exclude",
    )
