"""The chain over a run's entries: each entry's digest covers the one before it.

Covered are the entry's own fields and the digests of its payloads, not the payloads themselves: an
erased payload leaves the chain whole. Without an anchored head it detects corruption, not somebody
who rewrites all of it.
"""

from __future__ import annotations

import hashlib
from typing import TypeAlias

__all__ = ["FIELDS", "GENESIS", "Fields", "link"]

Fields: TypeAlias = tuple[int, str, int, str, str, str, bytes | None, bytes | None, str, int, int]
"""An entry's own fields as the table keeps them, in the order of FIELDS."""

FIELDS = (
    "seq",
    "lane",
    "ordinal",
    "phase",
    "kind",
    "name",
    "request",
    "result",
    "facts",
    "epoch",
    "recorded_at",
)

GENESIS = bytes(32)
"""The chain of a run without entries."""


def link(previous: bytes, run: str, fields: Fields) -> bytes:
    """Return the chain after an entry of a run."""
    seq, lane, ordinal, phase, kind, name, request, result, facts, epoch, recorded_at = fields
    # Every text goes with its length, so that no two entries have the same bytes.
    covered = (
        f"1 {seq} {ordinal} {epoch} {recorded_at} {phase} {len(run)}:{run} {len(lane)}:{lane} "
        f"{len(kind)}:{kind} {len(name)}:{name} {len(facts)}:{facts} "
        f"{request is not None:d}{result is not None:d}"
    )
    content = (previous, covered.encode(), request or b"", result or b"")
    return hashlib.sha256(b"".join(content)).digest()
