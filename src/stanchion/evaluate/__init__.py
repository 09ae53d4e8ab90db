"""Evaluation that can be trusted: datasets, experiments, statistics and gates.

Reads what runs recorded and runs workflows through the engine; it serves nothing and decides
nothing in production. ``stanchion.evaluate.statistics`` can be used alone.
"""

from __future__ import annotations

__all__: list[str] = []
