"""Evaluation that can be trusted: datasets, experiments, statistics and gates.

Reads what runs recorded and runs workflows through the engine; it serves nothing and decides
nothing in production. ``stanchion.evaluate.statistics`` can be used alone.
"""

from __future__ import annotations

from stanchion.evaluate._gate import GateReport, MetricVerdict, Verdict, gate
from stanchion.evaluate._gate_text import in_words, junit, markdown
from stanchion.evaluate._plan import GatePlan, plan_gate
from stanchion.evaluate._results import CaseResult, read_results, write_results

__all__ = [
    "CaseResult",
    "GatePlan",
    "GateReport",
    "MetricVerdict",
    "Verdict",
    "gate",
    "in_words",
    "junit",
    "markdown",
    "plan_gate",
    "read_results",
    "write_results",
]
