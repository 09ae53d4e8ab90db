"""How property-based tests run here: quickly, on a busy machine, leaving nothing behind."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

__all__ = ["quick"]

quick = settings(
    max_examples=60,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
