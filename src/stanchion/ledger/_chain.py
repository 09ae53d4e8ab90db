"""The chain over a run's entries: each entry's digest covers the one before it.

Covered are the entry's own fields and the digests of its payloads, not the payloads themselves: an
erased payload leaves the chain whole. Without an anchored head it detects corruption, not somebody
who rewrites all of it.
"""

from __future__ import annotations

import hashlib
import json

__all__ = ["GENESIS", "link"]

GENESIS = bytes(32)
"""The chain of a run without entries."""

_encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def link(
    previous: bytes,
    run: str,
    seq: int,
    lane: str,
    ordinal: int,
    phase: str,
    kind: str,
    name: str,
    request: bytes | None,
    result: bytes | None,
    facts: str,
    epoch: int,
    recorded_at: int,
) -> bytes:
    """Return the chain after an entry; ``facts`` is canonical JSON, the time in microseconds."""
    fields = (
        run,
        seq,
        lane,
        ordinal,
        phase,
        kind,
        name,
        None if request is None else request.hex(),
        None if result is None else result.hex(),
        facts,
        epoch,
        recorded_at,
    )
    return hashlib.sha256(previous + _encoder.encode(fields).encode()).digest()
