"""Idempotency keys, minted by the runtime and by nobody else.

The same call in the same lineage has the same key over retries, re-plans and restarts; ``n``
tells deliberate repetitions apart.
"""

from __future__ import annotations

from stanchion.ledger import canonical, digest

__all__ = ["mint_key"]

_FORM = 1


def mint_key(lineage: str, tool: str, arguments: bytes, n: int) -> str:
    """Return 64 hex digits for call ``n`` of a tool with these canonical arguments.

    ``lineage`` is the root run; a hand-over keeps it, a fork has its own.
    """
    identity = [_FORM, lineage, tool, digest(arguments).hex(), n]
    return digest(canonical(identity, what="an idempotency key")).hex()
