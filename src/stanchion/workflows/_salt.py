"""A word that is random in each run, drawn when it starts and recorded with its first entry.

It goes into names that nobody outside of the run may be able to guess: handles of results, the ends
of blocks around text from outside.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence

from stanchion.ledger import Entry, RunRecord

__all__ = ["salt_of"]


def salt_of(record: RunRecord, entries: Sequence[Entry]) -> str:
    """Return a run's word, a new one before its first entry; older runs have one of their id."""
    if not entries:
        return secrets.token_hex(6)
    known = entries[0].facts.get("salt")
    return str(known) if known else hashlib.sha256(record.id.encode()).hexdigest()[:12]
