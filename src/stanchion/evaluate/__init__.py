"""Evaluation that can be trusted: datasets, experiments, statistics and gates.

Reads what runs recorded and runs workflows through the engine; it serves nothing and decides
nothing in production. ``stanchion.evaluate.statistics`` can be used alone.
"""

from __future__ import annotations

from stanchion.evaluate._attempt import Attempt, Scorer, ToolUse
from stanchion.evaluate._certify import Decided, ErrorBudget, certify
from stanchion.evaluate._dataset import Case, Dataset, leaks, load_dataset
from stanchion.evaluate._experiment import Evaluation, Experiment, Progress, evaluate
from stanchion.evaluate._gate import GateReport, MetricVerdict, Verdict, gate
from stanchion.evaluate._gate_text import in_words, junit, markdown
from stanchion.evaluate._plan import GatePlan, plan_gate
from stanchion.evaluate._recorded import recorded_case, recorded_cases
from stanchion.evaluate._results import CaseResult, read_results, write_results
from stanchion.evaluate._scorers import (
    exact,
    fields_f1,
    human,
    is_json,
    numeric,
    state_check,
    tool_calls,
)
from stanchion.evaluate._summary import Estimate, estimate, slices

__all__ = [
    "Attempt",
    "Case",
    "CaseResult",
    "Dataset",
    "Decided",
    "ErrorBudget",
    "Estimate",
    "Evaluation",
    "Experiment",
    "GatePlan",
    "GateReport",
    "MetricVerdict",
    "Progress",
    "Scorer",
    "ToolUse",
    "Verdict",
    "certify",
    "estimate",
    "evaluate",
    "exact",
    "fields_f1",
    "gate",
    "human",
    "in_words",
    "is_json",
    "junit",
    "leaks",
    "load_dataset",
    "markdown",
    "numeric",
    "plan_gate",
    "read_results",
    "recorded_case",
    "recorded_cases",
    "slices",
    "state_check",
    "tool_calls",
    "write_results",
]
