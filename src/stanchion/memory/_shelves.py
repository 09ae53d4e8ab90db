"""Where memories are kept: a shelf for each scope, and within it one for each reader.

What not everybody of a scope may read stands on the shelves of its readers only, so that who may
read is a matter of where is looked, and never of what is left out afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote

from stanchion.errors import Refused
from stanchion.ledger import Document, RunRecord, canonical
from stanchion.memory._memory import SCOPES, Memory, Scope, subject_key

__all__ = ["Shelf", "documents_of", "shelf_of", "shelves_for", "withdrawals"]


@dataclass(frozen=True, slots=True)
class Shelf:
    """A place for memories within a tenant."""

    scope: Scope
    owner: str = ""
    """The run's lineage, the workflow or the user; empty for the tenant."""
    reader: str = ""
    """Who alone may read what is here; empty for all who can reach the scope."""

    @property
    def key(self) -> str:
        """The document scope that it is."""
        of_reader = f"/for/{_quoted(self.reader)}" if self.reader else ""
        return f"memory/{self.scope}/{_quoted(self.owner)}{of_reader}"


def shelf_of(record: RunRecord, scope: Scope) -> Shelf:
    """Return a run's own shelf of a scope; raise Refused if it has none."""
    owners = {"run": record.root, "workflow": record.workflow, "user": record.user, "tenant": ""}
    owner = owners[scope]
    if not owner and scope != "tenant":
        raise Refused(
            f"the run has no {scope} to remember anything for",
            remedy="start it with app.start(..., user=...), or name another scope",
            rule="memory scope",
        )
    return Shelf(scope, owner)


def shelves_for(
    record: RunRecord, readers: Iterable[str], scopes: Iterable[Scope] = SCOPES
) -> list[Shelf]:
    """Return the shelves that a run may look on for these readers; without a user, not a user's."""
    own = [shelf_of(record, s) for s in scopes if s != "user" or record.user]
    theirs = [Shelf(s.scope, s.owner, reader) for s in own for reader in readers if reader]
    return [*own, *theirs]


def documents_of(memory: Memory, shelf: Shelf, body: bytes) -> tuple[Document, ...]:
    """Return what a memory is found by, on each shelf where it stands."""
    readers = [""] if memory.label.readers is None else sorted(memory.label.readers)
    value = "" if memory.value is None else canonical(memory.value).decode()
    return tuple(
        Document(
            Shelf(shelf.scope, shelf.owner, reader).key,
            memory.id,
            f"{memory.subject}\n{memory.text}\n{value}",
            body,
            subject_key(memory.subject),
            memory.kind,
            str(memory.label.integrity),
            memory.expires_at,
        )
        for reader in readers
    )


def withdrawals(memory: Memory, found_in: str) -> tuple[tuple[str, str], ...]:
    """Return all documents of a memory that was found on one of its shelves, by scope and key."""
    whole = found_in.partition("/for/")[0]
    if memory.label.readers is None:
        return ((whole, memory.id),)
    return tuple((f"{whole}/for/{_quoted(r)}", memory.id) for r in memory.label.readers)


def _quoted(name: str) -> str:
    return quote(name, safe="")
